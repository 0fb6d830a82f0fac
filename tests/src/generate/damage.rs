//! Frames with something wrong: one field, the end missing, bits turned over, noise.

use super::list::{Tail, append, option, sub_options};
use super::random::Random;
use super::spec::{Checksum, Spec};
use crate::oracle::world::{DEVICES, World};

/// The shortest frame that `BPF_PROG_TEST_RUN` takes: an Ethernet header.
pub const SHORTEST: usize = 14;

/// Changes one thing about a standard frame. Lengths and checksums fit the change, unless they are what is changed.
pub fn near_valid(world: &World, mut spec: Spec, random: &mut Random) -> Spec {
    match random.below(30) {
        0 => spec.message[0] = *random.pick(&[0, 3, 255]),
        1 => spec.message[0] = 3 - spec.message[0],
        2 => spec.message[2] = *random.pick(&[0, 16, 17, 255]),
        3 => spec.message[3] = *random.pick(&[0, 1, 3, 4, 5, 15, 16, 17, 254, 255]),
        4 => {
            let (_, ours) = *random.pick(&world.local);
            spec.message[24..28].copy_from_slice(&ours);
        }
        5 => {
            let giaddr = random.pick(&world.interfaces).giaddr;
            spec.message[24..28].copy_from_slice(&giaddr);
            spec.destination = giaddr;
        }
        6 => spec.message[24..28].copy_from_slice(&random.array::<4>()),
        7 => (_, spec.destination) = *random.pick(&world.local),
        8 => spec.destination = *random.pick(&[[0; 4], [10, 0, 41, 10], [192, 168, 60, 255], [224, 0, 0, 1]]),
        9 => spec.source = *random.pick(&[[10, 0, 41, 99], [10, 9, 0, 10], [10, 0, 43, 10], [0; 4]]),
        10 => spec.destination_mac = *random.pick(&[[2, 9, 9, 9, 9, 9], [1, 0, 0x5e, 0, 0, 1], [0; 6]]),
        11 => (spec.device, _) = *random.pick(&DEVICES),
        12 => spec.tags.push((*random.pick(&[0x8100, 0x88a8, 0x9100]), *random.pick(&[0, 7, 100, 4095]))),
        13 => {
            spec.tags = (0..random.below(4))
                .map(|_| (0x8100, *random.pick(&[0, 7, 8, 9, 20, 25, 30, 100, 200, 300, 304])))
                .collect()
        }
        14 => spec.ethertype = *random.pick(&[0x0806, 0x86dd, 0x0801, 0]),
        15 => {
            let words = random.between(1, 10) * 4;
            spec.ip_options = vec![1; words];
        }
        16 => spec.version_ihl = *random.pick(&[0x44, 0x55, 0x65, 0x40, 0x46, 0x4f]),
        17 => spec.protocol = *random.pick(&[6, 1, 0]),
        18 => spec.fragment = *random.pick(&[0x2000, 0x0001, 0x2001, 0x1fff, 0x8000, 0x6000]),
        19 => spec.total_off = off(random, spec.message.len()),
        20 => spec.udp_off = off(random, spec.message.len()),
        21 => spec.ip_checksum_off = random.between(1, 0xfffe) as u16,
        22 => spec.checksum = Checksum::Off(random.between(1, 0xfffe) as u16),
        23 => spec.destination_port = *random.pick(&[68, 0, 66, 4011]),
        24 => spec.message.truncate(random.between(200, 245)),
        25 => insert(&mut spec, random, &[53, 2, 1, 1]),
        26 => {
            let agents = random.between(1, 3);
            rewrite_options(&mut spec, random, agents);
        }
        27 => {
            // Past the end by one, by many, or just not.
            let len = spec.message.len().max(240);
            spec.message.resize(len, 0);
            spec.message[236..240].copy_from_slice(&[99, 130, 83, 99]);
            let code = *random.pick(&[60, 82, 53]);
            let claimed = random.below(6) as u8;
            spec.message.extend([code, claimed, 1, 2, 3]);
            let start = spec.message.len() - 5;
            spec.message[240..start].fill(0);
        }
        28 => {
            let many = random.between(60, 130);
            let options: Vec<u8> = (0..many).flat_map(|_| [224, 1, 0]).collect();
            insert(&mut spec, random, &options);
        }
        _ => {
            let len = random.between(1300, 2100);
            spec.message.resize(len, 0);
        }
    }
    spec
}

/// Cuts a standard frame off: the frame alone, or the message with lengths that say so.
pub fn truncated(mut spec: Spec, random: &mut Random) -> Vec<u8> {
    if random.chance(50) {
        let frame = spec.frame();
        let len = random.between(SHORTEST, frame.len());
        return frame[..len].to_vec();
    }
    spec.message.truncate(random.between(0, spec.message.len()));
    spec.frame()
}

/// Turns over one to four bits: anywhere, or in the message with checksums that fit.
pub fn bit_flipped(mut spec: Spec, random: &mut Random) -> Vec<u8> {
    let bits = random.between(1, 4);
    if random.chance(50) {
        let mut frame = spec.frame();
        flip(&mut frame, bits, random);
        return frame;
    }
    if random.chance(50) {
        // The fields and options that mean something, not sname and file.
        let options = spec.message.len().min(236);
        flip(&mut spec.message[options..], bits, random);
        flip(&mut spec.message[..44], random.clone().below(2), random);
    } else {
        flip(&mut spec.message, bits, random);
    }
    spec.frame()
}

/// Noise: a whole frame of it, a message of it, or options of it.
pub fn noise(mut spec: Spec, random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => {
            let len = random.between(SHORTEST, 700);
            return random.octets(len);
        }
        1 => {
            let len = random.between(0, 600);
            spec.message = random.octets(len);
        }
        _ => {
            let len = random.between(0, 200);
            spec.message.resize(240, 0);
            spec.message[236..].copy_from_slice(&[99, 130, 83, 99]);
            spec.message.extend(random.octets(len));
        }
    }
    spec.frame()
}

fn flip(octets: &mut [u8], bits: usize, random: &mut Random) {
    for _ in 0..bits {
        if !octets.is_empty() {
            let at = random.below(octets.len());
            octets[at] ^= 1 << random.below(8);
        }
    }
}

/// How far off a length may be: by one, to just below a header, far.
fn off(random: &mut Random, message: usize) -> i32 {
    let message = message as i32;
    *random.pick(&[
        1,
        -1,
        2,
        -2,
        100,
        1000,
        -message,
        -message - 1,
        -message - 8,
        -message - 9,
        -message - 28,
    ])
}

/// Puts octets right behind the cookie, which is made to be there.
fn insert(spec: &mut Spec, random: &mut Random, options: &[u8]) {
    let len = spec.message.len().max(241);
    spec.message.resize(len, 255);
    spec.message[236..240].copy_from_slice(&[99, 130, 83, 99]);
    let at = if random.chance(80) { 240 } else { spec.message.len() };
    spec.message.splice(at..at, options.iter().copied());
}

/// Other options in the place of those there are, with as many instances of option 82.
fn rewrite_options(spec: &mut Spec, random: &mut Random, agents: usize) {
    spec.message.resize(236, 0);
    let mut list = vec![option(53, &[random.between(1, 8) as u8]), option(12, b"name")];
    for _ in 0..agents {
        let at = random.below(list.len() + 1);
        list.insert(at, option(82, &sub_options(random)));
    }
    let tail = Tail::any(random);
    append(random, &mut spec.message, &list, tail);
}
