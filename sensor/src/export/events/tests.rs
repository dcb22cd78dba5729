//! Tests of events against their schema.

use phonehome_signatures::SignatureId;
use serde_json::Value;

use super::*;
use crate::detection::Reach;
use crate::export::{CHANGES, sample};
use crate::names::Name;

#[path = "../../../tests/sensor/schema.rs"]
mod schema;

pub(super) fn sighting(source: Source) -> Sighting {
    let mut observation = sample::observation();
    observation.source = source;
    if source.is_from_server() {
        (observation.src, observation.dst) = (observation.dst, observation.src);
    }
    Sighting {
        observation,
        signature: SignatureId(3),
        via: None,
        reach: Reach::Transferred,
    }
}

fn written(shape: Shape, event: &Event<'_>) -> Value {
    let mut out = Vec::new();
    shape.write(&mut out, event).unwrap();
    assert_eq!(out.pop(), Some(b'\n'));
    assert!(!out.contains(&b'\n'));
    let name = match shape {
        Shape::Eve => schema::EVE,
        Shape::Ecs => schema::ECS,
    };
    schema::valid(name, &out)
}

pub(super) fn told<'a>(catalogue: &'a Catalogue, sighting: &'a Sighting) -> Event<'a> {
    Event {
        catalogue,
        sensor: Some("sensor1"),
        who: None,
        what: What::Sighting {
            sighting,
            started: sample::at(0),
            stands_for: 3,
        },
    }
}

pub(super) fn changed<'a>(
    catalogue: &'a Catalogue,
    change: &'a str,
    finding: &'a Finding,
) -> Event<'a> {
    Event {
        catalogue,
        sensor: Some("sensor1"),
        who: finding.who.as_ref().map(|it| &it.identity),
        what: What::Change {
            at: sample::at(9),
            change,
            finding,
        },
    }
}

fn event(sighting: &Sighting) -> Value {
    written(Shape::Eve, &told(&sample::catalogue(), sighting))
}

#[test]
fn sightings_of_every_source_are_as_the_schemas_say() {
    for source in Source::ALL {
        let mut sighting = sighting(source);
        sighting.observation.vlan = Some(7);
        sighting.via = Name::from_text(b"cdn.example");
        for shape in [Shape::Eve, Shape::Ecs] {
            written(shape, &told(&sample::catalogue(), &sighting));
        }
    }
}

#[test]
fn changes_are_as_the_schemas_say() {
    for change in CHANGES {
        for finding in &sample::snapshot().findings {
            let catalogue = sample::catalogue();
            let told = changed(&catalogue, change, finding);
            let event = written(Shape::Eve, &told);
            assert_eq!(event["src_ip"], finding.host.to_string());
            assert!(event.get("dest_ip").is_none());
            let event = written(Shape::Ecs, &told);
            assert_eq!(event["source"]["ip"], finding.host.to_string());
            assert_eq!(event["event"]["action"], format!("finding-{change}"));
            assert!(event.get("destination").is_none());
        }
    }
}

#[test]
fn ecs_has_the_name_where_the_protocol_has_it() {
    let name = "s00.upd.kaspersky.com";
    let event = |source| {
        let sighting = sighting(source);
        written(Shape::Ecs, &told(&sample::catalogue(), &sighting))
    };
    let dns = event(Source::DnsQuery);
    assert_eq!(dns["dns"]["question"]["name"], name);
    // The resolver does not have the name that was asked for.
    assert!(dns["destination"].get("domain").is_none());
    for source in [Source::TlsSni, Source::QuicSni] {
        let event = event(source);
        assert_eq!(event["tls"]["client"]["server_name"], name);
        assert_eq!(event["destination"]["domain"], name);
    }
    let certificate = event(Source::TlsCert);
    let names = &certificate["tls"]["server"]["x509"]["alternative_names"];
    assert_eq!(names[0], name);
    assert_eq!(event(Source::HttpHost)["url"]["domain"], name);
    assert_eq!(
        event(Source::HttpConnect)["http"]["request"]["method"],
        "CONNECT"
    );
}

#[test]
fn the_sensor_and_the_number_of_sightings_are_told() {
    let sighting = sighting(Source::TlsSni);
    let eve = event(&sighting);
    assert_eq!(eve["host"], "sensor1");
    assert_eq!(eve["phonehome"]["sightings"], 3);
    let ecs = written(Shape::Ecs, &told(&sample::catalogue(), &sighting));
    assert_eq!(ecs["observer"]["name"], "sensor1");
    assert_eq!(ecs["phonehome"], eve["phonehome"]);
}

#[test]
fn what_gets_better_is_not_grave() {
    let snapshot = sample::snapshot();
    let finding = snapshot.findings_by_severity()[0];
    let catalogue = sample::catalogue();
    let severity = |change| changed(&catalogue, change, finding).severity();
    assert_eq!(severity("opened"), Severity::High);
    assert_eq!(severity("returned"), Severity::High);
    for change in BETTER {
        assert_eq!(severity(change), Severity::Low, "{change}");
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
