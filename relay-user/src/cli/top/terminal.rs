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

#[cfg(test)]
mod tests {
    use std::{
        env,
        fs::File,
        io::Read as _,
        process::{Command, Stdio},
        thread,
    };

    use nix::{pty::openpty, sys::termios::tcgetattr};

    use super::*;

    const INSIDE: &str = "XDP_DHCRELAY_TEST_PANICS_ON_A_TERMINAL";

    /// The test starts itself a second time, on a terminal of its own, and panics there.
    #[test]
    fn a_panic_gives_the_terminal_back_before_it_says_anything() {
        if env::var_os(INSIDE).is_some() {
            let _held = Held::take().expect("a terminal");
            panic!("on purpose");
        }
        let pty = openpty(None, None).expect("a terminal");
        let before = tcgetattr(&pty.slave).expect("settings");
        let end = || Stdio::from(pty.slave.try_clone().expect("a descriptor"));
        let mut child = Command::new("setsid")
            .arg("--ctty")
            .arg(env::current_exe().expect("this program"))
            .args(["--exact", "--nocapture"])
            .arg("cli::top::terminal::tests::a_panic_gives_the_terminal_back_before_it_says_anything")
            .env(INSIDE, "1")
            .env("RUST_BACKTRACE", "0")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("started");
        let mut master = File::from(pty.master);
        let reader = thread::spawn(move || {
            let (mut all, mut some) = (Vec::new(), [0; 4096]);
            // Fails when nobody has the terminal open any more.
            while let Ok(count @ 1..) = master.read(&mut some) {
                all.extend_from_slice(&some[..count]);
            }
            String::from_utf8_lossy(&all).into_owned()
        });
        let status = child.wait().expect("ended");
        assert_eq!(tcgetattr(&pty.slave).expect("settings"), before);
        drop(pty.slave);
        let written = reader.join().expect("read");
        let place = |part: &str| written.find(part).unwrap_or_else(|| panic!("no {part:?} in {written:?}"));
        let order = [place("\x1b[?1049h"), place("\x1b[?1049l"), place("\x1b[?25h"), place("on purpose")];
        assert!(order.is_sorted(), "{written:?}");
        assert_eq!(written.matches("\x1b[?1049l").count(), 1, "once only: {written:?}");
        assert!(!status.success(), "the panic is still a failure");
    }
}
