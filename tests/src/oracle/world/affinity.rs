//! What the world's relay remembers of its clients' addresses, on the interfaces where a request about a lease goes to the
//! server of that lease alone.

/// The numbers of these interfaces: 20 has servers that want no early messages.
pub(super) const INTERFACES: [usize; 2] = [11, 20];

/// The server that offered or gave an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Number of the interface.
    pub interface: usize,
    pub address: [u8; 4],
    /// The client.
    pub chaddr: [u8; 6],
    /// 0.0.0.0 when several offered it in one dialogue.
    pub server: [u8; 4],
    /// Of its last reply.
    pub xid: [u8; 4],
    /// A request has gone to it alone since.
    pub asked: bool,
}

/// A lease of the client table whose holder is not remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Number of the interface.
    pub interface: usize,
    pub address: [u8; 4],
    /// The client.
    pub chaddr: [u8; 6],
    pub server: [u8; 4],
    /// Its server has not been asked to extend it.
    pub bound: bool,
}

/// One of each kind.
pub(super) fn leases() -> Vec<Lease> {
    let places = [
        (11, [10, 0, 41, 11], true),
        (11, [10, 0, 42, 10], false),
        (20, [10, 0, 42, 11], true),
        (20, [10, 0, 42, 11], false),
        (20, [10, 0, 41, 99], true),
    ];
    let lease = |(number, (interface, server, bound)): (u8, (usize, [u8; 4], bool))| Lease {
        interface,
        address: [192, 168, 63, 150 + number],
        chaddr: [2, 0, 0, 0xcc, 4, number],
        server,
        bound,
    };
    (1..).zip(places).map(lease).collect()
}

/// One of each kind.
pub(super) fn holders() -> Vec<Holder> {
    let places = [
        (11, [10, 0, 41, 11], false),
        (11, [10, 0, 42, 10], true),
        (11, [0; 4], false),
        (11, [10, 0, 41, 99], false),
        (20, [10, 0, 42, 11], false),
    ];
    let holder = |(number, (interface, server, asked)): (u8, (usize, [u8; 4], bool))| Holder {
        interface,
        address: [192, 168, 63, 100 + number],
        chaddr: [2, 0, 0, 0xcc, 3, number],
        server,
        xid: [0x0f, 0xfe, 0x12, number],
        asked,
    };
    (1..).zip(places).map(holder).collect()
}
