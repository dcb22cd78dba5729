//! Events in the shape of Suricata's EVE log.
//!
//! A line is an event of `event_type` `alert` with Suricata's own keys, so that shippers and
//! dashboards made for it work, and our object `phonehome`, whose shape
//! `sensor/schemas/event.schema.json` describes.

use std::io;

use serde::Serialize;

use super::{
    Event, Phonehome, What, alpn, app_proto, community, flow_id, ja4, signature_number, write_line,
};
use crate::export::civil;
use crate::names::{Observation, Source, Transport};
use crate::time::Timestamp;

/// Appends an event as one line of JSON, with the line feed.
///
/// `src_ip` is always the host, also where the server sent the packet that held the name.
///
/// # Errors
///
/// Those of the JSON library, which none of these values can cause.
pub fn write(out: &mut Vec<u8>, event: &Event<'_>) -> io::Result<()> {
    let (vendor, id) = (event.vendor_id(), event.signature_id());
    let mut line = Line {
        timestamp: timestamp(event.at()),
        flow_id: None,
        event_type: "alert",
        host: event.sensor,
        vlan: None,
        src_ip: event.host().to_string(),
        src_port: None,
        dest_ip: None,
        dest_port: None,
        proto: None,
        app_proto: None,
        community_id: None,
        alert: Alert {
            action: "allowed",
            gid: GID,
            signature_id: match event.what {
                What::Sighting { .. } => signature_number(&[vendor, id]),
                What::Change { change, .. } => signature_number(&[vendor, id, change]),
            },
            rev: 1,
            signature: event.title(),
            category: event.category(),
            severity: event.severity().of_eve(),
            metadata: Metadata {
                vendor: [vendor],
                phonehome_id: [id],
            },
        },
        dns: None,
        tls: None,
        quic: None,
        http: None,
        phonehome: event.phonehome(),
    };
    if let What::Sighting {
        sighting, started, ..
    } = event.what
    {
        let observation = &sighting.observation;
        let (client, server) = (observation.client(), observation.server());
        let (transport, name) = (observation.transport, observation.name.as_str());
        line.flow_id = Some(flow_id(transport, client, server, started));
        line.vlan = observation.vlan.map(|it| [it]);
        line.src_port = Some(client.port);
        line.dest_ip = Some(server.address.to_string());
        line.dest_port = Some(server.port);
        line.proto = Some(proto(transport));
        line.app_proto = app_proto(observation.source);
        line.community_id = Some(community::id(transport, client, server));
        line.dns = dns(observation);
        line.tls = tls(observation);
        line.quic = matches!(observation.source, Source::QuicSni).then(|| Quic {
            sni: name,
            ja4: ja4(observation),
        });
        line.http = http(observation);
    }
    write_line(out, &line)
}

#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_id: Option<u64>,
    event_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    client_alpns: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ja4: Option<&'a str>,
}

#[derive(Serialize)]
struct Quic<'a> {
    sni: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ja4: Option<&'a str>,
}

#[derive(Serialize)]
struct Http<'a> {
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_method: Option<&'static str>,
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
            client_alpns: alpn(observation),
            ja4: ja4(observation),
        }),
        Source::TlsCert => Some(Tls {
            sni: None,
            subjectaltname: Some([name]),
            client_alpns: None,
            ja4: None,
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

/// Group of signatures: that of rules, which every reader knows.
const GID: u32 = 1;
