//! Frames for the rules, from a seed: the same seed gives the same frames on every machine.
//!
//! Standard frames are what clients, servers and relays send, in all the forms that occur, and those with option 82 what
//! they hardly ever send. The other kinds are derived from these two, because a frame that is wrong in one place gets
//! further into the rules than noise does.

pub mod agent;
pub mod damage;
mod list;
pub mod random;
pub mod spec;
pub mod standard;

use crate::oracle::world::World;
pub use random::Random;
pub use spec::Spec;

/// A number from the environment, decimal or 0x…, as reports print it.
///
/// # Panics
/// When it is none.
pub fn setting(name: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return default };
    let number = text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| u64::from_str_radix(hex, 16));
    number.unwrap_or_else(|_| panic!("{name}={text} is no number"))
}

/// How a frame came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What a right relay relays.
    Standard,
    /// Sound, with all that makes option 82 hard.
    Agent,
    /// One of these two, but for one field.
    NearValid,
    /// Cut off somewhere.
    Truncated,
    /// A few bits turned over.
    BitFlipped,
    /// Noise, mostly behind headers that lead to the relay.
    Random,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Standard, Self::Agent, Self::NearValid, Self::Truncated, Self::BitFlipped, Self::Random];

    /// The word used in tables.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Agent => "option 82",
            Self::NearValid => "near-valid",
            Self::Truncated => "truncated",
            Self::BitFlipped => "bit-flipped",
            Self::Random => "random",
        }
    }
}

/// One frame.
#[derive(Clone, Debug)]
pub struct Generated {
    pub kind: Kind,
    /// Interface index of the device it comes in on.
    pub device: u32,
    pub frame: Vec<u8>,
}

/// An endless sequence of frames for a world.
pub struct Frames<'a> {
    world: &'a World,
    random: Random,
}

impl<'a> Frames<'a> {
    /// The sequence of a seed.
    pub fn new(world: &'a World, seed: u64) -> Self {
        Self { world, random: Random::new(seed) }
    }
}

impl Iterator for Frames<'_> {
    type Item = Generated;

    fn next(&mut self) -> Option<Generated> {
        let random = &mut self.random;
        let kind = *random.pick(&[
            Kind::Standard,
            Kind::Standard,
            Kind::Standard,
            Kind::Agent,
            Kind::Agent,
            Kind::Agent,
            Kind::Agent,
            Kind::NearValid,
            Kind::NearValid,
            Kind::NearValid,
            Kind::Truncated,
            Kind::BitFlipped,
            Kind::BitFlipped,
            Kind::Random,
        ]);
        let base = match kind {
            Kind::Standard => standard::standard(self.world, random),
            Kind::Agent => agent::agent(self.world, random),
            _ if random.chance(50) => standard::standard(self.world, random),
            _ => agent::agent(self.world, random),
        };
        let device = base.device;
        let (device, frame) = match kind {
            Kind::Standard | Kind::Agent => (device, base.frame()),
            Kind::NearValid => {
                let changed = damage::near_valid(self.world, base, random);
                (changed.device, changed.frame())
            }
            Kind::Truncated => (device, damage::truncated(base, random)),
            Kind::BitFlipped => (device, damage::bit_flipped(base, random)),
            Kind::Random => (device, damage::noise(base, random)),
        };
        Some(Generated { kind, device, frame })
    }
}
