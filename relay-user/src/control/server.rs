//! The side of the control socket that answers.
//!
//! A client costs one task and at most [`MAX_REQUEST`] bytes until it has asked, and is given up when it is silent. The
//! socket is never open to more users than it will be, and one that a crashed daemon left behind is taken over only
//! while nobody else can be doing the same.

use std::{
    fs::{self, DirBuilder, File, Permissions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use nix::sys::stat::{Mode, fchmod};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
    time::{Instant, timeout},
};

use super::{
    Command, ControlError, MAX_REQUEST, Question, Refusal, Request, Source, TIMEOUT, stream::stream_steps,
};

/// Clients that are served at one time; the kernel lets the next ones wait.
const MAX_CLIENTS: usize = 64;
/// Connections that the kernel lets wait.
const BACKLOG: i32 = 128;
/// User and group may ask.
const MODE: u32 = 0o660;
/// How long another daemon may take to bind its socket in the same directory.
const LOCK_DEADLINE: Duration = Duration::from_secs(2);

/// A control socket that is this process's own, and is not answered yet: whoever asks waits. It also keeps a second
/// daemon with the same configuration from starting, so a daemon takes it before it touches anything they would share.
/// Dropping it removes the socket.
#[derive(Debug)]
pub struct Claim {
    listener: UnixListener,
    place: Place,
}

/// A control socket that is being served. Dropping it ends that and removes the socket.
#[derive(Debug)]
pub struct Server {
    accepting: JoinHandle<()>,
    _place: Place,
}

/// The socket in the file system.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    /// Device and inode: the path may have been given to somebody else since.
    identity: (u64, u64),
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Ok(found) = fs::symlink_metadata(&self.path)
            && (found.dev(), found.ino()) == self.identity
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the control socket cannot be removed");
        }
    }
}

/// Creates the socket at `path`, its directory too.
///
/// # Errors
/// Another daemon answers there, something else is in the way, or the system refuses.
pub async fn claim(path: &Path) -> Result<Claim, ControlError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
        .map_err(ControlError::system("create the directory", directory))?;
    // Two daemons that find the same leftover at once: the slower one would remove the socket of the faster.
    let lock = lock(directory).await?;
    remove_leftover(path)?;
    let listener = bind(path).map_err(ControlError::system("create the control socket", path))?;
    drop(lock);
    let found = fs::symlink_metadata(path).map_err(ControlError::system("read the control socket", path))?;
    let place = Place { path: path.to_owned(), identity: (found.dev(), found.ino()) };
    Ok(Claim { listener, place })
}

impl Claim {
    /// Answers from `source`, also those who wait already, until the [`Server`] is dropped. Called within a runtime.
    pub fn serve(self, source: Arc<dyn Source>) -> Server {
        let Self { listener, place } = self;
        Server { accepting: tokio::spawn(accept(listener, source)), _place: place }
    }
}

/// [`claim`] and [`Claim::serve`] at once, for those who share nothing else with another daemon.
///
/// # Errors
/// As [`claim`].
pub async fn serve(path: &Path, source: Arc<dyn Source>) -> Result<Server, ControlError> {
    Ok(claim(path).await?.serve(source))
}

/// Locks `directory` against other daemons until the file is dropped.
async fn lock(directory: &Path) -> Result<File, ControlError> {
    let file = File::open(directory).map_err(ControlError::system("open the directory", directory))?;
    let deadline = Instant::now() + LOCK_DEADLINE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(ControlError::Locked { path: directory.to_owned() });
            }
            Err(TryLockError::Error(error)) => {
                return Err(ControlError::system("lock the directory", directory)(error));
            }
        }
    }
}

/// Removes a socket at `path` that nobody listens on.
fn remove_leftover(path: &Path) -> Result<(), ControlError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ControlError::system("read", path)(error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(ControlError::NotASocket { path: path.to_owned() });
    }
    match probe(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(ControlError::system("remove the leftover socket", path))
        }
        // Its owner removed it between the two looks.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(ControlError::Permission { path: path.to_owned() })
        }
        // A full queue refuses the connection too, and is somebody's.
        Err(_) => Err(ControlError::AlreadyServed { path: path.to_owned(), pid: None }),
        Ok(pid) => Err(ControlError::AlreadyServed { path: path.to_owned(), pid }),
    }
}

/// Whether somebody listens on the socket at `path`, and who.
fn probe(path: &Path) -> io::Result<Option<i32>> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)?;
    let peer = nix::sys::socket::getsockopt(&socket, nix::sys::socket::sockopt::PeerCredentials);
    Ok(peer.ok().map(|peer| peer.pid()))
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A path gets the mode of the socket that is bound to it, less the umask: at no moment is it open to more users.
    fchmod(&socket, Mode::from_bits_truncate(MODE))?;
    socket.bind(&SockAddr::unix(path)?)?;
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    UnixListener::from_std(std::os::fd::OwnedFd::from(socket).into())
}

async fn accept(listener: UnixListener, source: Arc<dyn Source>) {
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    // Dropped with this future: the clients end when the server does.
    let mut clients = JoinSet::new();
    loop {
        // Never closed; a place comes back at the latest when its client's time is over.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let source = Arc::clone(&source);
                clients.spawn(async move {
                    let _place = place;
                    if let Err(error) = attend(stream, source).await {
                        tracing::debug!(%error, "a client of the control socket left");
                    }
                });
            }
            // Out of file descriptors, for example: a moment later some are back.
            Err(error) => {
                tracing::warn!(%error, "the control socket cannot take a client");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        while clients.try_join_next().is_some() {}
    }
}

/// One client, from its question to its answer.
async fn attend(mut stream: UnixStream, source: Arc<dyn Source>) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = Vec::new();
    // One byte more than allowed tells a line that is too long from one that just fits.
    let mut reader = BufReader::new(reader.take(MAX_REQUEST as u64 + 1));
    let answer = match timeout(TIMEOUT, reader.read_until(b'\n', &mut line)).await {
        Ok(read) => {
            read?;
            match question(&line) {
                Ok(Question { command: Command::Events, filter }) => match source.follow() {
                    Ok(steps) => {
                        return stream_steps(reader.into_inner().into_inner(), writer, steps, &filter).await;
                    }
                    Err(message) => Err(message.into()),
                },
                Ok(question) => {
                    let command = question.command;
                    let answered = tokio::task::spawn_blocking(move || match question.command {
                        Command::Reload => source.reload(),
                        _ => source.answer(&question).map_err(Refusal::from),
                    });
                    match answered.await {
                        Ok(answer) => answer,
                        Err(error) => {
                            tracing::error!(%command, %error, "a question on the control socket was not answered");
                            Err(format!("\"{command}\" failed inside the daemon; its log says more").into())
                        }
                    }
                }
                Err(message) => Err(message.into()),
            }
        }
        Err(_) => Err(format!("no question within {} s", TIMEOUT.as_secs()).into()),
    };
    let mut document = document(answer)?;
    document.push(b'\n');
    // A long answer may take a while on a busy machine; a client that takes nothing at all has gone.
    let mut rest = document.as_slice();
    while !rest.is_empty() {
        match timeout(TIMEOUT, writer.write(rest)).await?? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            taken => rest = &rest[taken..],
        }
    }
    writer.shutdown().await
}

/// The question that `line` asks.
fn question(line: &[u8]) -> Result<Question, String> {
    if line.len() > MAX_REQUEST {
        return Err(format!("the question is longer than {MAX_REQUEST} bytes"));
    }
    let known = || Command::ALL.iter().map(|command| command.name()).collect::<Vec<_>>().join(", ");
    let Request { command, filter } = serde_json::from_slice(line)
        .map_err(|error| format!("a question is one line such as {{\"command\":\"status\"}}: {error}"))?;
    let command = Command::from_name(&command)
        .ok_or_else(|| format!("unknown command {command:?}; this daemon knows: {}", known()))?;
    if filter.is_some() && !matches!(command, Command::Leases | Command::Events) {
        return Err(format!("\"{command}\" takes no filter"));
    }
    Ok(Question { command, filter: filter.unwrap_or_default() })
}

fn document(answer: Result<Vec<u8>, Refusal>) -> io::Result<Vec<u8>> {
    Ok(match answer {
        Ok(document) => document,
        Err(refusal) => serde_json::to_vec(&refusal)?,
    })
}
