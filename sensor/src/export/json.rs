//! JSON: a line an observation, and the document of findings.
//!
//! Both hold nothing but what the capture says: equal input gives equal octets. Lines are written
//! by hand because a busy capture gives millions of them; the document goes through serde.

use std::io::Write;
use std::net::IpAddr;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{
    DECODE_REASONS, LAYERS, PROGRAM, SKIPPED, STAGES, Snapshot, VERSION, link_word, rfc3339,
    verdict_word,
};
use crate::detection::Reach;
use crate::findings::Finding;
use crate::host::Address;
use crate::names::tls::Ech;
use crate::names::{Observation, Source, Transport};
use crate::visibility::{MessageResult, Protocol, Unnamed, Visibility};

/// Appends an observation as one line of JSON, with the line feed.
///
/// Keys stand in this order: `ts` (seconds, six decimals), `source`, `transport`, `src`,
/// `src_port`, `dst`, `dst_port`, `name`; then `ech` unless the hello has no such extension, and
/// `vlan` if the frame was tagged.
pub fn write_observation(out: &mut Vec<u8>, observation: &Observation) {
    out.extend_from_slice(b"{\"ts\":");
    push_seconds(out, observation.at.as_nanos());
    out.extend_from_slice(b",\"source\":\"");
    out.extend_from_slice(observation.source.as_str().as_bytes());
    out.extend_from_slice(b"\",\"transport\":\"");
    out.extend_from_slice(observation.transport.as_str().as_bytes());
    out.extend_from_slice(b"\",\"src\":\"");
    push_address(out, observation.src.address);
    out.extend_from_slice(b"\",\"src_port\":");
    push_decimal(out, u64::from(observation.src.port));
    out.extend_from_slice(b",\"dst\":\"");
    push_address(out, observation.dst.address);
    out.extend_from_slice(b"\",\"dst_port\":");
    push_decimal(out, u64::from(observation.dst.port));
    out.extend_from_slice(b",\"name\":\"");
    push_escaped(out, observation.name.as_str());
    out.push(b'"');
    let ech: &[u8] = match observation.ech {
        None | Some(Ech::None) => b"",
        Some(Ech::Grease) => b",\"ech\":\"grease\"",
        Some(Ech::Real) => b",\"ech\":\"real\"",
        Some(Ech::Unknown) => b",\"ech\":\"unknown\"",
    };
    out.extend_from_slice(ech);
    if let Some(vlan) = observation.vlan {
        out.extend_from_slice(b",\"vlan\":");
        push_decimal(out, u64::from(vlan));
    }
    out.extend_from_slice(b"}\n");
}

/// Appends nanoseconds as seconds with six decimals, rounded down.
fn push_seconds(out: &mut Vec<u8>, nanos: i64) {
    let micros = nanos.div_euclid(1_000);
    if micros < 0 {
        out.push(b'-');
    }
    let micros = micros.unsigned_abs();
    push_decimal(out, micros / 1_000_000);
    out.push(b'.');
    let mut place = 100_000;
    while place > 0 {
        out.push(digit(micros / place));
        place /= 10;
    }
}

/// Appends a number in decimal.
fn push_decimal(out: &mut Vec<u8>, number: u64) {
    let mut place = 1;
    while number / place >= 10 {
        place *= 10;
    }
    while place > 0 {
        out.push(digit(number / place));
        place /= 10;
    }
}

/// The last decimal digit of a number, in ASCII.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a remainder of ten fits an octet"
)]
const fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

/// Appends an address as it is written.
fn push_address(out: &mut Vec<u8>, address: Address) {
    match address.to_ip() {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            push_decimal(out, u64::from(a));
            for octet in [b, c, d] {
                out.push(b'.');
                push_decimal(out, u64::from(octet));
            }
        }
        // Writing to a vector cannot fail.
        IpAddr::V6(ip) => drop(write!(out, "{ip}")),
    }
}

/// Appends text inside a JSON string (RFC 8259 section 7).
fn push_escaped(out: &mut Vec<u8>, text: &str) {
    for &octet in text.as_bytes() {
        match octet {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', octet]),
            // Writing to a vector cannot fail.
            0..0x20 => drop(write!(out, "\\u{octet:04x}")),
            _ => out.push(octet),
        }
    }
}

/// The document of `phonehome read --json` and `/api/v1/findings`.
///
/// Findings stand with the most severe first, equals in order of vendor and host.
pub fn findings(snapshot: &Snapshot) -> impl Serialize + '_ {
    Document {
        schema: SCHEMA,
        generator: GENERATOR,
        input: input(snapshot),
        packs: packs(snapshot),
        hosts: Hosts {
            seen: snapshot.hosts_seen,
            flagged: snapshot.flagged_hosts(),
        },
        findings: snapshot
            .findings_by_severity()
            .into_iter()
            .map(|it| finding(snapshot, it))
            .collect(),
        visibility: visibility_of(snapshot),
    }
}

/// The document of `/api/v1/visibility`: what could and could not be named.
pub fn visibility(snapshot: &Snapshot) -> impl Serialize + '_ {
    VisibilityDocument {
        schema: SCHEMA,
        generator: GENERATOR,
        input: input(snapshot),
        visibility: visibility_of(snapshot),
    }
}

/// The document of `/api/v1/signatures`: what is loaded.
pub fn signatures(snapshot: &Snapshot) -> impl Serialize + '_ {
    let rows = snapshot.catalogue.signatures().iter();
    SignatureDocument {
        schema: SCHEMA,
        generator: GENERATOR,
        packs: packs(snapshot),
        signatures: rows
            .map(|it| SignatureRow {
                id: &it.id,
                vendor: snapshot.vendor_id(it.vendor),
                product: it.product.as_deref(),
                category: it.category.as_str(),
                evidence: it.evidence.as_str(),
                confidence: it.confidence.as_str(),
                enabled: it.enabled,
                pattern: &it.pattern,
                date: &it.date,
            })
            .collect(),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    generator: Generator,
    input: Input<'a>,
    packs: Vec<PackRow<'a>>,
    hosts: Hosts,
    findings: Vec<FindingRow<'a>>,
    visibility: VisibilityPart,
}

#[derive(Serialize)]
struct VisibilityDocument<'a> {
    schema: u32,
    generator: Generator,
    input: Input<'a>,
    visibility: VisibilityPart,
}

#[derive(Serialize)]
struct SignatureDocument<'a> {
    schema: u32,
    generator: Generator,
    packs: Vec<PackRow<'a>>,
    signatures: Vec<SignatureRow<'a>>,
}

#[derive(Serialize)]
struct SignatureRow<'a> {
    id: &'a str,
    vendor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<&'a str>,
    category: &'static str,
    evidence: &'static str,
    confidence: &'static str,
    enabled: bool,
    pattern: &'a str,
    date: &'a str,
}

#[derive(Serialize)]
struct Generator {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Hosts {
    seen: u64,
    flagged: usize,
}

#[derive(Serialize)]
struct Input<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    first_frame: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_frame: Option<String>,
    frames: u64,
    octets: u64,
    sources: Vec<CaptureRow<'a>>,
}

#[derive(Serialize)]
struct CaptureRow<'a> {
    name: &'a str,
    mode: &'static str,
    linktype: String,
    frames: u64,
    octets: u64,
    truncated: u64,
    dropped: Map<u64>,
}

#[derive(Serialize)]
struct PackRow<'a> {
    id: &'a str,
    version: &'a str,
    date: &'a str,
    signatures: usize,
}

#[derive(Serialize)]
struct FindingRow<'a> {
    host: String,
    vendor: VendorRow<'a>,
    verdict: &'static str,
    grounds: &'a [String],
    products: &'a [String],
    categories: Vec<&'static str>,
    first_seen: String,
    last_seen: String,
    contacts: Map<u64>,
    sources: Map<u64>,
    octets: Octets,
    names: Vec<NameRow<'a>>,
}

#[derive(Serialize)]
struct VendorRow<'a> {
    id: &'a str,
    name: String,
}

#[derive(Serialize)]
struct Octets {
    sent: u64,
    received: u64,
}

#[derive(Serialize)]
struct NameRow<'a> {
    name: &'a str,
    signature: &'a str,
}

#[derive(Serialize)]
struct VisibilityPart {
    connections: PerTransport<Connections>,
    messages: Map<Map<u64>>,
    observations: Map<u64>,
    hellos: PerTransport<Map<u64>>,
    quic_initials: Map<u64>,
    flows: PerTransport<Flows>,
    frames: Frames,
    decode_errors: Map<Map<u64>>,
    skipped_encapsulations: Map<u64>,
}

#[derive(Serialize)]
struct PerTransport<T> {
    tcp: T,
    udp: T,
}

#[derive(Serialize)]
struct Connections {
    total: u64,
    named: Map<u64>,
    unnamed: Map<u64>,
}

#[derive(Serialize)]
struct Flows {
    started: u64,
    ended_one_way: u64,
    ended_both_ways: u64,
    evicted: u64,
}

#[derive(Serialize)]
struct Frames {
    received: u64,
    truncated: u64,
    dropped: Map<u64>,
}

/// A JSON object whose keys stand in the order given.
struct Map<T>(Vec<(&'static str, T)>);

impl<T: Serialize> Serialize for Map<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// Counts under their words, as far as there are both.
fn counts(words: impl IntoIterator<Item = &'static str>, counts: &[u64]) -> Map<u64> {
    Map(words.into_iter().zip(counts.iter().copied()).collect())
}

fn input(snapshot: &Snapshot) -> Input<'_> {
    let span = snapshot.span();
    Input {
        first_frame: span.map(|it| rfc3339(it.0)),
        last_frame: span.map(|it| rfc3339(it.1)),
        frames: snapshot.captures.iter().map(|it| it.received_frames).sum(),
        octets: snapshot.captures.iter().map(|it| it.received_bytes).sum(),
        sources: snapshot
            .captures
            .iter()
            .map(|it| CaptureRow {
                name: &it.name,
                mode: it.mode.as_str(),
                linktype: link_word(it.link),
                frames: it.received_frames,
                octets: it.received_bytes,
                truncated: it.truncated_frames,
                dropped: counts(STAGES, &it.dropped_frames),
            })
            .collect(),
    }
}

fn packs(snapshot: &Snapshot) -> Vec<PackRow<'_>> {
    let rows = snapshot.catalogue.packs().iter();
    rows.map(|it| PackRow {
        id: &it.id,
        version: &it.version,
        date: &it.date,
        signatures: it.signatures,
    })
    .collect()
}

fn finding<'a>(snapshot: &'a Snapshot, finding: &'a Finding) -> FindingRow<'a> {
    FindingRow {
        host: finding.host.to_string(),
        vendor: VendorRow {
            id: snapshot.vendor_id(finding.vendor),
            name: snapshot.vendor_name(finding.vendor),
        },
        verdict: verdict_word(finding.verdict),
        grounds: &finding.grounds,
        products: &finding.products,
        categories: finding.categories.iter().map(|it| it.as_str()).collect(),
        first_seen: rfc3339(finding.first_seen),
        last_seen: rfc3339(finding.last_seen),
        contacts: counts(Reach::ALL.map(Reach::as_str), &finding.contacts),
        sources: counts(Source::ALL.map(Source::as_str), &finding.sources),
        octets: Octets {
            sent: finding.sent,
            received: finding.received,
        },
        names: finding
            .names
            .iter()
            .map(|(name, signature)| NameRow {
                name: name.as_str(),
                signature,
            })
            .collect(),
    }
}

fn visibility_of(snapshot: &Snapshot) -> VisibilityPart {
    let seen = &snapshot.visibility;
    let captures = &snapshot.captures;
    let mut dropped = [0; STAGES.len()];
    for capture in captures {
        for (sum, count) in dropped.iter_mut().zip(capture.dropped_frames) {
            *sum += count;
        }
    }
    let error = |layer, reason| {
        let count = snapshot.decode.errors.get(&(layer, reason));
        (reason, count.copied().unwrap_or(0))
    };
    let skipped = |it| (it, snapshot.decode.skipped.get(it).copied().unwrap_or(0));
    VisibilityPart {
        connections: per_transport(seen, connections),
        messages: Map(Protocol::ALL
            .iter()
            .zip(&seen.messages)
            .map(|(protocol, row)| {
                let results = MessageResult::ALL.map(MessageResult::as_str);
                (protocol.as_str(), counts(results, row))
            })
            .collect()),
        observations: counts(Source::ALL.map(Source::as_str), &seen.observations),
        hellos: per_transport(seen, |seen, it| counts(ECH, &seen.hellos[it as usize])),
        quic_initials: counts(QUIC_VERSIONS, &seen.quic_initials),
        flows: per_transport(seen, flows),
        frames: Frames {
            received: captures.iter().map(|it| it.received_frames).sum(),
            truncated: captures.iter().map(|it| it.truncated_frames).sum(),
            dropped: counts(STAGES, &dropped),
        },
        decode_errors: Map(LAYERS
            .iter()
            .map(|&layer| (layer, Map(DECODE_REASONS.map(|it| error(layer, it)).into())))
            .collect()),
        skipped_encapsulations: Map(SKIPPED.map(skipped).into()),
    }
}

fn per_transport<T>(
    visibility: &Visibility,
    part: impl Fn(&Visibility, Transport) -> T,
) -> PerTransport<T> {
    PerTransport {
        tcp: part(visibility, Transport::Tcp),
        udp: part(visibility, Transport::Udp),
    }
}

fn connections(visibility: &Visibility, transport: Transport) -> Connections {
    let at = transport as usize;
    Connections {
        total: visibility.connections[at],
        named: counts(Source::ALL.map(Source::as_str), &visibility.named[at]),
        unnamed: counts(Unnamed::ALL.map(Unnamed::as_str), &visibility.unnamed[at]),
    }
}

fn flows(visibility: &Visibility, transport: Transport) -> Flows {
    let at = transport as usize;
    let [ended_one_way, ended_both_ways] = visibility.flows_ended[at];
    Flows {
        started: visibility.flows_started[at],
        ended_one_way,
        ended_both_ways,
        evicted: visibility.flows_evicted[at],
    }
}

/// Version of the documents; a change that breaks readers raises it.
const SCHEMA: u32 = 1;

const GENERATOR: Generator = Generator {
    name: PROGRAM,
    version: VERSION,
};

/// Words for [`Ech`], in its order.
pub(super) const ECH: [&str; 4] = ["none", "grease", "real", "unknown"];

/// Words for the versions of [`Visibility::quic_initials`].
pub(super) const QUIC_VERSIONS: [&str; 4] = ["v1", "v2", "draft", "other"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sample;
    use crate::names::Name;
    use crate::time::Timestamp;

    fn line(observation: &Observation) -> String {
        let mut out = Vec::new();
        write_observation(&mut out, observation);
        String::from_utf8(out).unwrap()
    }

    fn document(snapshot: &Snapshot) -> String {
        serde_json::to_string_pretty(&findings(snapshot)).unwrap()
    }

    #[test]
    fn a_line_is_as_the_contract_has_it() {
        let expected = concat!(
            r#"{"ts":1506931200.123456,"source":"tls-sni","transport":"tcp","src":"10.1.2.3","#,
            r#""src_port":51044,"dst":"77.74.181.1","dst_port":443,"#,
            r#""name":"s00.upd.kaspersky.com"}"#,
            "\n"
        );
        assert_eq!(line(&sample::observation()), expected);
    }

    #[test]
    fn ech_and_vlan_follow_where_there_is_one() {
        let tail = |ech, vlan| {
            let mut observation = sample::observation();
            observation.ech = ech;
            observation.vlan = vlan;
            line(&observation)
                .split_once("kaspersky.com\"")
                .unwrap()
                .1
                .to_owned()
        };
        assert_eq!(tail(Some(Ech::None), None), "}\n");
        assert_eq!(tail(Some(Ech::Real), None), ",\"ech\":\"real\"}\n");
        assert_eq!(
            tail(Some(Ech::Grease), Some(0)),
            ",\"ech\":\"grease\",\"vlan\":0}\n"
        );
        assert_eq!(
            tail(Some(Ech::Unknown), Some(4095)),
            ",\"ech\":\"unknown\",\"vlan\":4095}\n"
        );
    }

    #[test]
    fn words_are_those_of_the_enums() {
        for (word, ech) in ECH
            .iter()
            .zip([Ech::None, Ech::Grease, Ech::Real, Ech::Unknown])
        {
            assert_eq!(serde_json::to_string(&ech).unwrap(), format!("\"{word}\""));
        }
        for source in Source::ALL {
            let mut observation = sample::observation();
            observation.source = source;
            let parsed: serde_json::Value = serde_json::from_str(&line(&observation)).unwrap();
            assert_eq!(parsed["source"], serde_json::to_value(source).unwrap());
        }
    }

    #[test]
    fn any_name_comes_back_from_its_line() {
        for text in [
            "a\"b.example",
            "a\\255b",
            "back\\\\slash",
            "\u{1}\u{1f}",
            "ü",
        ] {
            let mut observation = sample::observation();
            observation.name = Name::from_normalised(text).unwrap();
            let parsed: serde_json::Value = serde_json::from_str(&line(&observation)).unwrap();
            assert_eq!(parsed["name"], text);
        }
    }

    #[test]
    fn numbers_and_addresses_are_written_as_the_library_does() {
        for nanos in [
            0,
            1,
            999,
            -1,
            999_999_999,
            -1_500_000_000,
            i64::MIN,
            i64::MAX,
        ] {
            let mut out = Vec::new();
            push_seconds(&mut out, nanos);
            let expected = Timestamp::from_nanos(nanos).to_string();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        for number in [0, 9, 10, 99, 65_535, u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            push_decimal(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
        for ip in [
            "0.0.0.0",
            "255.10.9.100",
            "::",
            "2001:db8::1",
            "fe80::aaaa:1",
        ] {
            let mut out = Vec::new();
            push_address(&mut out, sample::address(ip));
            assert_eq!(String::from_utf8(out).unwrap(), ip);
        }
    }

    #[test]
    fn the_document_is_that_of_the_golden_file() {
        let document = document(&sample::snapshot()) + "\n";
        let version = format!("\"version\": \"{VERSION}\"");
        sample::expect_golden(
            "findings.json",
            &document.replace(&version, "\"version\": \"VERSION\""),
        );
    }

    #[test]
    fn the_order_in_which_findings_come_does_not_matter() {
        let one = sample::snapshot();
        let mut other = one.clone();
        other.findings.reverse();
        assert_eq!(document(&one), document(&other));
    }

    #[test]
    fn a_document_without_findings_still_tells_what_could_not_be_seen() {
        let parsed = serde_json::to_value(findings(&sample::empty())).unwrap();
        assert_eq!(parsed["findings"], serde_json::json!([]));
        assert_eq!(parsed["visibility"]["connections"]["tcp"]["total"], 0);
        assert!(parsed["input"].get("first_frame").is_none());
    }

    #[test]
    fn every_loaded_signature_is_listed() {
        let snapshot = sample::snapshot();
        let parsed = serde_json::to_value(signatures(&snapshot)).unwrap();
        let listed = parsed["signatures"].as_array().unwrap();
        assert_eq!(listed.len(), snapshot.catalogue.signatures().len());
    }
}
