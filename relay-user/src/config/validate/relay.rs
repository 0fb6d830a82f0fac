//! `[relay]`: settings of the daemon as a whole.

use std::path::PathBuf;

use super::{
    super::{domain::Relay, error::Report, file},
    values::{clients, keyword, number, path},
};

/// Longest path of a Unix socket: `sun_path` without the terminating zero.
const MAX_SOCKET_PATH: usize = 107;
/// RFC 1542 section 4.1.1: a request with more hops than this is discarded.
const RFC_1542_MAX_HOPS: u8 = 16;

/// Checks `[relay]`.
pub(super) fn settings(wire: file::Relay, report: &mut Report<'_>) -> Relay {
    let file::Relay {
        fast_path,
        xdp_mode,
        max_hops,
        max_message_size,
        clients_max,
        leasequery,
        leasequery_rate,
        state_dir,
        bpffs_dir,
        control_socket,
        metrics_listen,
        dscp,
        udp_checksum,
    } = wire;
    let default = Relay::default();
    Relay {
        fast_path: keyword("relay.fast_path", fast_path.as_deref(), report),
        xdp_mode: keyword("relay.xdp_mode", xdp_mode.as_deref(), report),
        max_hops: hops(max_hops, default.max_hops, report),
        max_message_size: number(
            "relay.max_message_size",
            max_message_size,
            default.max_message_size,
            576..=9000,
            "bytes of DHCP message",
            report,
        ),
        clients_max: clients("relay.clients_max", clients_max, default.clients_max, report),
        leasequery: keyword("relay.leasequery", leasequery.as_deref(), report),
        leasequery_rate: number(
            "relay.leasequery_rate",
            leasequery_rate,
            default.leasequery_rate,
            1..=1000,
            "leasequeries a second to each server",
            report,
        ),
        state_dir: path("relay.state_dir", state_dir, default.state_dir, report),
        bpffs_dir: path("relay.bpffs_dir", bpffs_dir, default.bpffs_dir, report),
        control_socket: socket_path(control_socket, default.control_socket, report),
        metrics_listen: metrics_listen.and_then(|text| match text.parse() {
            Ok(address) => Some(address),
            Err(_) => {
                report.error(
                    "relay.metrics_listen",
                    format!("\"{text}\" is not an address with a port"),
                    "write one such as \"127.0.0.1:9567\" or \"[::1]:9567\", or leave the key out for no listener",
                );
                None
            }
        }),
        dscp: number("relay.dscp", dscp, default.dscp, 0..=63, "the DSCP itself, not the TOS byte; 48 is CS6", report),
        udp_checksum: keyword("relay.udp_checksum", udp_checksum.as_deref(), report),
    }
}

fn hops(value: Option<i64>, default: u8, report: &mut Report<'_>) -> u8 {
    let key = "relay.max_hops";
    let hops = number(key, value, default, 1..=255, "hops; RFC 1542 allows at most 16", report);
    if hops > RFC_1542_MAX_HOPS {
        report.warning(
            key,
            format!("{hops} is more than RFC 1542 allows"),
            "16 is the most that other relays and servers will take",
        );
    }
    hops
}

fn socket_path(value: Option<String>, default: PathBuf, report: &mut Report<'_>) -> PathBuf {
    let key = "relay.control_socket";
    let socket = path(key, value, default, report);
    if socket.as_os_str().len() > MAX_SOCKET_PATH {
        report.error(
            key,
            format!("the path has {} bytes", socket.as_os_str().len()),
            format!("a Unix socket's path may have {MAX_SOCKET_PATH}"),
        );
    }
    socket
}
