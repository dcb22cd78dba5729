//! `phonehome names` and `phonehome read` on the capture cases, against what each expects.

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
fn every_case_gives_the_findings_that_it_expects() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for case in sensor::cases() {
        if !case.join("findings.json").exists() {
            continue;
        }
        compared += 1;
        let expected = object(&read(&case, "findings.json"));
        let input = case.join("input.pcap");
        let mut documents = Vec::new();
        for workers in ["1", "3"] {
            let args = ["read", "--json", "--workers", workers].map(AsRef::as_ref);
            let outcome = sensor::run(args.into_iter().chain([input.as_os_str()])).ended_with(0);
            if let Err(why) = holds(&expected, &outcome.json(), "") {
                wrong.push(format!("{} with {workers} workers: {why}", name(&case)));
            }
            documents.push(outcome.stdout);
        }
        let same = documents.iter().all(|it| *it == documents[0]);
        assert!(same, "{}: workers make a difference", name(&case));
    }
    assert!(compared > 15, "{compared} cases have findings");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_differs_from_a_documents_expectation_is_told_with_its_place() {
    let expected = object(r#"{"a":[{"b":1}],"c":"x"}"#);
    for (given, why) in [
        (r#"{"a":[{"b":1,"more":0}],"c":"x","d":3}"#, Ok(())),
        (r#"{"a":[{"b":2}],"c":"x"}"#, Err(".a[0].b is 2, not 1")),
        (r#"{"a":[{}],"c":"x"}"#, Err(".a[0].b is null, not 1")),
        (r#"{"a":[],"c":"x"}"#, Err(".a is [], not [{\"b\":1}]")),
        (r#"{"a":[{"b":1}]}"#, Err(".c is null, not \"x\"")),
    ] {
        let outcome = holds(&expected, &object(given), "");
        assert_eq!(outcome, why.map_err(str::to_owned), "{given}");
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

#[test]
fn findings_say_who_hosts_are() {
    let mut wrong = Vec::new();
    let mut with_hosts = 0;
    for case in sensor::cases() {
        let Ok(expected) = fs::read_to_string(case.join("hosts.jsonl")) else {
            continue;
        };
        with_hosts += 1;
        let input = case.join("input.pcap");
        let packs = case.join("packs");
        let mut args = vec!["read".as_ref(), "--json".as_ref(), input.as_os_str()];
        if packs.is_dir() {
            args.extend(["--signatures".as_ref(), packs.as_os_str()]);
        }
        let outcome = sensor::run(args).ended_with(0);
        let document = object(outcome.text());
        let findings = document["findings"].as_array().unwrap();
        for line in expected.lines() {
            let wanted = object(line);
            let is_of_host = |it: &&Value| it["host"] == wanted["host"];
            if wanted["vendor"].is_null() {
                if let Some(it) = findings.iter().find(is_of_host) {
                    wrong.push(format!("{}: a finding too many: {it}", name(&case)));
                }
                continue;
            }
            let is_it = |it: &&Value| is_of_host(it) && it["vendor"]["id"] == wanted["vendor"];
            let given = findings.iter().find(is_it).unwrap_or(&Value::Null);
            let mut wanted = wanted.clone();
            wanted["vendor"] = serde_json::json!({"id": wanted["vendor"]});
            if let Err(why) = holds(&wanted, given, "") {
                wrong.push(format!("{}: {why}\n  {line}\n  {given}", name(&case)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(with_hosts > 10, "cases with hosts.jsonl: {with_hosts}");
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

/// Whether a document holds what is expected: of objects the keys that are expected, of lists all
/// items. What is not there is null, or an empty list.
fn holds(expected: &Value, given: &Value, at: &str) -> Result<(), String> {
    match (expected, given) {
        (Value::Object(keys), Value::Object(_)) => {
            for (key, value) in keys {
                let given = given.get(key).unwrap_or(&Value::Null);
                holds(value, given, &format!("{at}.{key}"))?;
            }
            Ok(())
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            let mut pairs = (0..).zip(items.iter().zip(others));
            pairs.try_for_each(|(place, (item, other)): (usize, _)| {
                holds(item, other, &format!("{at}[{place}]"))
            })
        }
        (Value::Array(items), Value::Null) if items.is_empty() => Ok(()),
        _ if expected == given => Ok(()),
        _ => Err(format!("{at} is {given}, not {expected}")),
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
