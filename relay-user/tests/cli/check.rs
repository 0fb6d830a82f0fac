//! `check` of a right configuration: what would be in force, for people and for programs.

use std::path::Path;

use relay_user::config::Config;
use serde_json::Value;

use crate::{Place, Said, machine::Machine, say};

const GOOD: &str = "[[server_group]]
name = \"core\"
servers = [\"10.0.41.10\"]
[[interface]]
name = \"eth1\"
server_group = \"core\"
";

#[test]
fn the_effective_configuration_is_printed_as_a_file_that_says_the_same() {
    let (machine, place) = (Machine::new(), Place::new());
    let before = machine.state();
    let file = place.configuration(GOOD);
    let said = say(machine.binary().args(["check", "--config"]).arg(&file));
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    for line in ["max_hops = 16", "dscp = 48", "address = \"192.168.60.2\"", "giaddr = \"192.168.60.2\""] {
        assert!(said.stdout.lines().any(|printed| printed == line), "no {line} in\n{}", said.stdout);
    }
    Config::from_str(&said.stdout, Path::new("stdout")).unwrap_or_else(|error| panic!("{error}"));

    let effective = place.path().join("effective.toml");
    std::fs::write(&effective, &said.stdout).expect("written");
    assert_eq!(say(machine.binary().args(["check", "--config"]).arg(&effective)), said, "a second time");
    assert_eq!(place.entries(), ["effective.toml", "relay.toml"]);
    assert_eq!(machine.state(), before);
}

#[test]
fn a_program_gets_one_document_whether_right_or_wrong() {
    let (machine, place) = (Machine::new(), Place::new());
    let check = |text: &str| {
        let Said { code, stdout, stderr } =
            say(machine.binary().args(["check", "--json", "--config"]).arg(place.configuration(text)));
        (code, serde_json::from_str::<Value>(&stdout).expect("one document"), stderr)
    };
    let (code, right, stderr) = check(GOOD);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!((&right["valid"], &right["problems"]), (&Value::Bool(true), &Value::Array(Vec::new())));
    assert_eq!(right["config"]["interface"][0]["giaddr"], "192.168.60.2");

    let (code, wrong, stderr) = check(&GOOD.replace("eth1", "eth7"));
    assert_eq!(code, Some(2));
    assert_eq!((&wrong["valid"], &wrong["config"]), (&Value::Bool(false), &Value::Null));
    let problem = &wrong["problems"][0];
    assert_eq!((&problem["line"], &problem["key"]), (&Value::from(10), &Value::from("interface[0].name")));
    assert!(problem["remedy"].as_str().is_some_and(|remedy| remedy.contains("did you mean")), "{problem}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_warning_goes_to_stderr_and_does_not_make_the_file_wrong() {
    let (machine, place) = (Machine::new(), Place::new());
    let file = place.configuration(&GOOD.replacen("[[server_group]]", "max_hops = 200\n[[server_group]]", 1));
    let said = say(machine.binary().args(["check", "--config"]).arg(&file));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.starts_with(&format!("warning: {}:6: relay.max_hops: ", file.display())), "{said:?}");
    assert!(said.stdout.lines().any(|line| line == "max_hops = 200"), "{said:?}");
}

#[test]
fn the_file_can_be_named_in_the_environment() {
    let (machine, place) = (Machine::new(), Place::new());
    let file = place.configuration(GOOD);
    let named = say(machine.binary().args(["check", "--config"]).arg(&file));
    let from_environment = say(machine.binary().arg("check").env("XDP_DHCRELAY_CONFIG", &file));
    assert_eq!(from_environment, named);
    let json =
        say(machine.binary().arg("check").env("XDP_DHCRELAY_CONFIG", &file).env("XDP_DHCRELAY_JSON", "1"));
    assert!(json.stdout.starts_with('{'), "{json:?}");
}
