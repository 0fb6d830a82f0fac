//! Whole screens, compared with those in `golden`. `BLESS=1 cargo test -p relay-user --bins` writes them anew.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use ratatui::{
    Terminal,
    backend::TestBackend,
    buffer::{Buffer, Cell},
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    style::Color,
};
use relay_user::control::model::Count;

use super::super::{
    figures::Figures,
    keys::{Part, View},
    rates,
    sample::{fast, interface, round},
};
use super::{Shown, draw};

/// A relay with three interfaces in a busy second.
fn busy() -> Figures {
    let start = Instant::now();
    let at = |after, counts: [[Count; 3]; 3]| {
        let [first, second, third] = counts;
        let long = "enp129s0f1np1-to-the-customers-of-the-second-floor";
        let interfaces = vec![
            interface("eth1", Some("100"), first),
            interface("eth1", Some("200.7"), second),
            interface(long, None, third),
        ];
        round(start, after, interfaces)
    };
    let none = Count::default();
    let first = at(
        Duration::ZERO,
        [[fast(1_204_000), fast(2_408_000), fast(4)], [fast(17), fast(17), none], [none; 3]],
    );
    let mut then = at(
        Duration::from_millis(1000),
        [
            [Count { fast: 1_204_250, slow: 3 }, fast(2_408_500), fast(4)],
            [fast(1017), fast(2017), none],
            [Count { fast: 0, slow: 12 }, Count { fast: 0, slow: 12 }, fast(31)],
        ],
    );
    then.stats.copies = Count { fast: 2_410_520, slow: 30 };
    then.stats.receive_drops = 2;
    then.stats.unattributed.insert("unknown_server".to_owned(), fast(12));
    then.stats.clients.clients = 12;
    then.stats.clients.bound = 10;
    rates::figures(Some(&first), &then)
}

fn shown(figures: &Figures) -> Shown<'_> {
    Shown {
        figures,
        age: Duration::ZERO,
        interval: Duration::from_secs(1),
        trouble: None,
        waiting: Duration::ZERO,
        restarted: None,
        colour: true,
    }
}

fn drawn(shown: &Shown<'_>, view: &mut View, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen in memory");
    terminal.draw(|frame| draw(shown, view, frame.area(), frame.buffer_mut())).expect("drawn");
    terminal.backend().buffer().clone()
}

/// The text of the screen, without what is white at the end of a line.
fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let lines = buffer.content.chunks(width).map(|cells| {
        let line: String = cells.iter().map(Cell::symbol).collect();
        line.trim_end().to_owned() + "\n"
    });
    lines.collect()
}

fn golden(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/top/screen/golden").join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, text).expect("written");
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(text == expected, "{}:\n{expected}\nand not\n{text}", file.display());
}

fn press(view: &mut View, codes: &[KeyCode]) {
    for code in codes {
        view.press(KeyEvent::new(*code, KeyModifiers::NONE));
    }
}

#[test]
fn a_small_terminal_has_the_sums_and_one_table() {
    let figures = busy();
    golden("80x24.txt", &text(&drawn(&shown(&figures), &mut View::default(), 80, 24)));
}

#[test]
fn tab_brings_the_other_tables_of_a_small_terminal() {
    let (figures, mut view) = (busy(), View::default());
    let mut screens = String::new();
    for _ in 1..Part::ALL.len() {
        press(&mut view, &[KeyCode::Tab]);
        let all = text(&drawn(&shown(&figures), &mut view, 80, 24));
        // From the names of the tables on.
        screens.extend(all.lines().skip(9).map(|line| format!("{line}\n")));
    }
    golden("80x24-others.txt", &screens);
}

#[test]
fn a_large_terminal_has_all_tables() {
    let figures = busy();
    golden("120x40.txt", &text(&drawn(&shown(&figures), &mut View::default(), 120, 40)));
}

#[test]
fn a_very_small_terminal_has_what_matters_and_none_is_too_small() {
    let figures = busy();
    golden("40x10.txt", &text(&drawn(&shown(&figures), &mut View::default(), 40, 10)));
    for part in Part::ALL {
        for (width, height) in [(1, 1), (1, 30), (200, 1), (9, 4), (3, 60), (110, 34), (130, 34)] {
            drawn(&shown(&figures), &mut View { focus: part, ..View::default() }, width, height);
        }
    }
}

#[test]
fn figures_of_a_daemon_that_is_gone_stay_and_are_marked_as_old() {
    let figures = busy();
    let trouble = "no daemon answers on /run/xdp-dhcrelay/control.sock: it is not running";
    let gone = Shown { age: Duration::from_secs(75), trouble: Some(trouble), ..shown(&figures) };
    let screen = text(&drawn(&gone, &mut View::default(), 80, 24));
    assert!(
        screen.contains("\nOLD, from 1 min 15 s ago: no daemon answers on /run/xdp-dhcrelay/control.sock"),
        "{screen}"
    );
    assert!(screen.contains("Interfaces, by activity (old)"), "{screen}");
    assert!(screen.contains("1204253"), "{screen}");
}

#[test]
fn how_the_figures_are_to_be_taken_is_said_the_worst_first() {
    let figures = busy();
    let mut view = View::default();
    let mut said = |shown: &Shown<'_>, paused| {
        view.paused = paused;
        text(&drawn(shown, &mut view, 80, 24)).lines().nth(2).expect("a third line").to_owned()
    };
    let plain = shown(&figures);
    assert_eq!(said(&plain, false), "Rates over 1.0 s, every 1 s");
    let restarted = Shown { restarted: Some(Duration::from_secs(3)), ..shown(&figures) };
    assert_eq!(
        said(&restarted, false),
        "RESTARTED: another daemon answers since 3 s, its counters began anew"
    );
    assert_eq!(said(&restarted, true), "PAUSED, from 0 s ago; p goes on");
    let late = Shown { waiting: Duration::from_secs(4), age: Duration::from_secs(5), ..restarted };
    assert_eq!(said(&late, true), "LATE, from 5 s ago: the daemon has not answered for 4 s");
    let gone = Shown { trouble: Some("gone"), ..late };
    assert_eq!(said(&gone, true), "OLD, from 5 s ago: gone");
    let first = Figures { seconds: None, ..busy() };
    assert_eq!(said(&shown(&first), false), "Rates come with the next answer");
}

#[test]
fn thousands_of_interfaces_are_scrolled_to_the_last_and_no_further() {
    let start = Instant::now();
    let vlans = |extra: u64| {
        (1..=4094_u64).map(move |vlan| {
            let counts = [fast(vlan * (1 + extra)), Count::default(), Count::default()];
            interface("eth1", Some(&vlan.to_string()), counts)
        })
    };
    let before = round(start, Duration::ZERO, vlans(0).collect());
    let now = round(start, Duration::from_secs(1), vlans(1).collect());
    let figures = rates::figures(Some(&before), &now);
    let mut view = View::default();
    // Tags and requests a second of the first and the last row, and the title.
    let mut seen = |codes: &[KeyCode]| {
        press(&mut view, codes);
        let screen = text(&drawn(&shown(&figures), &mut view, 80, 24));
        let lines: Vec<&str> = screen.lines().collect();
        let row = |line: &str| line.split_whitespace().skip(1).take(1).collect::<String>();
        (lines[10].to_owned(), row(lines[12]), row(lines[22]))
    };
    let title = |rows: &str| format!("> Interfaces, by activity, {rows} of 4094");
    let is = |rows: &str, first: &str, last: &str| (title(rows), first.to_owned(), last.to_owned());
    assert_eq!(seen(&[]), is("1 to 11", "4094", "4084"));
    assert_eq!(seen(&[KeyCode::PageDown, KeyCode::Down]), is("13 to 23", "4082", "4072"));
    assert_eq!(seen(&[KeyCode::End]), is("4084 to 4094", "11", "1"));
    assert_eq!(seen(&[KeyCode::Down, KeyCode::PageDown]), is("4084 to 4094", "11", "1"));
    assert_eq!(seen(&[KeyCode::Up]), is("4083 to 4093", "12", "2"), "the end is where it looks");
    assert_eq!(seen(&[KeyCode::Home, KeyCode::Up]), is("1 to 11", "4094", "4084"));
    let by_name = seen(&[KeyCode::Char('s'), KeyCode::Char('s'), KeyCode::Char('s')]);
    assert_eq!((by_name.1.as_str(), by_name.2.as_str()), ("1", "11"));
}

#[test]
fn s_sorts_interfaces_by_what_the_title_says() {
    let (figures, mut view) = (busy(), View::default());
    let mut firsts = Vec::new();
    for _ in 0..4 {
        let screen = text(&drawn(&shown(&figures), &mut view, 120, 40));
        let lines: Vec<&str> = screen.lines().collect();
        let title = lines.iter().position(|line| line.starts_with("> Interfaces")).expect("a title");
        let row: Vec<&str> = lines[title + 2].split_whitespace().take(2).collect();
        firsts.push((lines[title].to_owned(), row.join(" ").chars().take(10).collect::<String>()));
        press(&mut view, &[KeyCode::Char('s')]);
    }
    let is = |order: &str, first: &str| (format!("> Interfaces, by {order}"), first.to_owned());
    assert_eq!(
        firsts,
        [
            is("activity", "eth1 200.7"),
            is("dropped", "enp129s0f1"),
            is("slow share", "enp129s0f1"),
            is("name", "enp129s0f1")
        ]
    );
}

#[test]
fn without_colours_the_words_are_the_same_and_no_cell_has_one() {
    let figures = busy();
    let of = |colour| {
        let gone = Shown { trouble: Some("gone"), colour, ..shown(&figures) };
        drawn(&gone, &mut View::default(), 120, 40)
    };
    let (with, without) = (of(true), of(false));
    assert_eq!(text(&with), text(&without));
    let coloured = |buffer: &Buffer| buffer.content.iter().filter(|cell| cell.fg != Color::Reset).count();
    assert!(coloured(&with) > 0);
    assert_eq!(coloured(&without), 0);
}

#[test]
fn the_line_of_keys_is_shown_when_asked_for() {
    let (figures, mut view) = (busy(), View::default());
    let last = |view: &mut View| {
        let screen = text(&drawn(&shown(&figures), view, 80, 24));
        screen.lines().last().expect("a last line").to_owned()
    };
    assert_eq!(last(&mut view), "h keys  q leave");
    press(&mut view, &[KeyCode::Char('?')]);
    assert_eq!(
        last(&mut view),
        "Tab next table  Up/Down/PgUp/PgDn/Home/End scroll  s sort  p pause  q leave"
    );
}
