//! All that `top` waits for, in one queue: keys, signals, and the daemon's answers. Each has a thread that waits for it.

use std::{
    io,
    path::Path,
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use nix::sys::signal::{SigSet, Signal};
use ratatui::crossterm::event::{self, Event, KeyEvent};
use relay_user::control::ControlError;

use super::round::Round;

/// Something that has come.
#[derive(Debug)]
pub(super) enum Input {
    Key(KeyEvent),
    /// The terminal has another size.
    Resized,
    /// A signal says that it is to end.
    End,
    /// To the question that was asked at this time.
    Answer {
        asked: Instant,
        outcome: Box<Result<Round, ControlError>>,
    },
    /// No more keys come.
    NoKeys(io::Error),
    /// A thread has ended that should not have: it has panicked, and said so.
    Died(&'static str),
}

/// The queue.
pub(super) struct Inputs {
    inputs: Receiver<Input>,
    sender: Sender<Input>,
    orders: Sender<()>,
}

impl Inputs {
    /// Starts what listens to signals, and what asks the daemon on `socket`. Called before any other thread is started:
    /// the signals are kept from all threads but the one that waits for them.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn start(socket: &Path) -> anyhow::Result<Self> {
        let (sender, inputs) = mpsc::channel();
        let mut signals = SigSet::empty();
        [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().for_each(|signal| signals.add(signal));
        signals.thread_block().context("cannot keep signals for later")?;
        spawn("signals", &sender, move |sender| {
            // Fails for a set without signals only.
            while signals.wait().is_ok() {
                if sender.send(Input::End).is_err() {
                    return;
                }
            }
        })?;

        let (orders, ordered) = mpsc::channel();
        let socket = socket.to_owned();
        spawn("questions", &sender, move |sender| {
            for () in ordered {
                let asked = Instant::now();
                let outcome = Box::new(Round::ask(&socket));
                if sender.send(Input::Answer { asked, outcome }).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { inputs, sender, orders })
    }

    /// Listens to the keys of the terminal too.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn with_keys(self) -> anyhow::Result<Self> {
        spawn("keys", &self.sender, |sender| {
            loop {
                let input = match event::read() {
                    Ok(Event::Key(key)) => Input::Key(key),
                    Ok(Event::Resize(..)) => Input::Resized,
                    Ok(_) => continue,
                    Err(error) => Input::NoKeys(error),
                };
                let is_last = matches!(input, Input::NoKeys(_));
                if sender.send(input).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(self)
    }

    /// Has the daemon asked; the answer is one of the inputs.
    ///
    /// # Errors
    /// The thread that asks is gone.
    pub(super) fn ask(&self) -> anyhow::Result<()> {
        self.orders.send(()).map_err(|_| anyhow!("nobody asks the daemon any more"))
    }

    /// The next input, or `None` at `deadline`.
    pub(super) fn next(&self, deadline: Instant) -> Option<Input> {
        // The other error is a queue to which nobody can send; `self` can.
        self.inputs.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    /// The next input, whenever it comes.
    pub(super) fn wait(&self) -> Option<Input> {
        self.inputs.recv().ok()
    }
}

/// Tells of the end of a thread.
struct Farewell(&'static str, Sender<Input>);

impl Drop for Farewell {
    fn drop(&mut self) {
        if thread::panicking() {
            // Nobody listens any more: then nobody needs to know.
            let _ = self.1.send(Input::Died(self.0));
        }
    }
}

fn spawn(
    name: &'static str,
    sender: &Sender<Input>,
    work: impl FnOnce(&Sender<Input>) + Send + 'static,
) -> anyhow::Result<()> {
    let farewell = Farewell(name, sender.clone());
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || work(&farewell.1))
        .with_context(|| format!("cannot start the thread \"{name}\""))?;
    Ok(())
}

/// The longest that a screen stays as it is: ages on it go on.
pub(super) const TICK: Duration = Duration::from_secs(1);
