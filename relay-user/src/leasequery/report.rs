//! What recovery says about itself besides its counts: sentences for an operator.

use std::{fmt, net::Ipv4Addr};

use super::Standing;

/// Something an operator should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A server does not answer.
    Silent {
        /// Which.
        server: Ipv4Addr,
    },
    /// A server knows nothing of what it was asked.
    Ignorant {
        /// Which.
        server: Ipv4Addr,
        /// How much it was asked.
        asked: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent { server } => write!(
                f,
                "{server} does not answer leasequeries: does it allow them (ISC dhcpd: \"allow leasequery;\")? \
                 Clients are learnt from their renewals"
            ),
            Self::Ignorant { server, asked } => write!(
                f,
                "{server} knew nothing of all {asked} addresses and clients it was asked about by leasequery: does it \
                 serve these subnets?"
            ),
        }
    }
}

/// Answers of a server before knowing nothing means anything.
const ENOUGH: u64 = 16;

/// What one server has said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    all: u64,
    unknown: u64,
}

impl Heard {
    pub(super) fn note(&mut self, standing: Standing) {
        self.all += 1;
        self.unknown += u64::from(standing == Standing::Unknown);
    }

    pub(super) fn finding(&self, server: Ipv4Addr) -> Option<Finding> {
        (self.all >= ENOUGH && self.unknown == self.all)
            .then_some(Finding::Ignorant { server, asked: self.all })
    }
}
