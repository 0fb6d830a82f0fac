//! Wrong configurations and command lines: which line, what to do, exit code 2, and nothing is changed.

use std::{
    fs::{File, Metadata},
    os::unix::fs::MetadataExt as _,
};

use crate::{Place, Said, binary, machine::Machine, say};

/// Lines 6 to 11 of the file.
const GOOD: &str = "[[server_group]]
name = \"core\"
servers = [\"10.0.41.10\"]
[[interface]]
name = \"eth1\"
server_group = \"core\"
";

/// Configurations of the small machine, and what is said about each, line by line.
fn table() -> [(&'static str, String, &'static [&'static str]); 8] {
    [
        (
            "unknown key",
            GOOD.replace("servers =", "server ="),
            &["8: server_group[0].server: there is no such key; did you mean \"servers\"? valid keys in \
               server_group[0]: name, vrf, affinity, servers"],
        ),
        (
            "an interface that does not exist",
            GOOD.replace("eth1", "eth7"),
            &[
                "10: interface[0].name: there is no device \"eth7\" on this machine; did you mean \"eth0\"? devices \
               here: lo, eth0p, eth0, eth1p, eth1",
            ],
        ),
        (
            "a server address that is ours",
            GOOD.replace("10.0.41.10", "10.0.41.2"),
            &[
                "8: server_group[0].servers[0]: the server 10.0.41.2 is this machine itself (\"eth0\"); write the \
               address of the DHCP server",
            ],
        ),
        (
            "two interfaces with one giaddr and no circuit-id",
            format!("{GOOD}vlan = 1\n[[interface]]\nname = \"eth1\"\nvlan = 2\nserver_group = \"core\"\n"),
            &[
                "14: interface[1].name: interface[0] has the giaddr 192.168.60.2 too, and neither has a circuit_id: a \
               reply could not be told apart; set option82.circuit_id = \"{name}.{vlan}\" on both, or give each its \
               own giaddr",
            ],
        ),
        (
            "no server",
            GOOD.replace("\"10.0.41.10\"", ""),
            &["8: server_group[0].servers: the list is empty; name at least one server, such as servers = \
               [\"192.0.2.1\"]"],
        ),
        (
            "no list of servers",
            GOOD.replace("servers = [\"10.0.41.10\"]\n", ""),
            &["6: server_group[0].servers: the group has no servers; add servers = [\"192.0.2.1\"]"],
        ),
        (
            "several at once",
            GOOD.replace("eth1", "eth7").replace("10.0.41.10", "10.0.41.2"),
            &[
                "8: server_group[0].servers[0]: the server 10.0.41.2 is this machine itself (\"eth0\"); write the \
                 address of the DHCP server",
                "10: interface[0].name: there is no device \"eth7\" on this machine; did you mean \"eth0\"? devices \
                 here: lo, eth0p, eth0, eth1p, eth1",
            ],
        ),
        (
            "not TOML",
            GOOD.replace("[[interface]]", "[[interface]"),
            &["9: unclosed array table; expected here: `]`"],
        ),
    ]
}

#[test]
fn check_and_run_say_which_line_and_what_to_do_and_change_nothing() {
    let machine = Machine::new();
    let before = machine.state();
    for (fault, text, expected) in table() {
        let place = Place::new();
        let file = place.configuration(&text);
        for command in ["check", "run"] {
            let Said { code, stdout, stderr } = say(machine.binary().args([command, "--config"]).arg(&file));
            assert_eq!((code, stdout.as_str()), (Some(2), ""), "{command}, {fault}: {stderr}");
            assert_eq!(stderr.lines().count(), expected.len(), "{command}, {fault}: {stderr}");
            for (line, expected) in stderr.lines().zip(expected) {
                let expected = format!("{}:{expected}", file.display());
                // The daemon's log has the time and the level in front.
                let same = if command == "check" { line == expected } else { line.ends_with(&expected) };
                assert!(same, "{command}, {fault}:\n{line}\n{expected}");
            }
            assert_eq!(place.entries(), ["relay.toml"], "{command}, {fault}");
        }
    }
    assert_eq!(machine.state(), before);
}

#[test]
fn a_problem_is_one_line_of_check_and_one_object_of_the_json_log() {
    let place = Place::new();
    let file = place.configuration(&GOOD.replace("servers =", "server ="));
    let checked = say(binary().args(["check", "--config"]).arg(&file));
    let ran = say(binary().args(["run", "--log-format", "json", "--config"]).arg(&file));
    assert_eq!((checked.code, ran.code), (Some(2), Some(2)));
    let logged: Vec<serde_json::Value> =
        ran.stderr.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(logged.iter().all(|line| line["level"] == "ERROR"), "{logged:?}");
    let messages: Vec<&str> = logged.iter().filter_map(|line| line["message"].as_str()).collect();
    assert_eq!(messages, checked.stderr.lines().collect::<Vec<_>>());
}

#[test]
fn in_the_journal_a_line_carries_its_priority_and_no_time_of_its_own() {
    let place = Place::new();
    let file = place.configuration(&GOOD.replace("servers =", "server ="));
    let checked = say(binary().args(["check", "--config"]).arg(&file));
    let run = |stream: &dyn Fn(&Metadata) -> String| {
        let log = File::create(place.path().join("log")).expect("a file in place of the journal");
        let stream = stream(&log.metadata().expect("its device and inode"));
        let said =
            say(binary().args(["run", "--config"]).arg(&file).stderr(log).env("JOURNAL_STREAM", stream));
        assert_eq!(said.code, Some(2));
        std::fs::read_to_string(place.path().join("log")).expect("a log")
    };
    let journal = run(&|log| format!("{}:{}", log.dev(), log.ino()));
    assert_eq!(journal.trim_end().strip_prefix("<3>").map(str::trim_start), Some(checked.stderr.trim_end()));
    // The variable of a service that has its stderr elsewhere.
    let elsewhere = run(&|log| format!("{}:{}", log.dev(), log.ino() + 1));
    assert!(elsewhere.starts_with("20") && elsewhere.contains(" ERROR "), "{elsewhere}");
}

#[test]
fn a_file_that_cannot_be_read_is_a_wrong_configuration() {
    let place = Place::new();
    let file = place.path().join("none.toml");
    for command in ["check", "run", "status", "stats"] {
        let Said { code, stdout, stderr } = say(binary().args([command, "--config"]).arg(&file));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{command}: {stderr}");
        let expected = format!("{}: the file cannot be read", file.display());
        assert!(stderr.contains(&expected), "{command}: {stderr}");
    }
}

#[test]
fn a_wrong_command_line_is_exit_code_2_and_says_what_is_right() {
    let table: &[(&[&str], &str)] = &[
        (&["frobnicate"], "unrecognized subcommand 'frobnicate'"),
        (&["chek"], "a similar subcommand exists: 'check'"),
        (&["check"], "--config <FILE>"),
        (&["run"], "--config <FILE>"),
        (&["run", "--config", "x", "--log-format", "xml"], "[possible values: text, json]"),
        (
            &["run", "--config", "x", "--log-level", "loud"],
            "[possible values: error, warn, info, debug, trace]",
        ),
        (&["status", "--confg", "x"], "a similar argument exists: '--config'"),
    ];
    for (arguments, expected) in table {
        let Said { code, stdout, stderr } = say(binary().args(*arguments));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_log_filter_that_is_not_understood_is_said_before_anything_is_done() {
    let place = Place::new();
    let file = place.configuration(GOOD);
    let said = say(binary().args(["run", "--config"]).arg(&file).env("RUST_LOG", "relay_user=loud"));
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.stderr.starts_with("xdp-dhcrelay: RUST_LOG=\"relay_user=loud\" is not understood"),
        "{said:?}"
    );
    assert_eq!(place.entries(), ["relay.toml"]);
}

#[test]
fn only_commands_that_exist_are_offered() {
    let help = say(binary().arg("--help"));
    assert_eq!(help.code, Some(0));
    let commands: Vec<&str> = help
        .stdout
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(
        commands,
        ["run", "check", "doctor", "status", "stats", "leases", "events", "top", "servers", "reload"]
    );
    for command in commands {
        let help = say(binary().args([command, "--help"]));
        assert_eq!(help.code, Some(0), "{command}");
        assert!(help.stdout.contains("\nExamples:\n  xdp-dhcrelay "), "{command}: {}", help.stdout);
    }
}
