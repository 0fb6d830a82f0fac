//! A BOOTP message by the names of its fields, straight from the bytes: also what `dhcproto` refuses to read.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};

/// The fixed part of a BOOTP message (RFC 951, RFC 2131 section 2) and its options, in the order they stand.
#[derive(Clone, Copy)]
pub struct Bootp<'a>(&'a [u8]);

impl<'a> Bootp<'a> {
    /// Bytes before the magic cookie.
    pub const LENGTH: usize = 236;

    /// Looks at a UDP payload.
    ///
    /// # Errors
    /// When it is too short for the fixed part.
    pub fn new(payload: &'a [u8]) -> Result<Self> {
        ensure!(payload.len() >= Self::LENGTH, "{} bytes are no BOOTP message", payload.len());
        Ok(Self(payload))
    }

    pub fn op(&self) -> u8 {
        self.0[0]
    }
    pub fn hlen(&self) -> u8 {
        self.0[2]
    }
    pub fn hops(&self) -> u8 {
        self.0[3]
    }
    pub fn xid(&self) -> u32 {
        u32::from_be_bytes([self.0[4], self.0[5], self.0[6], self.0[7]])
    }
    pub fn secs(&self) -> u16 {
        u16::from_be_bytes([self.0[8], self.0[9]])
    }
    pub fn flags(&self) -> u16 {
        u16::from_be_bytes([self.0[10], self.0[11]])
    }
    pub fn ciaddr(&self) -> Ipv4Addr {
        self.address(12)
    }
    pub fn yiaddr(&self) -> Ipv4Addr {
        self.address(16)
    }
    pub fn siaddr(&self) -> Ipv4Addr {
        self.address(20)
    }
    pub fn giaddr(&self) -> Ipv4Addr {
        self.address(24)
    }
    /// The first six bytes of the client hardware address.
    pub fn chaddr(&self) -> [u8; 6] {
        [self.0[28], self.0[29], self.0[30], self.0[31], self.0[32], self.0[33]]
    }

    /// Code and value of every option up to END, in order; what is truncated or without a cookie ends the list.
    pub fn options(&self) -> Vec<(u8, Vec<u8>)> {
        let mut options = Vec::new();
        let Some(mut rest) = self.0[Self::LENGTH..].strip_prefix(&[99, 130, 83, 99]) else {
            return options;
        };
        while let [code, after @ ..] = rest {
            match (code, after) {
                (0, _) => rest = after,
                (255, _) | (_, []) => break,
                (_, [length, value @ ..]) => {
                    let Some((value, after)) = value.split_at_checked(usize::from(*length)) else { break };
                    options.push((*code, value.to_vec()));
                    rest = after;
                }
            }
        }
        options
    }

    /// The value of the first option with this code.
    pub fn option(&self, code: u8) -> Option<Vec<u8>> {
        self.options().into_iter().find(|(found, _)| *found == code).map(|(_, value)| value)
    }

    fn address(&self, at: usize) -> Ipv4Addr {
        Ipv4Addr::new(self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3])
    }
}
