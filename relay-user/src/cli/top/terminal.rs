//! The terminal, taken and given back: raw mode, the alternate screen and the cursor, on every way out.

use std::{
    io::{self, Stdout},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::{Hide, Show},
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
};

use super::super::complain;

/// Whether the terminal is ours: it is given back once. A second time would put the cursor over what was said since.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The terminal while it is ours. Dropping it gives it back; so does a panic, before it says anything.
pub(super) struct Held {
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Held {
    /// Takes the terminal.
    ///
    /// # Errors
    /// There is none, or it takes no commands.
    pub(super) fn take() -> io::Result<Self> {
        HOOK.call_once(|| {
            let say = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                give_back_or_say();
                say(panic);
            }));
        });
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let taken = execute!(io::stdout(), EnterAlternateScreen, Hide)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match taken {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                give_back_or_say();
                Err(error)
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        give_back_or_say();
    }
}

fn give_back_or_say() {
    if let Err(error) = give_back() {
        complain(&format!("xdp-dhcrelay: the terminal cannot be given back ({error}); \"reset\" does it"));
    }
}

/// Both are tried, whatever becomes of the other.
fn give_back() -> io::Result<()> {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return Ok(());
    }
    let shown = execute!(io::stdout(), LeaveAlternateScreen, Show);
    disable_raw_mode().and(shown)
}
