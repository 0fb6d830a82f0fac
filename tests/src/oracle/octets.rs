//! The oracle's octets: fields, sums and packets, each in the plainest way there is.

/// A new IPv4 packet from port 67.
pub(super) fn datagram(
    tos: u8,
    source: [u8; 4],
    destination: [u8; 4],
    port: u8,
    message: &[u8],
    summed: bool,
) -> Vec<u8> {
    let length = (message.len() + 8) as u16;
    let mut udp = vec![0, 67, 0, port];
    udp.extend(length.to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(message);
    if summed {
        let mut pseudo = Vec::new();
        pseudo.extend(source);
        pseudo.extend(destination);
        pseudo.extend([0, 17]);
        pseudo.extend(length.to_be_bytes());
        pseudo.extend(&udp);
        let checksum = match 0xffff - sum(&pseudo) {
            0 => 0xffff,
            other => other,
        };
        udp[6..8].copy_from_slice(&checksum.to_be_bytes());
    }
    let mut ip = vec![0x45, tos];
    ip.extend((length + 20).to_be_bytes());
    ip.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    ip.extend(source);
    ip.extend(destination);
    let checksum = 0xffff - sum(&ip);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    ip.extend(udp);
    ip
}

pub(super) fn half(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from(*octets.get(at)?) * 256 + u16::from(*octets.get(at + 1)?))
}

pub(super) fn four(octets: &[u8], at: usize) -> [u8; 4] {
    [octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]
}

/// RFC 1071, one pair at a time.
pub(super) fn sum(octets: &[u8]) -> u16 {
    let mut sum = 0u32;
    let mut at = 0;
    while at < octets.len() {
        let low = if at + 1 < octets.len() { octets[at + 1] } else { 0 };
        sum += u32::from(octets[at]) * 256 + u32::from(low);
        if sum > 0xffff {
            sum -= 0xffff;
        }
        at += 2;
    }
    sum as u16
}
