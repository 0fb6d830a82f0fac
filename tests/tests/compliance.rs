//! `docs/rfc-compliance.md` does not promise more than the tests: every test, case and row it names exists, every
//! requirement has a verdict, what is met is shown by something, and what is not has a reason.

#![allow(clippy::unwrap_used, reason = "a test panics; clippy exempts only the functions marked #[test]")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use relay_tests::oracle::world::World;
use relay_tests::rules;

const DOCUMENT: &str = include_str!("../../docs/rfc-compliance.md");
const HEAD: &str = "| section | level | requirement | verdict | shown by | remark |";
const RULE: &str = "| --- | --- | --- | --- | --- | --- |";
/// All that the document is about.
const RFCS: [u32; 11] = [1542, 2131, 3046, 3118, 3396, 3527, 5010, 5107, 6607, 6842, 8357];
const LEVELS: [&str; 7] = ["MUST", "MUST NOT", "SHALL", "SHALL NOT", "SHOULD", "SHOULD NOT", "MAY"];

/// A row of a table, with the RFC of its heading.
#[derive(Debug)]
struct Row<'a> {
    rfc: u32,
    section: &'a str,
    level: &'a str,
    requirement: &'a str,
    verdict: &'a str,
    shown_by: &'a str,
    remark: &'a str,
}

/// What a row says it is shown by.
#[derive(Debug, PartialEq, Eq)]
enum Evidence<'a> {
    Test { file: &'a str, name: &'a str },
    Case(&'a str),
    Row(&'a str),
}

/// What can be named.
struct Known<'a> {
    /// The tests of a file.
    tests: &'a dyn Fn(&str) -> BTreeSet<String>,
    cases: BTreeSet<&'a str>,
    /// Of the table of behaviours.
    rows: BTreeSet<String>,
}

/// The rows of the document, and what is wrong with its form.
fn rows(document: &str) -> (Vec<Row<'_>>, Vec<String>) {
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    let mut rfc = None;
    for line in document.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            let number = heading.strip_prefix("RFC ").and_then(|rest| rest.split(':').next());
            rfc = number.and_then(|number| number.parse().ok());
            if rfc.is_none() {
                faults.push(format!("no RFC in the heading {heading:?}"));
            }
        }
        if !line.starts_with('|') || line == HEAD || line == RULE {
            continue;
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (["", section, level, requirement, verdict, shown_by, remark, ""], Some(rfc)) = (&cells[..], rfc)
        else {
            faults.push(format!("not a row of six cells under an RFC: {line}"));
            continue;
        };
        rows.push(Row { rfc, section, level, requirement, verdict, shown_by, remark });
    }
    (rows, faults)
}

impl<'a> Row<'a> {
    fn evidence(&self) -> Result<Vec<Evidence<'a>>, String> {
        if self.shown_by.is_empty() {
            return Ok(Vec::new());
        }
        let read = |item: &'a str| {
            let within =
                |open: &str, close: char| item.strip_prefix(open).and_then(|item| item.strip_suffix(close));
            if let Some((file, name)) = within("`", '`').and_then(|test| test.split_once("::")) {
                Ok(Evidence::Test { file, name })
            } else if let Some(name) = within("case \"", '"') {
                Ok(Evidence::Case(name))
            } else if let Some(name) = within("row \"", '"') {
                Ok(Evidence::Row(name))
            } else {
                Err(format!("neither `file::test` nor case \"…\" nor row \"…\": {item}"))
            }
        };
        self.shown_by.split("; ").map(read).collect()
    }

    /// What is wrong with the row, given what there is.
    fn faults(&self, known: &Known<'_>) -> Vec<String> {
        let mut faults = Vec::new();
        if self.section.is_empty() || self.requirement.is_empty() {
            faults.push("no section or no requirement".to_owned());
        }
        if self.level != "-" && !LEVELS.contains(&self.level) {
            faults.push(format!("{:?} is no level", self.level));
        }
        let evidence = self.evidence();
        match self.verdict {
            "met" if matches!(&evidence, Ok(nothing) if nothing.is_empty()) => {
                faults.push("met, but shown by nothing".to_owned());
            }
            "met" => {}
            "not met" | "not applicable" if self.remark.is_empty() => {
                faults.push(format!("{} without a reason", self.verdict));
            }
            "not met" | "not applicable" => {}
            other => faults.push(format!("{other:?} is no verdict")),
        }
        for item in evidence.unwrap_or_else(|fault| {
            faults.push(fault);
            Vec::new()
        }) {
            match item {
                Evidence::Test { file, name } if !(known.tests)(file).contains(name) => {
                    faults.push(format!("there is no test {name} in {file}"));
                }
                Evidence::Case(case) if !known.cases.contains(case) => {
                    faults.push(format!("there is no case {case:?}"))
                }
                Evidence::Row(row) if !known.rows.contains(row) => {
                    faults.push(format!("there is no row {row:?}"));
                }
                Evidence::Test { .. } | Evidence::Case(_) | Evidence::Row(_) => {}
            }
        }
        faults
            .into_iter()
            .map(|fault| format!("RFC {} section {}: {fault}", self.rfc, self.section))
            .collect()
    }
}

/// The functions of a source file that are marked as tests.
fn tests(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut marked = false;
    for line in source.lines().map(str::trim) {
        if line == "#[test]" || line.starts_with("#[tokio::test") {
            marked = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| marked) {
            found.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
            marked = false;
        }
    }
    found
}

/// The tests of a file of this repository; none if there is no such file.
fn tests_of(file: &str) -> BTreeSet<String> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    fs::read_to_string(path).map_or_else(|_| BTreeSet::new(), |source| tests(&source))
}

/// The sentences of the table of behaviours: the texts in its sources that begin with the number of a row.
fn behaviours() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/behaviour");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        let texts = source.split('"').skip(1).step_by(2);
        found.extend(texts.filter(|text| text.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned));
    }
    found
}

#[test]
fn every_row_has_a_verdict_and_what_it_names_exists() {
    let world = World::new();
    let all = rules::cases(&world);
    let known =
        Known { tests: &tests_of, cases: all.iter().map(|case| case.name).collect(), rows: behaviours() };
    let (rows, mut faults) = rows(DOCUMENT);
    faults.extend(rows.iter().flat_map(|row| row.faults(&known)));
    assert!(faults.is_empty(), "docs/rfc-compliance.md:\n{}", faults.join("\n"));

    let mut verdicts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        *verdicts.entry(row.verdict).or_default() += 1;
    }
    println!("{} requirements: {verdicts:?}", rows.len());
}

#[test]
fn every_rfc_has_its_table() {
    let (rows, _) = rows(DOCUMENT);
    let found: BTreeSet<u32> = rows.iter().map(|row| row.rfc).collect();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), RFCS);
}

#[test]
fn a_row_that_promises_too_much_is_found() {
    let tests = |file: &str| match file {
        "tests/some.rs" => BTreeSet::from(["a_test".to_owned()]),
        _ => BTreeSet::new(),
    };
    let known = Known {
        tests: &tests,
        cases: BTreeSet::from(["a case"]),
        rows: BTreeSet::from(["1, a row".to_owned()]),
    };
    let faults = |row: &str| {
        let document = format!("## RFC 1542: BOOTP\n\n{HEAD}\n{RULE}\n{row}\n");
        let (rows, mut faults) = rows(&document);
        faults.extend(rows.iter().flat_map(|row| row.faults(&known)));
        faults
    };
    assert_eq!(
        faults(
            "| 4 | MUST | It relays. | met | `tests/some.rs::a_test`; case \"a case\"; row \"1, a row\" | |"
        ),
        Vec::<String>::new()
    );
    for wrong in [
        "| 4 | MUST | It relays. | met | `tests/some.rs::no_test` | |",
        "| 4 | MUST | It relays. | met | `tests/none.rs::a_test` | |",
        "| 4 | MUST | It relays. | met | case \"no case\" | |",
        "| 4 | MUST | It relays. | met | row \"2, no row\" | |",
        "| 4 | MUST | It relays. | met | a_test | |",
        "| 4 | MUST | It relays. | met | | because |",
        "| 4 | MUST | It relays. | | case \"a case\" | |",
        "| 4 | MUST | It relays. | partly | case \"a case\" | |",
        "| 4 | MUST | It relays. | not met | | |",
        "| 4 | MUST | It relays. | not applicable | | |",
        "| 4 | must | It relays. | met | case \"a case\" | |",
        "| | MUST | It relays. | met | case \"a case\" | |",
        "| 4 | MUST | It relays. | met | case \"a case\" |",
    ] {
        assert_eq!(faults(wrong).len(), 1, "{wrong}");
    }
}

#[test]
fn only_functions_that_are_marked_are_tests() {
    let source = "fn helper() {}\n#[test]\n#[ignore = \"why\"]\nfn one() {}\nfn two() {}\n#[tokio::test]\nasync fn three() {}\n";
    assert_eq!(tests(source), BTreeSet::from(["one".to_owned(), "three".to_owned()]));
}
