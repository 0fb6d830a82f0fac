//! A program on a terminal of its own, and the screen as one who sits there sees it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::{Pid, ttyname};
use relay_tests::lab::wait;

/// How long a screen may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A program on a terminal. Dropping it ends the program.
pub(crate) struct Pty {
    child: Child,
    keys: File,
    /// The program's end: its settings stay as they are left.
    end: OwnedFd,
    screen: Arc<Mutex<vt100::Parser>>,
    before: Termios,
}

impl Pty {
    /// Starts `command` as the only program of a terminal of that many rows and columns.
    pub(crate) fn start(command: &Command, rows: u16, columns: u16) -> Result<Self> {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None)?;
        let before = tcgetattr(&pty.slave)?;
        // Without a session of its own the program would find the terminal of the one who runs the tests.
        let mut own = Command::new("setsid");
        own.arg("--ctty").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => own.env(name, value),
                None => own.env_remove(name),
            };
        }
        let end = || pty.slave.try_clone().map(Stdio::from);
        let child = own.stdin(end()?).stdout(end()?).stderr(end()?).spawn().context("setsid")?;
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows.try_into()?, columns.try_into()?, 0)));
        let (mut output, drawn) = (File::from(pty.master.try_clone()?), Arc::clone(&screen));
        thread::spawn(move || {
            let mut some = [0; 4096];
            // Fails when nobody has the terminal open any more.
            while let Ok(count @ 1..) = output.read(&mut some) {
                drawn.lock().unwrap_or_else(PoisonError::into_inner).process(&some[..count]);
            }
        });
        Ok(Self { child, keys: File::from(pty.master), end: pty.slave, screen, before })
    }

    fn parser(&self) -> MutexGuard<'_, vt100::Parser> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lines of the screen.
    pub(crate) fn lines(&self) -> Vec<String> {
        let parser = self.parser();
        let (_, columns) = parser.screen().size();
        parser.screen().rows(0, columns.get()).collect()
    }

    /// Whether any cell has a colour.
    pub(crate) fn is_coloured(&self) -> bool {
        let parser = self.parser();
        let (rows, columns) = parser.screen().size();
        let cells = (0..rows.get()).flat_map(|row| (0..columns.get()).map(move |column| (row, column)));
        cells
            .filter_map(|(row, column)| parser.screen().cell(row, column))
            .any(|cell| cell.fgcolor() != vt100::Color::Default || cell.bgcolor() != vt100::Color::Default)
    }

    /// Waits until the screen is as wanted.
    pub(crate) fn until<T>(&self, what: &str, mut wanted: impl FnMut(&[String]) -> Option<T>) -> Result<T> {
        wait::until(what, DEADLINE, || Ok(wanted(&self.lines())))
            .with_context(|| format!("the screen is:\n{}", self.lines().join("\n")))
    }

    /// Waits until a line of the screen contains `text`.
    pub(crate) fn until_line(&self, text: &str) -> Result<String> {
        self.until(text, |lines| lines.iter().find(|line| line.contains(text)).cloned())
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) -> Result<()> {
        Ok(self.keys.write_all(keys.as_bytes())?)
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, rows: u16, columns: u16) -> Result<()> {
        self.parser().screen_mut().set_size(rows.try_into()?, columns.try_into()?);
        let name = ttyname(&self.end)?;
        let mut stty = Command::new("stty");
        stty.arg("-F").arg(name).args(["rows", &rows.to_string(), "cols", &columns.to_string()]);
        let status = stty.status()?;
        ensure!(status.success(), "{stty:?}: {status}");
        Ok(())
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(self.child.id().try_into()?), signal)?)
    }

    /// Waits until the program has ended, and holds that the terminal is as it was: settings, screen and cursor.
    pub(crate) fn ended(&mut self) -> Result<ExitStatus> {
        let child = &mut self.child;
        let status = wait::until("the program ends", DEADLINE, || Ok(child.try_wait()?))
            .with_context(|| self.lines().join("\n"))?;
        ensure!(tcgetattr(&self.end)? == self.before, "the settings of the terminal are not as before");
        // What it has written last may not have been read yet.
        wait::until("the screen and the cursor are given back", DEADLINE, || {
            let parser = self.parser();
            let is_back = !parser.screen().alternate_screen() && !parser.screen().hide_cursor();
            Ok(is_back.then_some(()))
        })?;
        Ok(status)
    }

    /// Whether the program has changed the terminal: a test that it is given back must have seen it taken.
    pub(crate) fn is_taken(&self) -> Result<bool> {
        Ok(tcgetattr(&self.end)? != self.before && self.parser().screen().alternate_screen())
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let ended = match self.child.try_wait() {
            Ok(None) => self.child.kill().and_then(|()| self.child.wait().map(drop)),
            Ok(Some(_)) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            eprintln!("process {} was not ended: {error}", self.child.id());
        }
    }
}
