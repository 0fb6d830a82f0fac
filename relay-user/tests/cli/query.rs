//! `status`, `stats`, `leases` and `servers` against a socket that is really served: the text for people, word for word, and the document
//! for programs.

use std::{path::Path, sync::Arc};

use relay_common::{Reason, abi::MESSAGE_NAMES};
use relay_user::control::{
    self, Question, Refusal, Server, Source,
    leases::{ClientStats, Leases, Servers},
    model::{self, Count, Stats, Status},
};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::{
    Place, Said,
    answers::{Answers, answers, leases, servers, stats, status},
    binary, say,
};

const GOOD: &str = "[[server_group]]
name = \"core\"
servers = [\"10.0.41.10\"]
[[interface]]
name = \"eth1\"
server_group = \"core\"
";

/// The order of the fields is the order they end in.
struct Daemon {
    _server: Server,
    _runtime: Runtime,
}

impl Daemon {
    fn new(socket: &Path, answers: Answers) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let server = runtime.block_on(control::serve(socket, Arc::new(answers)));
        Self { _server: server.unwrap_or_else(|error| panic!("{error}")), _runtime: runtime }
    }
}

#[test]
fn status_for_people_says_how_each_part_stands() {
    let place = Place::new();
    let _daemon = Daemon::new(&place.socket(), answers());
    let said = say(binary().args(["status", "--socket"]).arg(place.socket()));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        said.stdout,
        r#"xdp-dhcrelay 0.1.0, process 4711, up 3 d 4 h, configuration /etc/xdp-dhcrelay.toml
Fast path: active (fast_path = "prefer")

PORT  XDP      BEHIND IT         NOTE
eth0  native   servers           -
eth1  generic  clients, servers  the driver has no XDP

INTERFACE  VLAN   VRF  ON                        ADDRESS       GIADDR        SERVER GROUP  RELAYS  NOTE
eth1       200.7  red  eth1 vlan 200.7, generic  192.168.60.2  10.255.0.1    core          yes     -
eth1       -      -    -                         192.168.61.2  192.168.61.2  core          no      the device is down

SERVER GROUP  SERVER      PATH  PORT  GATEWAY    MAC                NOTE
core          10.0.41.10  fast  eth0  10.0.40.1  02:00:00:00:00:01  -
core          10.0.41.11  slow  eth0  -          -                  its next hop does not answer ARP
core          10.0.41.12  none  -     -          -                  there is no route
"#
    );
}

#[test]
fn stats_for_people_leave_out_what_is_zero_and_explain_each_reason() {
    let place = Place::new();
    let _daemon = Daemon::new(&place.socket(), answers());
    let said = say(binary().args(["stats", "--socket"]).arg(place.socket()));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        said.stdout,
        "\
Relayed
INTERFACE  VLAN  TOWARD   MESSAGE   FAST PATH  SLOW PATH
eth1       100   servers  bootp             2          0
eth1       100   servers  discover    1204000          3
eth1       100   servers  request     1199871          0
eth1       100   servers  other             0          1
eth1       100   clients  offer       2408000          0

Not relayed by the path that counted it
INTERFACE  VLAN  FATE       REASON          FAST PATH  SLOW PATH  MEANING
eth1       100   slow path  fragment                9          0  A fragment: the kernel puts it together before the daemon sees it.
eth1       100   dropped    hop_limit               4          0  The request has been through max_hops relays already.
-          -     dropped    unknown_server          1         12  A BOOTREPLY from an address that is not a configured server.

Copies sent to servers: 4807742 by the fast path, 8 by the slow path
Requests left to the daemon because a server has no resolved next hop: 5, lost: 0
Slow path: 1 send errors, 2 frames lost before reading

Clients: 12 of at most 262144, 10 bound; 0 times there was no room for one
Messages looked at: 400, lost 3 and 70 DISCOVERs; 30 changes stored
Messages that changed nothing: duplicate 5, not_a_server 2
2 of them came from where they cannot come from: forged, or a loop
4 leases did not get into the map \"leases\": affinity may not know them
Host routes: 9; 1 left alone as somebody else's, 0 failed
Leasequeries: 508 sent, 3 of them again; answered 12 active, 490 unassigned, 0 unknown; 0 not answered; more to ask
Leases learnt so: 11, brought up to date 1, taken out 0
Answers of no use: 1 of no interface, 0 without an end, 0 not taken, 0 to nothing asked
Leases are not stored: the disk is full
"
    );
}

#[test]
fn leases_for_people_are_a_client_a_line() {
    let place = Place::new();
    let _daemon = Daemon::new(&place.socket(), answers());
    let said = say(binary().args(["leases", "--socket"]).arg(place.socket()));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        said.stdout,
        "\
INTERFACE  VLAN  ADDRESS          MAC                STATE        LEASE  ENDS IN  SERVER      OFFERS
eth1       100   192.168.60.31    02:00:00:00:00:01  bound       1800 s   29 min  10.0.41.10  192.168.60.31 by 10.0.41.10, 192.168.60.99 by 10.0.41.11
eth1       100   (192.168.60.32)  02:00:00:00:00:02  released  infinite        -  10.0.41.10  -

2 of 12 clients.
"
    );
}

#[test]
fn servers_for_people_begin_with_what_is_to_be_remarked() {
    let place = Place::new();
    let _daemon = Daemon::new(&place.socket(), answers());
    let said = say(binary().args(["servers", "--socket"]).arg(place.socket()));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        said.stdout,
        "\
warning: 10.0.41.11 is silent while its partner answers

Answers in the last hour
SERVER GROUP  SERVER      CLIENTS  OFFERS  ACKS  NAKS  HALF WITHIN  99 % WITHIN
core          10.0.41.10       20      20    20     0         2 ms         2 ms
core          10.0.41.11        0       0     0     0            -            -

OFFERs by the secs of the DISCOVER
SERVER GROUP  SERVER       0  1  2  3  4  5  6  7  8  9  10+
core          (asked)     20  0  0  1  0  0  0  0  0  0    0
core          10.0.41.10  20  0  0  0  0  0  0  0  0  0    0
core          10.0.41.11   0  0  0  0  0  0  0  0  0  0    0
"
    );
}

#[test]
fn a_daemon_that_has_done_nothing_yet_says_so() {
    let place = Place::new();
    let zero = |_| Count::default();
    let stats = Stats {
        interfaces: Vec::new(),
        unattributed: model::reasons(|_| Count::default()),
        copies: zero(()),
        send_errors: 0,
        receive_drops: 0,
        punts: 0,
        punts_lost: 0,
        cuts_lost: 0,
        clients: ClientStats::default(),
    };
    let _daemon = Daemon::new(&place.socket(), Answers { stats, ..answers() });
    let said = say(binary().args(["stats", "--socket"]).arg(place.socket()));
    assert!(
        said.stdout.starts_with(
            "Relayed\nNothing was relayed yet.\n\nNot relayed by the path that counted it\nNothing.\n\n"
        ),
        "{said:?}"
    );
}

#[test]
fn the_document_for_programs_is_the_whole_answer_zeros_too() {
    let place = Place::new();
    let _daemon = Daemon::new(&place.socket(), answers());
    let document = |command: &str| {
        let Said { code, stdout, stderr } =
            say(binary().args([command, "--json", "--socket"]).arg(place.socket()));
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        serde_json::from_str::<Value>(&stdout).expect("one document")
    };
    let shown: Status = serde_json::from_value(document("status")).expect("a status");
    assert_eq!(shown, status());
    assert_eq!(serde_json::from_value::<Leases>(document("leases")).expect("leases"), leases());
    assert_eq!(serde_json::from_value::<Servers>(document("servers")).expect("servers"), servers());

    let shown = document("stats");
    assert_eq!(serde_json::from_value::<Stats>(shown.clone()).expect("stats"), stats());
    for interface in shown["interfaces"].as_array().expect("a list") {
        for name in MESSAGE_NAMES {
            assert!(interface["requests"][name]["fast"].is_u64(), "{name}");
            assert!(interface["replies"][name]["slow"].is_u64(), "{name}");
        }
        for reason in Reason::ALL {
            assert!(interface["reasons"][reason.label()]["fast"].is_u64(), "{reason:?}");
            assert!(shown["unattributed"][reason.label()]["slow"].is_u64(), "{reason:?}");
        }
    }
}

/// Names of options or variables, with their values.
type Values<'v> = &'v [(&'v str, &'v Path)];

#[test]
fn the_socket_is_found_from_the_configuration_and_the_command_line_comes_first() {
    let (here, elsewhere) = (Place::new(), Place::new());
    let file = here.configuration(GOOD);
    let _daemon = Daemon::new(&here.socket(), answers());
    let expected = say(binary().args(["status", "--socket"]).arg(here.socket()));
    let nobody = elsewhere.socket();
    let other = elsewhere.configuration(GOOD);
    // What is typed, and what is in the environment.
    let ways: [(Values<'_>, Values<'_>); 6] = [
        (&[("--config", &file)], &[]),
        (&[], &[("XDP_DHCRELAY_CONFIG", &file)]),
        (&[], &[("XDP_DHCRELAY_SOCKET", &here.socket())]),
        (&[("--config", &file)], &[("XDP_DHCRELAY_SOCKET", &nobody)]),
        (&[("--socket", &here.socket())], &[("XDP_DHCRELAY_CONFIG", &other)]),
        (&[("--socket", &here.socket()), ("--config", &other)], &[]),
    ];
    for (typed, environment) in ways {
        let mut command = binary();
        command.arg("status").envs(environment.iter().copied());
        for (option, value) in typed {
            command.arg(option).arg(value);
        }
        assert_eq!(say(&mut command), expected, "{command:?}");
    }
}

#[test]
fn a_daemon_that_is_not_there_is_a_failure_with_a_remedy() {
    let place = Place::new();
    let file = place.configuration(GOOD);
    for command in ["status", "stats"] {
        let said = say(binary().args([command, "--config"]).arg(&file));
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
        let expected = format!("xdp-dhcrelay: no daemon answers on {}: ", place.socket().display());
        assert!(said.stderr.starts_with(&expected), "{said:?}");
        assert!(said.stderr.contains("systemctl start xdp-dhcrelay"), "{said:?}");
    }
}

#[test]
fn a_daemon_of_another_version_is_named_as_such() {
    /// Knows a state of the fast path that this command has never heard of.
    struct Newer;
    impl Source for Newer {
        fn answer(&self, _: &Question) -> Result<Vec<u8>, String> {
            Ok(serde_json::json!({ "version": "9.0.0" }).to_string().into_bytes())
        }
    }
    let place = Place::new();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let _server = runtime.block_on(control::serve(&place.socket(), Arc::new(Newer))).expect("served");
    let said = say(binary().args(["status", "--socket"]).arg(place.socket()));
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr.contains("is of another version than this command; restart it, or use --json"),
        "{said:?}"
    );
    let document = say(binary().args(["status", "--json", "--socket"]).arg(place.socket()));
    assert_eq!((document.code, document.stdout.as_str()), (Some(0), "{\n  \"version\": \"9.0.0\"\n}\n"));
}

#[test]
fn a_reader_that_has_seen_enough_is_not_a_failure() {
    let place = Place::new();
    let _daemon = Daemon::new(&place.socket(), answers());
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let said = say(binary().args(["status", "--socket"]).arg(place.socket()).stdout(writer));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_reload_that_is_refused_says_why_and_the_exit_code_whether_it_is_the_configuration() {
    struct Refuses(Refusal);
    impl Source for Refuses {
        fn answer(&self, _: &Question) -> Result<Vec<u8>, String> {
            Err("not asked".into())
        }

        fn reload(&self) -> Result<Vec<u8>, Refusal> {
            Err(self.0.clone())
        }
    }
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let configuration = Refusal { error: "relay.toml:3: dscp: 99 is too large".into(), configuration: true };
    for (refusal, code, said) in [
        (
            configuration,
            2,
            "relay.toml:3: dscp: 99 is too large\nxdp-dhcrelay: nothing was changed; the daemon goes on with the \
             configuration it has\n",
        ),
        (
            Refusal { error: "eth1: XDP cannot be attached".into(), configuration: false },
            1,
            "xdp-dhcrelay: the daemon refused \"reload\": eth1: XDP cannot be attached\n",
        ),
    ] {
        let place = Place::new();
        let _server =
            runtime.block_on(control::serve(&place.socket(), Arc::new(Refuses(refusal)))).expect("served");
        let refused = say(binary().args(["reload", "--socket"]).arg(place.socket()));
        assert_eq!((refused.code, refused.stdout.as_str(), refused.stderr.as_str()), (Some(code), "", said));
    }
}
