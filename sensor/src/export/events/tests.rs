//! Tests of events against their schema.

use phonehome_signatures::SignatureId;
use serde_json::Value;

use super::*;
use crate::detection::Reach;
use crate::export::{CHANGES, sample};
use crate::names::Name;

fn sighting(source: Source) -> Sighting {
    let mut observation = sample::observation();
    observation.source = source;
    if source.is_from_server() {
        (observation.src, observation.dst) = (observation.dst, observation.src);
    }
    Sighting {
        observation,
        signature: SignatureId(0),
        via: None,
        reach: Reach::Transferred,
    }
}

fn event(sighting: &Sighting) -> Value {
    let mut out = Vec::new();
    write_sighting(&mut out, &sample::catalogue(), sighting, sample::at(0)).unwrap();
    assert_eq!(out.pop(), Some(b'\n'));
    assert!(!out.contains(&b'\n'));
    serde_json::from_slice(&out).unwrap()
}

/// Checks a value against the part of JSON Schema that the schema file uses.
fn check(schema: &Value, value: &Value, path: &str) {
    let known = [
        "$schema",
        "$id",
        "title",
        "description",
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "const",
        "minimum",
        "maximum",
        "minItems",
    ];
    for key in schema.as_object().unwrap().keys() {
        assert!(
            known.contains(&key.as_str()),
            "{path}: the check knows no {key}"
        );
    }
    let right = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        other => panic!("{path}: type {other:?}"),
    };
    assert!(right, "{path}: {value} is no {}", schema["type"]);
    if let Some(only) = schema.get("const") {
        assert_eq!(only, value, "{path}");
    }
    if let Some(words) = schema.get("enum") {
        assert!(words.as_array().unwrap().contains(value), "{path}: {value}");
    }
    if let Some(least) = schema.get("minimum") {
        assert!(value.as_u64() >= least.as_u64(), "{path}: {value}");
    }
    if let Some(most) = schema.get("maximum") {
        assert!(value.as_u64() <= most.as_u64(), "{path}: {value}");
    }
    for key in schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        assert!(
            value.get(key.as_str().unwrap()).is_some(),
            "{path}: no {key}"
        );
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let schema = schema["properties"].get(key);
        let schema = schema.unwrap_or_else(|| panic!("{path}: {key} is not described"));
        check(schema, inner, &format!("{path}.{key}"));
    }
    for inner in value.as_array().into_iter().flatten() {
        check(&schema["items"], inner, &format!("{path}[]"));
    }
}

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/event.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn sightings_of_every_source_are_as_the_schema_says() {
    for source in Source::ALL {
        let mut sighting = sighting(source);
        sighting.observation.vlan = Some(7);
        sighting.via = Name::from_text(b"cdn.example");
        check(&schema(), &event(&sighting), source.as_str());
    }
}

#[test]
fn changes_are_as_the_schema_says() {
    for change in CHANGES {
        for finding in &sample::snapshot().findings {
            let mut out = Vec::new();
            let catalogue = sample::catalogue();
            write_change(&mut out, &catalogue, sample::at(9), change, finding).unwrap();
            let event: Value = serde_json::from_slice(&out).unwrap();
            check(&schema(), &event, change);
            assert_eq!(event["src_ip"], finding.host.to_string());
            assert!(event.get("dest_ip").is_none());
        }
    }
}

#[test]
fn the_host_is_the_source_whoever_sent_the_packet() {
    for source in Source::ALL {
        let event = event(&sighting(source));
        assert_eq!(event["src_ip"], "10.1.2.3", "{}", source.as_str());
        assert_eq!(event["dest_port"], 443, "{}", source.as_str());
    }
}

#[test]
fn the_name_stands_where_the_protocol_has_it() {
    let name = "s00.upd.kaspersky.com";
    assert_eq!(
        event(&sighting(Source::DnsQuery))["dns"]["queries"][0]["rrname"],
        name
    );
    assert_eq!(event(&sighting(Source::TlsSni))["tls"]["sni"], name);
    assert_eq!(
        event(&sighting(Source::TlsCert))["tls"]["subjectaltname"][0],
        name
    );
    assert_eq!(event(&sighting(Source::QuicSni))["quic"]["sni"], name);
    assert_eq!(event(&sighting(Source::HttpHost))["http"]["hostname"], name);
    assert_eq!(
        event(&sighting(Source::HttpConnect))["http"]["http_method"],
        "CONNECT"
    );
    let correlated = event(&sighting(Source::DnsCorrelated));
    assert!(correlated.get("app_proto").is_none());
    assert_eq!(correlated["phonehome"]["name"], name);
}

#[test]
fn a_flow_keeps_its_number_and_others_have_others() {
    let (client, server) = (
        sample::end("10.1.2.3", 51_044),
        sample::end("77.74.181.1", 443),
    );
    let id = |transport, started| flow_id(transport, client, server, sample::at(started));
    let one = id(Transport::Tcp, 0);
    assert_eq!(one, id(Transport::Tcp, 0));
    assert_ne!(one, id(Transport::Tcp, 1));
    assert_ne!(one, id(Transport::Udp, 0));
    assert!(one < 1 << 53);
    // The number is written into logs: it may not change with a version of this program.
    assert_eq!(one, FLOW_ID);
}

#[test]
fn numbers_of_signatures_keep_to_their_range() {
    let one = signature_number(&["kaspersky", "kl-u01"]);
    assert!((1 << 30..1 << 31).contains(&one));
    assert_ne!(one, signature_number(&["kaspersky", "kl-u02"]));
    assert_ne!(signature_number(&["a", "b"]), signature_number(&["ab", ""]));
}

#[test]
fn times_are_as_suricata_writes_them() {
    let event = event(&sighting(Source::TlsSni));
    assert_eq!(event["timestamp"], "2017-10-02T08:00:00.123456+0000");
}

/// SHA-256 of `tcp`, both ends in 18 octets each and the start in 8, shifted right by 11 bits.
const FLOW_ID: u64 = 5_506_320_785_161_330;
