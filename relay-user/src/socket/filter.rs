//! Classic BPF filters: the kernel decides which frames wake the daemon at all.
//!
//! A port of a router carries gigabits; only datagrams to UDP ports 67 and 68 concern a relay. The first 802.1Q tag is usually
//! already in the packet's metadata when a filter runs, so the same frame is seen with one tag fewer than on the wire.

use socket2::SockFilter;

const LOAD_BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
const LOAD_HALF: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
const LOAD_HALF_AT_X: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_IND) as u16;
/// X = 4 * (low nibble of the byte): the length of the IPv4 header that starts there.
const LOAD_HEADER_LENGTH: u16 = (libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH) as u16;
const JUMP_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const JUMP_ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// Instructions per tag depth, see [`relay_port`].
const BLOCK: usize = 12;
/// 0, 1 and 2 tags in the packet itself.
const DEPTHS: usize = 3;
const PROLOGUE: usize = 2;
const ACCEPT: usize = PROLOGUE + BLOCK * DEPTHS;
const DROP: usize = ACCEPT + 1;

/// Lets through incoming Ethernet frames with 0, 1 or 2 tags (0x8100, 0x88a8) that carry an IPv4/UDP datagram to port
/// 67, or to port 68: what a server sends to a client past every relay agent is only looked at. IP options move the UDP header and are followed. A later fragment has no UDP header and is refused; a first
/// fragment passes, so that one that could not be reassembled is still counted by the shared code.
///
/// Outgoing frames are refused here too: `PACKET_IGNORE_OUTGOING` does not hold inside a fanout group, and the group's
/// own flag for it came with Linux 6.2.
pub(super) fn relay_port() -> Vec<SockFilter> {
    let mut program = Program(Vec::with_capacity(DROP + 1));
    let packet_type = (libc::SKF_AD_OFF + libc::SKF_AD_PKTTYPE) as u32;
    program.load(LOAD_BYTE, packet_type);
    program.jump(JUMP_EQUAL, u32::from(libc::PACKET_OUTGOING), Some(DROP), None);
    for depth in 0..DEPTHS {
        let start = PROLOGUE + depth * BLOCK;
        let ip = start + 4;
        let ether_type = 12 + 4 * depth as u32;
        let header = ether_type + 2;
        let next_tag = if depth + 1 < DEPTHS { start + BLOCK } else { DROP };
        program.load(LOAD_HALF, ether_type);
        program.jump(JUMP_EQUAL, 0x0800, Some(ip), None);
        program.jump(JUMP_EQUAL, 0x8100, Some(next_tag), None);
        program.jump(JUMP_EQUAL, 0x88a8, Some(next_tag), Some(DROP));
        program.load(LOAD_BYTE, header + 9);
        program.jump(JUMP_EQUAL, 17, None, Some(DROP));
        program.load(LOAD_HALF, header + 6);
        program.jump(JUMP_ANY_BIT, 0x1fff, Some(DROP), None);
        program.load(LOAD_HEADER_LENGTH, header);
        program.load(LOAD_HALF_AT_X, header + 2);
        program.jump(JUMP_EQUAL, 67, Some(ACCEPT), None);
        program.jump(JUMP_EQUAL, 68, Some(ACCEPT), Some(DROP));
    }
    program.load(RETURN, u32::MAX);
    program.load(RETURN, 0);
    program.0
}

/// Discards everything: for a socket that only exists to hold its port and to send.
pub(super) fn nothing() -> [SockFilter; 1] {
    [SockFilter::new(RETURN, 0, 0, 0)]
}

struct Program(Vec<SockFilter>);

impl Program {
    fn load(&mut self, code: u16, k: u32) {
        self.0.push(SockFilter::new(code, 0, 0, k));
    }

    /// Targets are indices of instructions; `None` goes on with the next one. The whole program has fewer than 256
    /// instructions, so every distance fits the kernel's u8.
    fn jump(&mut self, code: u16, k: u32, if_true: Option<usize>, if_false: Option<usize>) {
        let next = self.0.len() + 1;
        let distance = |target: Option<usize>| target.map_or(0, |target| (target - next) as u8);
        self.0.push(SockFilter::new(code, distance(if_true), distance(if_false), k));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_has_the_length_its_jumps_count_on() {
        assert_eq!(relay_port().len(), DROP + 1);
    }
}
