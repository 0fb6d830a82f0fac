//! One frame: figures and what was chosen to cells of the terminal. It knows no clock and no terminal, so that tests
//! compare whole screens.
//!
//! Large screens have all tables, others the one that has the keys. Colours repeat what the words say.

use std::time::Duration;

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
};

use super::{
    super::status::duration,
    figures::{Figures, Flow, Single},
    keys::{Part, View},
    number::{known, rate},
    sheet::cut,
    sheets::sheet,
};

/// From this size on, all tables have room beside each other.
const LARGE: (u16, u16) = (110, 34);
/// Waiting that long for an answer is said.
const LATE: Duration = Duration::from_secs(2);

/// What there is to show.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) figures: &'a Figures,
    /// How old they are.
    pub(super) age: Duration,
    /// Between two rounds.
    pub(super) interval: Duration,
    /// Why the last question was not answered.
    pub(super) trouble: Option<&'a str>,
    /// For how long an answer has been waited for.
    pub(super) waiting: Duration,
    /// Another daemon has come, that long ago.
    pub(super) restarted: Option<Duration>,
    /// Whether colours may be used.
    pub(super) colour: bool,
}

/// Draws it over all of `area`. What was scrolled too far is brought back in `view`.
pub(super) fn draw(shown: &Shown<'_>, view: &mut View, area: Rect, buffer: &mut Buffer) {
    let mut rest = Rows { area };
    let height = area.height;
    let Figures { daemon, .. } = shown.figures;
    let title = format!(
        "xdp-dhcrelay {}, process {}, up {}, configuration {}",
        daemon.version,
        daemon.pid,
        duration(daemon.uptime_seconds),
        daemon.config
    );
    write(buffer, rest.top(1), &title, Style::new().add_modifier(Modifier::BOLD));
    if height >= 10 {
        write(buffer, rest.top(1), &fast_path(shown.figures), Style::new());
    }
    let (state, warns) = state(shown, view);
    write(buffer, rest.top(1), &state, if warns { warning(shown.colour) } else { Style::new() });
    if height >= 18 {
        summary(shown.figures, rest.top(6), buffer);
    } else {
        write(buffer, rest.top(1), &summary_line(shown.figures), Style::new());
    }
    if height >= 12 {
        write(buffer, rest.bottom(1), keys(view), Style::new());
    }
    if area.width >= LARGE.0 && height >= LARGE.1 {
        all_parts(shown, view, rest.area, buffer);
    } else {
        tabs(shown.figures, view, rest.top(u16::from(height >= 8)), buffer);
        part(shown, view, view.focus, rest.area, buffer);
    }
}

/// What is left of the screen.
struct Rows {
    area: Rect,
}

impl Rows {
    fn top(&mut self, rows: u16) -> Rect {
        let rows = rows.min(self.area.height);
        let taken = Rect { height: rows, ..self.area };
        self.area = Rect { y: self.area.y + rows, height: self.area.height - rows, ..self.area };
        taken
    }

    fn bottom(&mut self, rows: u16) -> Rect {
        let rows = rows.min(self.area.height);
        self.area.height -= rows;
        Rect { y: self.area.bottom(), height: rows, ..self.area }
    }
}

fn write(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    if area.height > 0 {
        let width = usize::from(area.width);
        buffer.set_stringn(area.x, area.y, cut(text, width), width, style);
    }
}

fn warning(colour: bool) -> Style {
    let style = Style::new().add_modifier(Modifier::BOLD);
    if colour { style.fg(Color::Red) } else { style }
}

fn fast_path(figures: &Figures) -> String {
    let path = &figures.daemon.fast_path;
    let active = if path.active { "active" } else { "not active" };
    let note = path.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    format!("Fast path: {active} (fast_path = \"{}\"){note}", path.setting)
}

/// How the figures are to be taken, and whether that is a warning.
fn state(shown: &Shown<'_>, view: &View) -> (String, bool) {
    let ago = duration(shown.age.as_secs());
    if let Some(trouble) = shown.trouble {
        return (format!("OLD, from {ago} ago: {trouble}"), true);
    }
    if shown.waiting >= LATE {
        let waiting = duration(shown.waiting.as_secs());
        return (format!("LATE, from {ago} ago: the daemon has not answered for {waiting}"), true);
    }
    if view.paused {
        return (format!("PAUSED, from {ago} ago; p goes on"), true);
    }
    if let Some(since) = shown.restarted {
        let since = duration(since.as_secs());
        return (format!("RESTARTED: another daemon answers since {since}, its counters began anew"), true);
    }
    match shown.figures.seconds {
        None => ("Rates come with the next answer".to_owned(), false),
        Some(seconds) => {
            (format!("Rates over {seconds:.1} s, every {} s", shown.interval.as_secs_f64()), false)
        }
    }
}

fn keys(view: &View) -> &'static str {
    if view.help {
        "Tab next table  Up/Down/PgUp/PgDn/Home/End scroll  s sort  p pause  q leave"
    } else {
        "h keys  q leave"
    }
}

fn lost(figures: &Figures) -> Single {
    let all = figures.lost.values();
    all.fold(Single::default(), |sum, one| Single {
        total: sum.total + one.total,
        per_second: one.per_second.map(|rate| rate + sum.per_second.unwrap_or(0.0)),
    })
}

/// What goes through, by path: six lines.
fn summary(figures: &Figures, area: Rect, buffer: &mut Buffer) {
    let heading = ["", "PER SECOND", "FAST", "SLOW", "TOTAL", "FAST", "SLOW"].map(str::to_owned);
    let flow = |name: &str, flow: &Flow| {
        let rate = |of: fn(&super::figures::Rate) -> f64| known(flow.per_second.as_ref().map(of));
        [
            name.to_owned(),
            rate(|rate| rate.fast + rate.slow),
            rate(|rate| rate.fast),
            rate(|rate| rate.slow),
            flow.sum().to_string(),
            flow.total.fast.to_string(),
            flow.total.slow.to_string(),
        ]
    };
    let lost = lost(figures);
    let nothing = String::new;
    let rows = [
        heading,
        flow("Requests", &figures.requests),
        flow("Replies", &figures.replies),
        flow("Copies", &figures.copies),
        flow("Dropped", &figures.dropped),
        [
            "Lost".to_owned(),
            known(lost.per_second),
            nothing(),
            nothing(),
            lost.total.to_string(),
            nothing(),
            nothing(),
        ],
    ];
    for (row, y) in rows.iter().zip(area.top()..area.bottom()) {
        let [name, numbers @ ..] = row;
        let mut line = format!("{name:<8}");
        for number in numbers {
            line.push_str(&format!(" {number:>11}"));
        }
        let style = if y == area.y { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        write(buffer, Rect { y, height: 1, ..area }, line.trim_end(), style);
    }
}

/// The same in one line, for small screens.
fn summary_line(figures: &Figures) -> String {
    let flows =
        [("requests", &figures.requests), ("replies", &figures.replies), ("dropped", &figures.dropped)];
    let said = flows.map(|(name, flow)| format!("{name} {}/s", rate(flow.rate())));
    format!("{}  lost {}", said.join("  "), lost(figures).total)
}

/// The names of the tables, on a screen that has room for one.
fn tabs(figures: &Figures, view: &View, area: Rect, buffer: &mut Buffer) {
    let names = Part::ALL.map(|part| {
        let name = match warnings(figures) {
            count if part == Part::Findings && count > 0 => format!("{} ({count})", part.title()),
            _ => part.title().to_owned(),
        };
        if part == view.focus { format!("[{name}]") } else { format!(" {name} ") }
    });
    write(buffer, area, names.join(" ").trim_end(), Style::new().add_modifier(Modifier::UNDERLINED));
}

fn warnings(figures: &Figures) -> usize {
    figures.findings.iter().filter(|finding| finding.warning).count()
}

/// A line of its own over the rows of a table, then the table.
fn part(shown: &Shown<'_>, view: &mut View, part: Part, area: Rect, buffer: &mut Buffer) {
    let mut rest = Rows { area };
    let title = rest.top(1);
    let has_keys = part == view.focus;
    let sheet = sheet(part, shown.figures, view.sort, area.width);
    let is_old = shown.trouble.is_some();
    let style = if is_old { Style::new().add_modifier(Modifier::DIM) } else { Style::new() };
    let offset = &mut view.offsets[part as usize];
    let page = sheet.draw(rest.area, buffer, offset, style);
    if has_keys {
        view.page = page.max(1);
    }

    let mut text = format!("{}{}", if has_keys { "> " } else { "  " }, part.title());
    if part == Part::Interfaces {
        text.push_str(&format!(", {}", view.sort.words()));
    }
    if part == Part::Servers {
        text.push_str(", answers in the last hour");
    }
    let offset = view.offsets[part as usize];
    if sheet.rows > page {
        text.push_str(&format!(", {} to {} of {}", offset + 1, (offset + page).min(sheet.rows), sheet.rows));
    }
    if is_old {
        text.push_str(" (old)");
    }
    let style = Style::new().add_modifier(Modifier::BOLD);
    let style = if has_keys && shown.colour { style.fg(Color::Cyan) } else { style };
    write(buffer, title, &text, style);
}

/// Every table, with a line between them.
fn all_parts(shown: &Shown<'_>, view: &mut View, area: Rect, buffer: &mut Buffer) {
    let rows = |part| sheet(part, shown.figures, view.sort, area.width).rows.max(1);
    // Title and heading come on top, and an empty line below.
    let height = |rows: usize, most: u16| u16::try_from(rows).unwrap_or(u16::MAX).min(most) + 3;
    let findings = height(rows(Part::Findings), 3);
    let servers = height(rows(Part::Servers).max(rows(Part::Clients)), area.height / 5);
    let messages = height(rows(Part::Messages).max(rows(Part::Reasons)), area.height / 4);

    let mut rest = Rows { area };
    rest.top(1);
    let findings = rest.bottom(findings);
    let servers = rest.bottom(servers);
    let messages = rest.bottom(messages);
    let above = |area: Rect| Rect { height: area.height.saturating_sub(1), ..area };
    part(shown, view, Part::Interfaces, above(rest.area), buffer);
    let [left, right] = beside(above(messages), 56);
    part(shown, view, Part::Messages, left, buffer);
    part(shown, view, Part::Reasons, right, buffer);
    let [left, right] = beside(above(servers), area.width.saturating_sub(45));
    part(shown, view, Part::Servers, left, buffer);
    part(shown, view, Part::Clients, right, buffer);
    part(shown, view, Part::Findings, findings, buffer);
}

/// Two columns apart.
fn beside(area: Rect, left: u16) -> [Rect; 2] {
    let left = left.min(area.width);
    let right = (left + 2).min(area.width);
    [Rect { width: left, ..area }, Rect { x: area.x + right, width: area.width - right, ..area }]
}

#[cfg(test)]
mod tests;
