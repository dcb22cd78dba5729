//! `phonehome names` on the capture cases, against what each expects.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

use std::fs;
use std::path::Path;

use serde_json::Value;

mod sensor;

#[test]
fn every_case_gives_the_names_that_it_expects() {
    let mut wrong = Vec::new();
    for case in sensor::cases() {
        let expected = read(&case, "expect.jsonl");
        let outcome = sensor::run(["names".as_ref(), case.join("input.pcap").as_os_str()]);
        if let Err(why) = compare(&expected, outcome.ended_with(0).text()) {
            wrong.push(format!("{}: {why}", name(&case)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_number_of_workers_changes_no_octet() {
    for case in sensor::cases() {
        let input = case.join("input.pcap");
        let alone = sensor::run(["names".as_ref(), input.as_os_str()]).ended_with(0);
        for workers in ["1", "2", "4"] {
            let args = ["names", "--workers", workers].map(AsRef::as_ref);
            let outcome = sensor::run(args.into_iter().chain([input.as_os_str()])).ended_with(0);
            let same = outcome.stdout == alone.stdout;
            assert!(same, "{} with {workers} workers", name(&case));
        }
    }
}

#[test]
fn every_case_says_what_it_shows() {
    for case in sensor::cases() {
        let readme = read(&case, "README.md");
        let title = format!("# {}", name(&case));
        assert_eq!(readme.lines().next(), Some(title.as_str()));
        let expects_nothing = read(&case, "expect.jsonl").is_empty();
        let is_named_so = name(&case).starts_with("nothing-");
        assert_eq!(expects_nothing, is_named_so, "{}", name(&case));
    }
}

/// Compares line by line, and only the keys that the expectation has.
fn compare(expected: &str, printed: &str) -> Result<(), String> {
    let mut lines = printed.lines();
    for (number, expected) in (1..).zip(expected.lines()) {
        let Some(printed) = lines.next() else {
            return Err(format!("line {number} is missing: {expected}"));
        };
        let (wanted, given) = (object(expected), object(printed));
        for (key, value) in wanted.as_object().unwrap() {
            if given.get(key) != Some(value) {
                return Err(format!("line {number}, {key}:\n  {expected}\n  {printed}"));
            }
        }
        if time(expected) != time(printed) {
            return Err(format!("line {number}, ts:\n  {expected}\n  {printed}"));
        }
    }
    match lines.next() {
        Some(more) => Err(format!("a line too many: {more}")),
        None => Ok(()),
    }
}

fn object(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|it| panic!("{it} in {line}"))
}

/// The time as it is written: a number would lose digits.
fn time(line: &str) -> &str {
    let (_, rest) = line.split_once("\"ts\":").unwrap();
    rest.split(',').next().unwrap().trim()
}

fn read(case: &Path, file: &str) -> String {
    let path = case.join(file);
    fs::read_to_string(&path).unwrap_or_else(|it| panic!("{}: {it}", path.display()))
}

fn name(case: &Path) -> &str {
    case.file_name().unwrap().to_str().unwrap()
}
