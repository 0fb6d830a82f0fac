//! A program that runs in a laboratory: what it prints is kept line by line, and it ends with the value.
//!
//! Tests wait for a line instead of a time. A program is ended by its process id: first asked, then killed.

use std::any::Any;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::namespace::Namespace;
use super::wait;

/// How long a program may take to end after SIGTERM before it is killed.
const END_DEADLINE: Duration = Duration::from_secs(3);

/// A running program. `Drop` ends it.
pub struct Proc {
    name: String,
    child: Child,
    output: Arc<Output>,
    guards: Vec<Box<dyn Any + Send>>,
    /// Keeps the namespace until the program has ended.
    _namespace: Namespace,
}

#[derive(Default)]
struct Output {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    /// Standard output and error that have not reached their end.
    open: usize,
}

impl Proc {
    pub(super) fn spawn(namespace: &Namespace, mut command: Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let name = format!("{} on {}", program.rsplit('/').next().unwrap_or(&program), namespace.name());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            namespace.enter(|| command.spawn())?.with_context(|| format!("starting {name}: {command:?}"))?;

        let output = Arc::new(Output::default());
        if let Some(stdout) = child.stdout.take() {
            output.collect(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            output.collect(stderr);
        }
        Ok(Self { name, child, output, guards: Vec::new(), _namespace: namespace.clone() })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Keeps a value (a directory with the program's files, say) as long as the program.
    pub fn keep(&mut self, guard: impl Any + Send) {
        self.guards.push(Box::new(guard));
    }

    /// Everything printed so far, standard output and error in the order of arrival.
    pub fn lines(&self) -> Vec<String> {
        self.output.lock().lines.clone()
    }

    /// Waits for a line that contains `pattern`, from the program's start on.
    pub fn wait_for_line(&self, pattern: &str, deadline: Duration) -> Result<String> {
        self.wait_for_line_after(0, pattern, deadline)
    }

    /// Waits for a line that contains `pattern` and is not among the first `mark` lines; `lines().len()` taken before an action is
    /// the mark for its outcome.
    ///
    /// # Errors
    /// When the deadline passes or the program closes its output first; the message carries everything printed.
    pub fn wait_for_line_after(&self, mark: usize, pattern: &str, deadline: Duration) -> Result<String> {
        let end = Instant::now() + deadline;
        let mut state = self.output.lock();
        loop {
            if let Some(line) = state.lines.iter().skip(mark).find(|line| line.contains(pattern)) {
                return Ok(line.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || state.open == 0 {
                let why = if state.open == 0 { "it ended" } else { "the deadline passed" };
                return Err(anyhow!(
                    "{}: no line with {pattern:?} after line {mark}, {why} ({deadline:?}). It printed:\n{}",
                    self.name,
                    state.lines.join("\n")
                ));
            }
            state = self
                .output
                .changed
                .wait_timeout(state, left)
                .map(|(state, _)| state)
                .unwrap_or_else(|poisoned| poisoned.into_inner().0);
        }
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(self.nix_pid()?, signal).with_context(|| format!("{signal} to {}", self.name))
    }

    /// Waits until the program ends by itself.
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let (name, child) = (&self.name, &mut self.child);
        wait::until(&format!("{name} ends"), deadline, || Ok(child.try_wait()?))
    }

    /// Asks the program to end with SIGTERM and waits for it.
    pub fn stop(mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.wait(END_DEADLINE)
    }

    fn nix_pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.child.id())?))
    }

    fn end(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        self.signal(Signal::SIGTERM)?;
        if self.wait(END_DEADLINE).is_err() {
            self.child.kill()?;
            self.child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{} was not ended: {error:#}", self.name);
        }
        if thread::panicking() {
            eprintln!("--- {}\n{}", self.name, self.lines().join("\n"));
        }
    }
}

impl fmt::Debug for Proc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (pid {})", self.name, self.child.id())
    }
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a stream to its end on a thread of its own; the thread ends with the last process that holds the pipe.
    fn collect(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        self.lock().open += 1;
        let output = Arc::clone(self);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let text = match line {
                    Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                    Err(error) => format!("(reading its output: {error})"),
                };
                output.lock().lines.push(text);
                output.changed.notify_all();
            }
            output.lock().open -= 1;
            output.changed.notify_all();
        });
    }
}
