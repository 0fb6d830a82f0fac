//! Columns for people: aligned, two spaces apart, and no column that says nothing.

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// What stands in a cell that has nothing to say.
const NOTHING: &str = "-";

/// Rows under headings.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    columns: [(&'static str, Align); N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(columns: [(&'static str, Align); N]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// An empty cell is shown as `-`.
    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, each with its newline; columns without a single word are left out.
    pub(super) fn render(&self) -> String {
        let Self { columns, rows } = self;
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let used: Vec<usize> = (0..N).filter(|column| width(*column) > 0).collect();
        let widths: Vec<usize> =
            used.iter().map(|column| width(*column).max(columns[*column].0.chars().count())).collect();
        let heading = |column: usize| columns[column].0;
        let mut text = line(used.iter().map(|column| (heading(*column), columns[*column].1)), &widths);
        for row in rows {
            let cell = |column: usize| if row[column].is_empty() { NOTHING } else { row[column].as_str() };
            text.push_str(&line(used.iter().map(|column| (cell(*column), columns[*column].1)), &widths));
        }
        text
    }
}

fn line<'c>(cells: impl Iterator<Item = (&'c str, Align)>, widths: &[usize]) -> String {
    let cells: Vec<String> = cells
        .zip(widths)
        .map(|((cell, align), width)| match align {
            Align::Left => format!("{cell:<width$}"),
            Align::Right => format!("{cell:>width$}"),
        })
        .collect();
    format!("{}\n", cells.join("  ").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_right_aligned_and_silent_columns_left_out() {
        let mut table = Table::new([
            ("NAME", Align::Left),
            ("COUNT", Align::Right),
            ("NEVER", Align::Left),
            ("NOTE", Align::Left),
        ]);
        table.row(["eth0".into(), "1".into(), String::new(), String::new()]);
        table.row(["größer als".into(), "1234567".into(), String::new(), "so".into()]);
        assert_eq!(
            table.render(),
            "NAME          COUNT  NOTE\n\
             eth0              1  -\n\
             größer als  1234567  so\n"
        );
    }
}
