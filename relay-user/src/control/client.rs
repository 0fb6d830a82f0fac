//! The side of the control socket that asks. Blocking: a command has nothing else to do meanwhile.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
};

use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};

use super::{Command, ControlError, Refusal, Request, TIMEOUT};

/// Asks the daemon on the socket at `path`.
///
/// # Errors
/// Nobody listens there, this user may not ask, the daemon refuses or is silent, or it is not our daemon at all.
pub fn ask(path: &Path, command: Command) -> Result<Value, ControlError> {
    let text = exchange(path, command).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ControlError::NotRunning { path: path.to_owned() }
        }
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ControlError::Silent { path: path.to_owned() },
        _ => ControlError::system("ask the daemon on", path)(error),
    })?;
    if let Ok(Refusal { error: message }) = serde_json::from_slice(&text) {
        return Err(ControlError::Refused { command, message });
    }
    serde_json::from_slice(&text).map_err(|source| match source.is_eof() {
        true => ControlError::CutOff { path: path.to_owned() },
        false => ControlError::NotTheDaemon { path: path.to_owned(), source },
    })
}

fn exchange(path: &Path, command: Command) -> io::Result<Vec<u8>> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // The time to send also bounds the wait for a daemon whose queue of connections is full.
    socket.set_write_timeout(Some(TIMEOUT))?;
    // The daemon gives up on a silent client after TIMEOUT; one second more lets its answer arrive.
    socket.set_read_timeout(Some(TIMEOUT + std::time::Duration::from_secs(1)))?;
    socket.connect(&SockAddr::unix(path)?)?;
    let mut stream = UnixStream::from(std::os::fd::OwnedFd::from(socket));

    let mut line = serde_json::to_vec(&Request { command: command.name().to_owned() })?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}
