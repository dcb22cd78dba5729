//! Alerts for a SIEM: JSON lines in the shape of Suricata's EVE log.
//!
//! A line is an event of `event_type` `alert` with Suricata's own keys, so that shippers and
//! dashboards made for it work, and our object `phonehome`, whose shape
//! `sensor/schemas/event.schema.json` describes. There are two kinds: a sighting
//! ([`write_sighting`]), with both ends of the exchange, and a change of a finding
//! ([`write_change`]), which concerns a host as a whole and has no other end.
//!
//! Equal input gives equal octets: ids are digests of what they stand for, times are those of the
//! capture.

use std::io;

use phonehome_signatures::{Catalogue, Evidence};
use ring::digest;
use serde::Serialize;

use super::{VERSION, civil, vendor_word, verdict_word};
use crate::detection::Sighting;
use crate::findings::{Finding, Verdict};
use crate::names::{Endpoint, Observation, Source, Transport};
use crate::time::Timestamp;

pub mod community;

/// Appends a sighting as one line of JSON, with the line feed.
///
/// `src_ip` is always the host, also where the server sent the packet that held the name.
/// `started` is the time of the first packet of the flow, where it is known, else that of the
/// observation; it makes `flow_id` differ between flows that use the same ports.
///
/// # Errors
///
/// Those of the JSON library, which none of these values can cause.
pub fn write_sighting(
    out: &mut Vec<u8>,
    catalogue: &Catalogue,
    sighting: &Sighting,
    started: Timestamp,
) -> io::Result<()> {
    let observation = &sighting.observation;
    let (client, server) = (observation.client(), observation.server());
    let signature = catalogue.signature(sighting.signature);
    let vendor = signature.map(|it| it.vendor);
    let vendor_name = vendor
        .and_then(|it| catalogue.vendor(it))
        .map_or("a flagged vendor", |it| it.name.as_str());
    let vendor_id = vendor.map_or("other", |it| vendor_word(catalogue, it));
    let category = signature.map_or("other", |it| it.category.as_str());
    let id = signature.map_or("other", |it| it.id.as_str());
    let severity = signature.map_or(SEVERITY_LOW, |it| severity_of(it.evidence));
    let name = observation.name.as_str();
    let event = Event {
        timestamp: timestamp(observation.at),
        flow_id: Some(flow_id(observation.transport, client, server, started)),
        event_type: "alert",
        vlan: observation.vlan.map(|it| [it]),
        src_ip: client.address.to_string(),
        src_port: Some(client.port),
        dest_ip: Some(server.address.to_string()),
        dest_port: Some(server.port),
        proto: Some(proto(observation.transport)),
        app_proto: app_proto(observation.source),
        community_id: Some(community::id(observation.transport, client, server)),
        alert: Alert {
            action: "allowed",
            gid: GID,
            signature_id: signature_number(&[vendor_id, id]),
            rev: 1,
            signature: format!("phonehome {vendor_name}: {category}"),
            category,
            severity,
            metadata: Metadata {
                vendor: [vendor_id],
                phonehome_id: [id],
            },
        },
        dns: dns(observation),
        tls: tls(observation),
        quic: matches!(observation.source, Source::QuicSni).then_some(Quic { sni: name }),
        http: http(observation),
        phonehome: Phonehome {
            schema: SCHEMA,
            sensor_version: VERSION,
            kind: "sighting",
            vendor: vendor_id,
            vendor_name,
            product: signature.and_then(|it| it.product.as_deref()),
            signature: Some(id),
            category: Some(category),
            evidence: signature.map(|it| it.evidence.as_str()),
            confidence: signature.map(|it| it.confidence.as_str()),
            source: Some(observation.source.as_str()),
            reach: Some(sighting.reach.as_str()),
            name: Some(name),
            via: sighting.via.as_ref().map(|it| it.as_str()),
            change: None,
            verdict: None,
            grounds: None,
            products: None,
            first_seen: None,
            last_seen: None,
        },
    };
    write_line(out, &event)
}

/// Appends a change of a finding as one line of JSON, with the line feed.
///
/// `at` is the capture time of the change, `change` one of [`super::CHANGES`]; `finding` is as it
/// is after the change.
///
/// # Errors
///
/// Those of the JSON library, which none of these values can cause.
pub fn write_change(
    out: &mut Vec<u8>,
    catalogue: &Catalogue,
    at: Timestamp,
    change: &str,
    finding: &Finding,
) -> io::Result<()> {
    let vendor_id = vendor_word(catalogue, finding.vendor);
    let vendor_name = catalogue
        .vendor(finding.vendor)
        .map_or("a flagged vendor", |it| it.name.as_str());
    let verdict = verdict_word(finding.verdict);
    let event = Event {
        timestamp: timestamp(at),
        flow_id: None,
        event_type: "alert",
        vlan: None,
        src_ip: finding.host.to_string(),
        src_port: None,
        dest_ip: None,
        dest_port: None,
        proto: None,
        app_proto: None,
        community_id: None,
        alert: Alert {
            action: "allowed",
            gid: GID,
            signature_id: signature_number(&[vendor_id, "finding", change]),
            rev: 1,
            signature: format!("phonehome {vendor_name}: finding {change}, verdict {verdict}"),
            category: "finding",
            severity: severity_of_verdict(finding.verdict),
            metadata: Metadata {
                vendor: [vendor_id],
                phonehome_id: ["finding"],
            },
        },
        dns: None,
        tls: None,
        quic: None,
        http: None,
        phonehome: Phonehome {
            schema: SCHEMA,
            sensor_version: VERSION,
            kind: "finding",
            vendor: vendor_id,
            vendor_name,
            product: None,
            signature: None,
            category: None,
            evidence: None,
            confidence: None,
            source: None,
            reach: None,
            name: None,
            via: None,
            change: Some(change),
            verdict: Some(verdict),
            grounds: Some(&finding.grounds),
            products: Some(&finding.products),
            first_seen: Some(super::rfc3339(finding.first_seen)),
            last_seen: Some(super::rfc3339(finding.last_seen)),
        },
    };
    write_line(out, &event)
}

/// A number for a flow: the same for every event of it, in every run.
///
/// It is a digest of transport, both ends and start, cut to 53 bits, so that programs that read
/// JSON numbers as floating point keep it whole. Never zero.
#[must_use]
pub fn flow_id(
    transport: Transport,
    client: Endpoint,
    server: Endpoint,
    started: Timestamp,
) -> u64 {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(transport.as_str().as_bytes());
    for end in [client, server] {
        context.update(&end.address.as_bits().to_be_bytes());
        context.update(&end.port.to_be_bytes());
    }
    context.update(&started.as_nanos().to_be_bytes());
    (first_bits(&context.finish()) >> 11).max(1)
}

/// A number for a signature, where EVE wants one: a digest of its id, so that it stays the same
/// when packs grow. From 2^30 up to 2^31: no rule set in use hands out numbers there.
fn signature_number(parts: &[&str]) -> u32 {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part.as_bytes());
        context.update(b"/");
    }
    let bits = first_bits(&context.finish()) >> 34;
    (1 << 30) | u32::try_from(bits).unwrap_or_default()
}

/// The first 64 bits of a digest.
fn first_bits(digest: &digest::Digest) -> u64 {
    digest
        .as_ref()
        .iter()
        .take(8)
        .fold(0, |bits, octet| bits << 8 | u64::from(*octet))
}

#[derive(Serialize)]
struct Event<'a> {
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_id: Option<u64>,
    event_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<[u16; 1]>,
    src_ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dest_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proto: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_proto: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    community_id: Option<String>,
    alert: Alert<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns: Option<Dns<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quic: Option<Quic<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http<'a>>,
    phonehome: Phonehome<'a>,
}

#[derive(Serialize)]
struct Alert<'a> {
    action: &'static str,
    gid: u32,
    signature_id: u32,
    rev: u32,
    signature: String,
    category: &'a str,
    severity: u8,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    vendor: [&'a str; 1],
    phonehome_id: [&'a str; 1],
}

#[derive(Serialize)]
struct Dns<'a> {
    version: u8,
    #[serde(rename = "type")]
    kind: &'static str,
    queries: [Query<'a>; 1],
}

#[derive(Serialize)]
struct Query<'a> {
    rrname: &'a str,
}

#[derive(Serialize)]
struct Tls<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sni: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subjectaltname: Option<[&'a str; 1]>,
}

#[derive(Serialize)]
struct Quic<'a> {
    sni: &'a str,
}

#[derive(Serialize)]
struct Http<'a> {
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_method: Option<&'static str>,
}

#[derive(Serialize)]
struct Phonehome<'a> {
    schema: u32,
    sensor_version: &'static str,
    kind: &'static str,
    vendor: &'a str,
    vendor_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reach: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grounds: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    products: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
}

fn write_line(out: &mut Vec<u8>, event: &Event<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, event)?;
    out.push(b'\n');
    Ok(())
}

/// A time as EVE writes it: `2017-10-02T08:00:00.123456+0000`.
fn timestamp(at: Timestamp) -> String {
    civil(at).strftime("%Y-%m-%dT%H:%M:%S%.6f+0000").to_string()
}

const fn proto(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
    }
}

/// The protocol of the flow, where the source of the name tells it.
const fn app_proto(source: Source) -> Option<&'static str> {
    match source {
        Source::DnsQuery | Source::DnsAnswer => Some("dns"),
        Source::TlsSni | Source::TlsCert => Some("tls"),
        Source::QuicSni => Some("quic"),
        Source::HttpHost | Source::HttpConnect => Some("http"),
        Source::DnsCorrelated => None,
    }
}

/// The object of DNS events in the third version of its shape.
fn dns(observation: &Observation) -> Option<Dns<'_>> {
    let kind = match observation.source {
        Source::DnsQuery => "request",
        Source::DnsAnswer => "response",
        _ => return None,
    };
    Some(Dns {
        version: 3,
        kind,
        queries: [Query {
            rrname: observation.name.as_str(),
        }],
    })
}

fn tls(observation: &Observation) -> Option<Tls<'_>> {
    let name = observation.name.as_str();
    match observation.source {
        Source::TlsSni => Some(Tls {
            sni: Some(name),
            subjectaltname: None,
        }),
        Source::TlsCert => Some(Tls {
            sni: None,
            subjectaltname: Some([name]),
        }),
        _ => None,
    }
}

fn http(observation: &Observation) -> Option<Http<'_>> {
    let http_method = match observation.source {
        Source::HttpHost => None,
        Source::HttpConnect => Some("CONNECT"),
        _ => return None,
    };
    Some(Http {
        hostname: observation.name.as_str(),
        http_method,
    })
}

/// Severity of a sighting: how surely it speaks of software or a device on the host.
const fn severity_of(evidence: Evidence) -> u8 {
    match evidence {
        Evidence::App | Evidence::Device => SEVERITY_HIGH,
        Evidence::AppLikely
        | Evidence::DeviceOrClient
        | Evidence::DeviceOrSdk
        | Evidence::DeviceOrApp
        | Evidence::Client
        | Evidence::Oem
        | Evidence::Download
        | Evidence::Mixed => SEVERITY_MEDIUM,
        Evidence::SdkEmbed
        | Evidence::WebEmbed
        | Evidence::PublicWeb
        | Evidence::ServerApi
        | Evidence::Shared
        | Evidence::Infra => SEVERITY_LOW,
    }
}

const fn severity_of_verdict(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Installed | Verdict::InstalledActive | Verdict::Manager => SEVERITY_HIGH,
        Verdict::Contact | Verdict::Embedded | Verdict::Likely => SEVERITY_MEDIUM,
        Verdict::None | Verdict::EmbedOnly => SEVERITY_LOW,
    }
}

/// Severities of EVE: one is the highest.
const SEVERITY_HIGH: u8 = 1;
const SEVERITY_MEDIUM: u8 = 2;
const SEVERITY_LOW: u8 = 3;

/// Group of signatures: that of rules, which every reader knows.
const GID: u32 = 1;

/// Version of the `phonehome` object; a change that breaks readers raises it.
const SCHEMA: u32 = 1;

#[cfg(test)]
mod tests;
