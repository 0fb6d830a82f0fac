//! What the keys do: which table has them, how far each is scrolled, and how interfaces are sorted.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A table of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Interfaces,
    Messages,
    Reasons,
    Servers,
    Findings,
    Clients,
}

impl Part {
    /// In the order in which Tab goes through them.
    pub(super) const ALL: [Self; 6] =
        [Self::Interfaces, Self::Messages, Self::Reasons, Self::Servers, Self::Findings, Self::Clients];

    /// What stands over it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Interfaces => "Interfaces",
            Self::Messages => "Messages",
            Self::Reasons => "Not relayed",
            Self::Servers => "Servers",
            Self::Findings => "Findings",
            Self::Clients => "Clients",
        }
    }

    fn step(self, forward: bool) -> Self {
        let all = Self::ALL;
        let by = if forward { 1 } else { all.len() - 1 };
        all[(self as usize + by) % all.len()]
    }
}

/// By what interfaces are sorted; the highest first, but names in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Requests and replies a second, then in all.
    Activity,
    /// Frames refused a second, then in all.
    Dropped,
    /// The share that the slow path relayed.
    Slow,
    /// Name and tags.
    Name,
}

impl Sort {
    /// As the title says it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Activity => "by activity",
            Self::Dropped => "by dropped",
            Self::Slow => "by slow share",
            Self::Name => "by name",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Activity => Self::Dropped,
            Self::Dropped => Self::Slow,
            Self::Slow => Self::Name,
            Self::Name => Self::Activity,
        }
    }
}

/// What the one who looks has chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) focus: Part,
    pub(super) sort: Sort,
    pub(super) paused: bool,
    pub(super) help: bool,
    /// The first row shown of each table. Drawing brings them back to the rows there are.
    pub(super) offsets: [usize; Part::ALL.len()],
    /// Rows that the table with the keys had room for when it was drawn last.
    pub(super) page: usize,
}

impl Default for View {
    fn default() -> Self {
        Self {
            focus: Part::Interfaces,
            sort: Sort::Activity,
            paused: false,
            help: false,
            offsets: [0; Part::ALL.len()],
            page: 1,
        }
    }
}

/// What a key asks for beyond another look at the same figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Stay,
    Leave,
    /// To be stopped, as Ctrl-Z does it to programs that let the terminal read keys.
    Suspend,
}

impl View {
    /// Does what the key says.
    pub(super) fn press(&mut self, key: KeyEvent) -> Wish {
        if key.kind == KeyEventKind::Release {
            return Wish::Stay;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Wish::Leave,
                KeyCode::Char('z') => Wish::Suspend,
                _ => Wish::Stay,
            };
        }
        let offset = &mut self.offsets[self.focus as usize];
        match key.code {
            KeyCode::Char('q' | 'Q') | KeyCode::Esc => return Wish::Leave,
            KeyCode::Up => *offset = offset.saturating_sub(1),
            KeyCode::Down => *offset = offset.saturating_add(1),
            KeyCode::PageUp => *offset = offset.saturating_sub(self.page),
            KeyCode::PageDown => *offset = offset.saturating_add(self.page),
            KeyCode::Home => *offset = 0,
            KeyCode::End => *offset = usize::MAX,
            KeyCode::Tab => self.focus = self.focus.step(true),
            KeyCode::BackTab => self.focus = self.focus.step(false),
            KeyCode::Char('s') => {
                self.sort = self.sort.next();
                self.offsets[Part::Interfaces as usize] = 0;
            }
            KeyCode::Char('p') => self.paused = !self.paused,
            KeyCode::Char('h' | '?') => self.help = !self.help,
            _ => {}
        }
        Wish::Stay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(view: &mut View, code: KeyCode) -> Wish {
        view.press(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn q_escape_and_control_c_leave_and_control_z_suspends() {
        let mut view = View::default();
        assert_eq!(press(&mut view, KeyCode::Char('q')), Wish::Leave);
        assert_eq!(press(&mut view, KeyCode::Esc), Wish::Leave);
        for (letter, wish) in [('c', Wish::Leave), ('z', Wish::Suspend), ('p', Wish::Stay)] {
            assert_eq!(view.press(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)), wish);
        }
        assert_eq!(press(&mut view, KeyCode::Char('c')), Wish::Stay);
        assert_eq!(view, View::default(), "none of them changes what is shown");
    }

    #[test]
    fn a_key_that_is_let_go_does_nothing() {
        let mut view = View::default();
        let up = KeyEvent::new_with_kind(KeyCode::Char('q'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!((view.press(up), view), (Wish::Stay, View::default()));
    }

    #[test]
    fn tab_goes_through_every_table_and_back() {
        let mut view = View::default();
        let mut seen = vec![view.focus];
        for _ in 1..Part::ALL.len() {
            press(&mut view, KeyCode::Tab);
            seen.push(view.focus);
        }
        assert_eq!(seen, Part::ALL);
        press(&mut view, KeyCode::Tab);
        assert_eq!(view.focus, Part::Interfaces);
        press(&mut view, KeyCode::BackTab);
        assert_eq!(view.focus, Part::Clients);
    }

    #[test]
    fn each_table_is_scrolled_by_itself_and_a_page_is_what_has_room() {
        let mut view = View { page: 10, ..View::default() };
        press(&mut view, KeyCode::Up);
        assert_eq!(view.offsets[0], 0, "there is nothing above the first row");
        for (code, offset) in [
            (KeyCode::PageDown, 10),
            (KeyCode::Down, 11),
            (KeyCode::Up, 10),
            (KeyCode::PageUp, 0),
            (KeyCode::End, usize::MAX),
            (KeyCode::PageDown, usize::MAX),
            (KeyCode::Home, 0),
            (KeyCode::Down, 1),
        ] {
            press(&mut view, code);
            assert_eq!(view.offsets[0], offset, "{code}");
        }
        press(&mut view, KeyCode::Tab);
        press(&mut view, KeyCode::Down);
        assert_eq!(view.offsets, [1, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn s_changes_the_order_and_begins_at_the_first_interface() {
        let mut view = View::default();
        let mut orders = Vec::new();
        for _ in 0..4 {
            view.offsets[0] = 7;
            press(&mut view, KeyCode::Char('s'));
            assert_eq!(view.offsets[0], 0);
            orders.push(view.sort);
        }
        assert_eq!(orders, [Sort::Dropped, Sort::Slow, Sort::Name, Sort::Activity]);
    }

    #[test]
    fn p_pauses_and_goes_on_and_h_and_the_question_mark_show_the_keys() {
        let mut view = View::default();
        press(&mut view, KeyCode::Char('p'));
        assert!(view.paused);
        press(&mut view, KeyCode::Char('p'));
        assert!(!view.paused);
        press(&mut view, KeyCode::Char('h'));
        assert!(view.help);
        press(&mut view, KeyCode::Char('?'));
        assert!(!view.help);
    }
}
