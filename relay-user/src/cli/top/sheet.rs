//! A table on the screen: as many columns as there is room for, and the rows from one on. Rows that are not seen are not
//! made: there may be thousands.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Modifier, Style},
    text::Span,
};

use super::super::table::Align;

/// Columns between two columns.
const GAP: usize = 2;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) heading: &'static str,
    pub(super) align: Align,
    /// Where there is no room, the column with the smallest number goes first, and never the last one left.
    pub(super) keep: u8,
    /// What it may be cut to before others have to go; a number is never cut.
    pub(super) least: usize,
    /// Whether it has anything to say in any row.
    pub(super) used: bool,
}

/// Words that may be cut to `least` columns.
pub(super) const fn words(heading: &'static str, keep: u8, least: usize) -> Column {
    Column { heading, align: Align::Left, keep, least, used: true }
}

/// A number.
pub(super) const fn number(heading: &'static str, keep: u8) -> Column {
    Column { heading, align: Align::Right, keep, least: usize::MAX, used: true }
}

impl Column {
    /// The same column, if `used`.
    pub(super) const fn only_if(self, used: bool) -> Self {
        Self { used, ..self }
    }
}

/// A table.
pub(super) struct Sheet<'a> {
    pub(super) columns: Vec<Column>,
    pub(super) rows: usize,
    /// The cells of a row, one for each column.
    pub(super) cells: Box<dyn Fn(usize) -> Vec<String> + 'a>,
    /// What stands there when there is no row.
    pub(super) empty: &'static str,
}

impl Sheet<'_> {
    /// Draws the rows from `offset` on, which is brought back to the rows there are; returns how many there was room for.
    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer, offset: &mut usize, style: Style) -> usize {
        let page = usize::from(area.height.saturating_sub(1));
        *offset = (*offset).min(self.rows.saturating_sub(page));
        if area.height == 0 {
            return page;
        }
        if self.rows == 0 {
            buffer.set_stringn(area.x, area.y, self.empty, area.width.into(), style);
            return page;
        }
        let rows: Vec<Vec<String>> =
            (*offset..self.rows.min(*offset + page)).map(|row| (self.cells)(row)).collect();
        let widths = fit(&self.columns, &rows, area.width.into());
        let heading: Vec<String> = self.columns.iter().map(|column| column.heading.to_owned()).collect();
        for (row, y) in [&heading].into_iter().chain(&rows).zip(area.top()..area.bottom()) {
            let style = if y == area.y { style.add_modifier(Modifier::BOLD) } else { style };
            let at = Position { x: area.x, y };
            buffer.set_stringn(at.x, at.y, self.line(row, &widths), area.width.into(), style);
        }
        page
    }

    fn line(&self, row: &[String], widths: &[(usize, usize)]) -> String {
        let cells = widths.iter().map(|(column, width)| {
            let cell = row.get(*column).map(String::as_str).unwrap_or_default();
            let cell = cut(if cell.is_empty() { "-" } else { cell }, *width);
            let room = " ".repeat(width.saturating_sub(columns_of(&cell)));
            match self.columns[*column].align {
                Align::Left => cell + &room,
                Align::Right => room + &cell,
            }
        });
        cells.collect::<Vec<_>>().join(&" ".repeat(GAP))
    }
}

/// The columns that are shown, by number, and how wide each is.
fn fit(columns: &[Column], rows: &[Vec<String>], room: usize) -> Vec<(usize, usize)> {
    let mut shown: Vec<(usize, usize)> = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.used)
        .map(|(number, column)| {
            let cells = rows.iter().filter_map(|row| row.get(number)).map(|cell| columns_of(cell));
            (number, cells.chain([columns_of(column.heading)]).max().unwrap_or(0))
        })
        .collect();
    let total = |shown: &[(usize, usize)]| {
        shown.iter().map(|(_, width)| width).sum::<usize>() + GAP * shown.len().saturating_sub(1)
    };
    let least = |shown: &[(usize, usize)]| {
        let cut: Vec<(usize, usize)> =
            shown.iter().map(|(number, width)| (*number, (*width).min(columns[*number].least))).collect();
        total(&cut)
    };
    while shown.len() > 1 && least(&shown) > room {
        let Some(goes) = (0..shown.len()).rev().min_by_key(|place| columns[shown[*place].0].keep) else {
            break;
        };
        shown.remove(goes);
    }
    // The last words, which explain, are cut before the first, which name.
    for place in (0..shown.len()).rev() {
        let over = total(&shown).saturating_sub(room);
        let (number, width) = &mut shown[place];
        *width -= over.min(width.saturating_sub(columns[*number].least));
    }
    shown
}

/// How many columns of a terminal the text takes.
pub(super) fn columns_of(text: &str) -> usize {
    Span::raw(text).width()
}

/// The text in at most `width` columns; what was cut ends with `…`.
pub(super) fn cut(text: &str, width: usize) -> String {
    if columns_of(text) <= width {
        return text.to_owned();
    }
    let ends = text.char_indices().map(|(end, _)| end).rev();
    let kept = ends.map(|end| &text[..end]).find(|kept| columns_of(kept) < width);
    kept.map_or_else(String::new, |kept| format!("{kept}…"))
}

/// The words of `text` in lines of at most `width` columns; a longer word is cut.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if columns_of(line) + 1 + columns_of(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(cut(word, width)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_ends_with_an_ellipsis_and_never_takes_more_room() {
        assert_eq!(cut("eth1.100", 8), "eth1.100");
        assert_eq!(cut("eth1.100", 7), "eth1.1…");
        assert_eq!(cut("größer", 4), "grö…");
        // Two columns each.
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("eth1", 1), "…");
        assert_eq!(cut("eth1", 0), "");
    }

    #[test]
    fn words_go_to_the_next_line_as_a_whole() {
        assert_eq!(wrap("the server is silent", 10), ["the server", "is silent"]);
        assert_eq!(wrap("10.0.41.10 is", 5), ["10.0…", "is"]);
        assert_eq!(wrap("", 5), Vec::<String>::new());
    }

    #[test]
    fn words_are_cut_before_a_column_goes_and_the_last_column_never_does() {
        let columns = [words("NAME", 9, 6), number("RATE", 8), number("TOTAL", 1), words("NOTE", 2, 4)];
        let rows = [vec!["interface-17".into(), "12.5".into(), "1000".into(), "explained".into()]];
        let widths = |room| fit(&columns, &rows, room);
        assert_eq!(widths(80), [(0, 12), (1, 4), (2, 5), (3, 9)]);
        assert_eq!(widths(33), [(0, 12), (1, 4), (2, 5), (3, 6)]);
        assert_eq!(widths(28), [(0, 9), (1, 4), (2, 5), (3, 4)]);
        assert_eq!(widths(24), [(0, 12), (1, 4), (3, 4)], "the total has gone");
        assert_eq!(widths(12), [(0, 6), (1, 4)]);
        assert_eq!(widths(9), [(0, 9)]);
        assert_eq!(widths(3), [(0, 6)], "and the screen cuts it");
    }

    #[test]
    fn a_column_that_says_nothing_takes_no_room() {
        let columns = [words("NAME", 9, 6), words("VRF", 1, 3).only_if(false)];
        assert_eq!(fit(&columns, &[vec!["eth1".into(), String::new()]], 80), [(0, 4)]);
    }
}
