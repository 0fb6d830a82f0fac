//! Options in a list, and the message that ends with them: where the options of a frame stand, what stands between and
//! behind them, and which are hidden in `file` and `sname`.

use super::random::Random;

/// One option.
pub(super) fn option(code: u8, value: &[u8]) -> Vec<u8> {
    [&[code, value.len() as u8][..], value].concat()
}

/// How many octets of sub-options, well-formed.
pub(super) fn sub_options(random: &mut Random) -> Vec<u8> {
    let mut value = Vec::new();
    for _ in 0..random.between(1, 3) {
        let code = *random.pick(&[1, 2, 5, 6, 9, 151, 152]);
        let len = random.below(9);
        value.extend(option(code, &random.octets(len)));
    }
    value
}

/// What stands behind the options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing, not even END.
    Open,
    /// No END, but as many octets of PAD.
    Padding(usize),
    /// END as the last octet.
    End,
    /// END, and zeros until the message has as many octets.
    Padded(usize),
    /// END, and octets other than zero.
    Junk(u8, usize),
}

impl Tail {
    /// Any of them; most as clients have them.
    pub(super) fn any(random: &mut Random) -> Self {
        match random.below(20) {
            0 => Self::Open,
            1 => Self::Padding(random.between(1, 40)),
            2..6 => Self::End,
            6..12 => Self::Padded(300),
            12..14 => Self::Padded(548),
            14 => Self::Padded(*random.pick(&[298, 299, 301, 302, 312, 321, 576])),
            15 => Self::Padded(random.between(240, 700)),
            16 => Self::Junk(0xff, random.between(1, 60)),
            17 => Self::Junk(0xff, 300),
            _ => Self::Junk(random.octet(), random.between(1, 40)),
        }
    }
}

/// The cookie, the options with PAD here and there, and the tail.
pub(super) fn append(random: &mut Random, message: &mut Vec<u8>, options: &[Vec<u8>], tail: Tail) {
    message.extend([99, 130, 83, 99]);
    for option in options {
        if random.chance(5) {
            message.resize(message.len() + random.between(1, 3), 0);
        }
        message.extend(option);
    }
    if !matches!(tail, Tail::Open | Tail::Padding(_)) {
        if random.chance(8) {
            message.resize(message.len() + random.between(1, 7), 0);
        }
        message.push(255);
    }
    let len = message.len();
    match tail {
        Tail::Open | Tail::End => {}
        Tail::Padding(count) => message.resize(len + count, 0),
        Tail::Padded(to) => message.resize(len.max(to), 0),
        Tail::Junk(octet, count) => message.resize(len + count, octet),
    }
}

/// Fills `file` and `sname` with options, as option 52 with this value says, and END behind them where there is room;
/// every tenth is broken.
pub(super) fn overload(random: &mut Random, message: &mut [u8], which: u8, options: &[Vec<u8>]) {
    let fields = [(1, 108, 236), (2, 44, 108)];
    for (bit, start, stop) in fields {
        if which & bit == 0 {
            continue;
        }
        let mut octets = Vec::new();
        for option in options.iter().filter(|_| random.chance(70)) {
            octets.extend(option);
        }
        if random.chance(10) {
            let len = random.below(stop - start);
            octets.extend(random.octets(len));
        } else {
            octets.push(255);
        }
        octets.resize(stop - start, 0);
        message[start..stop].copy_from_slice(&octets);
    }
}
