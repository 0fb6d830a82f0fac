//! The side of the control socket that asks. Blocking: a command has nothing else to do meanwhile.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use serde::de::DeserializeOwned;
use socket2::{Domain, SockAddr, Socket, Type};

use super::{Command, ControlError, Question, RELOAD_TIMEOUT, Refusal, Request, TIMEOUT, leases::Filter};

/// Asks the daemon on the socket at `path`.
///
/// # Errors
/// Nobody listens there, this user may not ask, the daemon refuses or is silent, or it is not our daemon at all.
pub fn ask<T: DeserializeOwned>(path: &Path, question: impl Into<Question>) -> Result<T, ControlError> {
    let question = question.into();
    let text = exchange(path, &question).map_err(|error| failure(path, &question, error))?;
    read(path, &question, &text)
}

/// Follows the daemon's answer to a question that has no end: each line is handed to `line`, until that returns false.
///
/// # Errors
/// As [`ask`]; also when the daemon ends.
pub fn follow<T: DeserializeOwned>(
    path: &Path,
    question: &Question,
    mut line: impl FnMut(T) -> bool,
) -> Result<(), ControlError> {
    let stream = connect(path, question).map_err(|error| failure(path, question, error))?;
    // Nothing may happen for hours.
    stream.set_read_timeout(None).map_err(|error| failure(path, question, error))?;
    for text in BufReader::new(stream).split(b'\n') {
        if !line(read(path, question, &text.map_err(|error| failure(path, question, error))?)?) {
            return Ok(());
        }
    }
    Err(ControlError::CutOff { path: path.to_owned() })
}

fn failure(path: &Path, question: &Question, error: io::Error) -> ControlError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ControlError::NotRunning { path: path.to_owned() }
        }
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            ControlError::Silent { path: path.to_owned(), patience: patience(question) }
        }
        _ => ControlError::system("ask the daemon on", path)(error),
    }
}

fn read<T: DeserializeOwned>(path: &Path, question: &Question, text: &[u8]) -> Result<T, ControlError> {
    if let Ok(Refusal { error: message, configuration }) = serde_json::from_slice(text) {
        return Err(ControlError::Refused { command: question.command, message, configuration });
    }
    serde_json::from_slice(text).map_err(|source| match source.classify() {
        serde_json::error::Category::Eof => ControlError::CutOff { path: path.to_owned() },
        serde_json::error::Category::Data => ControlError::OtherVersion { path: path.to_owned(), source },
        _ => ControlError::NotTheDaemon { path: path.to_owned(), source },
    })
}

fn exchange(path: &Path, question: &Question) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    connect(path, question)?.read_to_end(&mut answer)?;
    Ok(answer)
}

/// How long the daemon may take.
fn patience(question: &Question) -> Duration {
    match question.command {
        Command::Reload => RELOAD_TIMEOUT,
        _ => TIMEOUT,
    }
}

/// A connection on which the question has been asked.
fn connect(path: &Path, question: &Question) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // The time to send also bounds the wait for a daemon whose queue of connections is full.
    socket.set_write_timeout(Some(TIMEOUT))?;
    // The daemon gives up on a silent client after TIMEOUT; one second more lets its answer arrive.
    socket.set_read_timeout(Some(patience(question) + Duration::from_secs(1)))?;
    socket.connect(&SockAddr::unix(path)?)?;
    let mut stream = UnixStream::from(std::os::fd::OwnedFd::from(socket));

    let filter = (question.filter != Filter::default()).then(|| question.filter.clone());
    let mut line = serde_json::to_vec(&Request { command: question.command.name().to_owned(), filter })?;
    line.push(b'\n');
    stream.write_all(&line)?;
    Ok(stream)
}
