//! The oracle's options: each walk makes a list, and each change makes a new message.

use super::octets::half;

/// One instance of an option, where it stands in the message.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) code: u8,
    /// Offset of the code within the message.
    pub(super) at: usize,
    pub(super) value: Vec<u8>,
}

impl Instance {
    /// Whether it is in `file` or `sname` (RFC 2131 section 4.1, option overload).
    pub(super) fn elsewhere(&self) -> bool {
        self.at < 236
    }

    /// Octets it takes.
    pub(super) fn size(&self) -> usize {
        2 + self.value.len()
    }
}

/// What is known of a message's options.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    /// The instances in the options field, then those in `file` and `sname`.
    pub(super) found: Vec<Instance>,
    /// Where END stands in the options field.
    pub(super) end: Option<usize>,
}

impl Options {
    /// Walks a message; `None` when its options are malformed.
    pub(super) fn of(message: &[u8]) -> Option<Self> {
        let mut options = Self::default();
        if message.len() < 240 || message[236..240] != [99, 130, 83, 99] {
            return Some(options);
        }
        options.end = walk(message, 240, message.len(), &mut options.found)?;
        if options.found.iter().any(|option| option.code == 53 && option.value.len() != 1) {
            return None;
        }
        // RFC 2132 section 9.3: 1 is file, 2 is sname, 3 is both. What is broken there ends the walk.
        let overload = options.last(52).and_then(|value| value.first().copied()).unwrap_or(0);
        if overload & 1 != 0 {
            walk(message, 108, 236, &mut options.found);
        }
        if overload & 2 != 0 {
            walk(message, 44, 108, &mut options.found);
        }
        Some(options)
    }

    /// The value of the last instance in the options field.
    pub(super) fn last(&self, code: u8) -> Option<&[u8]> {
        let mut all = self.found.iter().rev().filter(|option| option.code == code && !option.elsewhere());
        all.next().map(|option| &option.value[..])
    }

    /// Every instance of option 82.
    pub(super) fn agents(&self) -> Vec<Instance> {
        self.found.iter().filter(|option| option.code == 82).cloned().collect()
    }

    /// The DHCP message type, `None` for plain BOOTP. No type is 0.
    pub(super) fn kind(&self) -> Option<u8> {
        self.last(53).map(|value| value[0]).filter(|&kind| kind != 0)
    }

    /// Whether nothing but hops, giaddr and option 82 may change (RFC 3118).
    pub(super) fn authenticated(&self) -> bool {
        self.last(90).is_some()
    }

    /// The client's largest message (RFC 2132 section 9.10).
    pub(super) fn client_size(&self) -> Option<usize> {
        self.last(57).filter(|value| value.len() == 2).and_then(|value| half(value, 0)).map(usize::from)
    }
}

/// Walks a field and returns where END stands in it; the outer `None` when an option runs past its end.
fn walk(message: &[u8], start: usize, stop: usize, found: &mut Vec<Instance>) -> Option<Option<usize>> {
    let field = &message[..stop];
    let mut at = start;
    while at < stop && field[at] != 255 {
        if field[at] == 0 {
            at += 1;
            continue;
        }
        let len = usize::from(*field.get(at + 1)?);
        let value = field.get(at + 2..at + 2 + len)?.to_vec();
        found.push(Instance { code: field[at], at, value });
        at += 2 + len;
    }
    Some((at < stop).then_some(at))
}

/// The message without these instances: what follows moves up, in `file` and `sname` PAD stands instead.
pub(super) fn without(message: &[u8], instances: &[Instance]) -> Vec<u8> {
    let mut kept = Vec::new();
    for (at, &octet) in message.iter().enumerate() {
        match instances.iter().find(|one| one.at <= at && at < one.at + one.size()) {
            None => kept.push(octet),
            Some(one) if one.elsewhere() => kept.push(0),
            Some(_) => {}
        }
    }
    kept
}

/// The message with option 82 of this value in the place of END, as long as `keep` octets at least, or exactly as much
/// longer as the option when that is `None`.
pub(super) fn with(message: &[u8], end: Option<usize>, value: &[u8], keep: Option<usize>) -> Vec<u8> {
    let end = end.unwrap_or(message.len());
    let mut octets = message[..end].to_vec();
    octets.extend([82, value.len() as u8]);
    octets.extend(value);
    match keep {
        None => octets.extend(&message[end..]),
        Some(keep) => {
            octets.push(255);
            while octets.len() < keep {
                octets.push(0);
            }
        }
    }
    octets
}

/// The sub-options of a value; whether the last of them is whole.
pub(super) fn sub_options(value: &[u8]) -> (Vec<(u8, Vec<u8>)>, bool) {
    let mut list = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let Some(&len) = rest.get(1) else { return (list, false) };
        let Some(inner) = rest.get(2..2 + usize::from(len)) else { return (list, false) };
        list.push((rest[0], inner.to_vec()));
        rest = &rest[2 + usize::from(len)..];
    }
    (list, true)
}
