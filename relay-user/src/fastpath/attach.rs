//! Putting the program on a port by a BPF link, which goes away with the daemon, in the mode that was asked for.

mod found;
mod holder;
mod refusal;

use std::fmt;

use aya::programs::{XdpMode as Flag, xdp::XdpLinkId};

use super::{FastPathError, Object};
use found::Found;
use refusal::Refusal;

/// How the program runs on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In the driver.
    Native,
    /// In the network stack, on socket buffers.
    Generic,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl Mode {
    /// The word in configuration and `status`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
        }
    }

    const fn flag(self) -> Flag {
        match self {
            Self::Native => Flag::Driver,
            Self::Generic => Flag::Skb,
        }
    }
}

/// The program on one port.
pub struct Attachment {
    /// Interface index of the device.
    pub ifindex: u32,
    /// How it runs there.
    pub mode: Mode,
    link: XdpLinkId,
}

/// An XDP program of somebody else that keeps ours off a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Which, where, and who holds it.
    pub cause: String,
    /// How it is taken off.
    pub remedy: String,
    /// It is held by a relay that runs: ours, most likely.
    pub relay: bool,
}

/// What is in the way of a program on the port `ifindex`: on it, or on a device above it.
pub fn obstacles(port: &str, ifindex: u32) -> Vec<Obstacle> {
    Found::look(port, ifindex).obstacles()
}

impl Object {
    /// Attaches the program to the device `ifindex`, called `port` in messages, in the first of `modes` that its driver
    /// takes.
    ///
    /// # Errors
    /// [`FastPathError::Attach`] of the last mode that was tried: what stands in the way and how it is taken away.
    pub fn attach(&mut self, port: &str, ifindex: u32, modes: &[Mode]) -> Result<Attachment, FastPathError> {
        let program = self.ingress()?;
        let mut modes = modes.iter().copied().peekable();
        while let Some(mode) = modes.next() {
            let error = match program.attach_to_if_index(ifindex, mode.flag()) {
                Ok(link) => return Ok(Attachment { ifindex, mode, link }),
                Err(error) => error,
            };
            let found = Found::look(port, ifindex);
            let refusal = Refusal::judge(mode, &error, &found);
            match modes.peek() {
                Some(next) if refusal.is_of_the_driver() => refusal.announce(&found, *next),
                _ => return Err(refusal.into_error(&found, mode)),
            }
        }
        Err(FastPathError::Object { part: "ingress" })
    }

    /// Puts this program in place of another object's on a port, between two frames: no frame meets a port without one.
    ///
    /// # Errors
    /// The device is gone, or its driver refuses; the port is without a program then.
    pub fn replace(&mut self, old: &mut Self, attachment: Attachment) -> Result<Attachment, FastPathError> {
        let Attachment { ifindex, mode, link } = attachment;
        let failed = |source| FastPathError::program("ingress", source);
        let link = old.ingress()?.take_link(link).map_err(failed)?;
        let link = self.ingress()?.attach_to_link(link).map_err(failed)?;
        Ok(Attachment { ifindex, mode, link })
    }

    /// Takes the program off a port. A device that is gone has taken the link with it.
    pub fn detach(&mut self, attachment: Attachment) -> Result<(), FastPathError> {
        self.ingress()?.detach(attachment.link).map_err(|source| FastPathError::program("ingress", source))
    }
}
