//! A frame as a list of intentions: everything that a right sender derives from something else (lengths, checksums) is
//! derived here too, unless a field says otherwise. Changing one field therefore changes one thing.

/// What stands in the UDP checksum field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The right one.
    Right,
    /// None.
    Zero,
    /// The sum of the pseudo-header, which a network card would complete.
    Partial,
    /// The right one, off by this much.
    Off(u16),
}

/// A frame to be.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Device it comes in on.
    pub device: u32,
    pub destination_mac: [u8; 6],
    pub source_mac: [u8; 6],
    /// Protocol and control information of each tag, outermost first.
    pub tags: Vec<(u16, u16)>,
    pub ethertype: u16,
    /// Version and header length; the length of `ip_options` goes on top.
    pub version_ihl: u8,
    pub tos: u8,
    pub identification: u16,
    pub fragment: u16,
    pub ttl: u8,
    pub protocol: u8,
    pub source: [u8; 4],
    pub destination: [u8; 4],
    pub ip_options: Vec<u8>,
    /// Added to the right total length.
    pub total_off: i32,
    /// Added to the right header checksum.
    pub ip_checksum_off: u16,
    pub source_port: u16,
    pub destination_port: u16,
    /// Added to the right UDP length.
    pub udp_off: i32,
    pub checksum: Checksum,
    /// The UDP payload: the fixed part, the cookie and the options.
    pub message: Vec<u8>,
    /// Behind the datagram, within the IPv4 packet.
    pub slack: Vec<u8>,
    /// Behind the packet, within the frame.
    pub padding: Vec<u8>,
}

impl Spec {
    /// The frame.
    pub fn frame(&self) -> Vec<u8> {
        let mut frame = [self.destination_mac, self.source_mac].concat();
        for (protocol, control) in &self.tags {
            frame.extend(protocol.to_be_bytes());
            frame.extend(control.to_be_bytes());
        }
        frame.extend(self.ethertype.to_be_bytes());
        let udp = self.udp();
        let total = 20 + self.ip_options.len() + udp.len() + self.slack.len();
        let mut ip = vec![self.version_ihl + (self.ip_options.len() / 4) as u8, self.tos];
        ip.extend(changed(total, self.total_off));
        ip.extend(self.identification.to_be_bytes());
        ip.extend(self.fragment.to_be_bytes());
        ip.extend([self.ttl, self.protocol, 0, 0]);
        ip.extend(self.source);
        ip.extend(self.destination);
        ip.extend(&self.ip_options);
        let checksum = (!sum(&ip)).wrapping_add(self.ip_checksum_off);
        ip[10..12].copy_from_slice(&checksum.to_be_bytes());
        frame.extend(ip);
        frame.extend(udp);
        frame.extend(&self.slack);
        frame.extend(&self.padding);
        frame
    }

    fn udp(&self) -> Vec<u8> {
        let mut udp = [self.source_port.to_be_bytes(), self.destination_port.to_be_bytes()].concat();
        let length = changed(8 + self.message.len(), self.udp_off);
        udp.extend(length);
        udp.extend([0, 0]);
        udp.extend(&self.message);
        let pseudo = [&self.source[..], &self.destination, &[0, self.protocol], &length].concat();
        let right = match !sum(&[&pseudo[..], &udp].concat()) {
            0 => 0xffff,
            other => other,
        };
        let checksum = match self.checksum {
            Checksum::Right => right,
            Checksum::Zero => 0,
            Checksum::Partial => sum(&pseudo),
            Checksum::Off(off) => right.wrapping_add(off),
        };
        udp[6..8].copy_from_slice(&checksum.to_be_bytes());
        udp
    }
}

fn changed(length: usize, off: i32) -> [u8; 2] {
    ((length as i32 + off) as u16).to_be_bytes()
}

/// The one's complement sum (RFC 1071), folded.
fn sum(octets: &[u8]) -> u16 {
    let total: u64 = octets
        .chunks(2)
        .map(|pair| u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u64::from(low)))
        .sum();
    let folded = (total & 0xffff) + (total >> 16);
    ((folded & 0xffff) + (folded >> 16)) as u16
}
