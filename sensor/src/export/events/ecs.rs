//! Events with the names of the Elastic Common Schema, version 8.
//!
//! `source` and `host` are always the host inside, `destination` is the server, `observer` the sensor.
//! What ECS has no name for is in the object `phonehome`, which is the same as in [`eve`](super::eve).
//! `sensor/schemas/ecs.schema.json` describes a line.

use std::io;

use serde::Serialize;

use super::{Event, Phonehome, What, app_proto, community, write_line};
use crate::export::{PROGRAM, VERSION, rfc3339};
use crate::identity::Mac;
use crate::names::{Observation, Source};

/// Appends an event as one line of JSON, with the line feed.
///
/// # Errors
///
/// Those of the JSON library, which none of these values can cause.
pub fn write(out: &mut Vec<u8>, event: &Event<'_>) -> io::Result<()> {
    let host = event.host().to_string();
    let title = event.title();
    let mut line = Line {
        timestamp: rfc3339(event.at()),
        ecs: Ecs {
            version: VERSION_OF_ECS,
        },
        message: &title,
        event: Description {
            kind: "alert",
            category: ["network"],
            kinds: ["info"],
            module: PROGRAM,
            dataset: "phonehome.finding",
            action: "sighting".to_owned(),
            severity: event.severity().of_eve(),
            start: None,
            end: None,
        },
        host: Host {
            ip: [&host],
            name: event
                .who
                .and_then(|it| it.name.as_ref())
                .map(|it| it.0.as_str()),
            mac: event.who.and_then(|it| it.device).map(|it| [mac(it)]),
        },
        source: End {
            ip: host.clone(),
            port: None,
            domain: None,
        },
        destination: None,
        network: None,
        dns: None,
        tls: None,
        url: None,
        http: None,
        rule: Rule {
            id: event.signature_id(),
            name: &title,
            category: event.category(),
            ruleset: event.vendor_id(),
        },
        observer: Observer {
            name: event.sensor,
            vendor: PROGRAM,
            product: PROGRAM,
            kind: "ids",
            version: VERSION,
        },
        related: Related {
            ip: vec![host.clone()],
            hosts: None,
        },
        phonehome: event.phonehome(),
    };
    match event.what {
        What::Sighting { sighting, .. } => {
            line.event.dataset = "phonehome.sighting";
            add_exchange(&mut line, &sighting.observation);
        }
        What::Change {
            change, finding, ..
        } => {
            line.event.action = format!("finding-{change}");
            line.event.start = Some(rfc3339(finding.first_seen));
            line.event.end = Some(rfc3339(finding.last_seen));
        }
    }
    write_line(out, &line)
}

fn add_exchange<'a>(line: &mut Line<'a>, observation: &'a Observation) {
    let (client, server) = (observation.client(), observation.server());
    let (source, name) = (observation.source, observation.name.as_str());
    let transport = observation.transport;
    line.source.port = Some(client.port);
    line.destination = Some(End {
        ip: server.address.to_string(),
        port: Some(server.port),
        // The resolver is not the server that the name is of.
        domain: (!is_dns(source)).then_some(name),
    });
    line.network = Some(Network {
        transport: transport.as_str(),
        protocol: app_proto(source),
        community_id: community::id(transport, client, server),
        vlan: observation.vlan.map(|it| Vlan { id: it.to_string() }),
    });
    line.dns = is_dns(source).then_some(Dns {
        kind: if source.is_from_server() {
            "answer"
        } else {
            "query"
        },
        question: Question { name },
    });
    line.tls = match source {
        Source::TlsSni | Source::QuicSni => Some(Tls {
            client: Some(TlsClient { server_name: name }),
            server: None,
        }),
        Source::TlsCert => Some(Tls {
            client: None,
            server: Some(TlsServer {
                x509: X509 {
                    alternative_names: [name],
                },
            }),
        }),
        _ => None,
    };
    line.url =
        matches!(source, Source::HttpHost | Source::HttpConnect).then_some(Url { domain: name });
    line.http = matches!(source, Source::HttpConnect).then_some(Http {
        request: Request { method: "CONNECT" },
    });
    line.related.ip.push(server.address.to_string());
    line.related.hosts = Some([name]);
}

/// A hardware address as ECS wants it: `00-00-5E-00-53-23`.
fn mac(device: Mac) -> String {
    device.to_string().replace(':', "-").to_ascii_uppercase()
}

const fn is_dns(source: Source) -> bool {
    matches!(source, Source::DnsQuery | Source::DnsAnswer)
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: String,
    ecs: Ecs,
    message: &'a str,
    event: Description,
    host: Host<'a>,
    source: End<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<End<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Network>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns: Option<Dns<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Url<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http>,
    rule: Rule<'a>,
    observer: Observer<'a>,
    related: Related<'a>,
    phonehome: Phonehome<'a>,
}

#[derive(Serialize)]
struct Ecs {
    version: &'static str,
}

#[derive(Serialize)]
struct Description {
    kind: &'static str,
    category: [&'static str; 1],
    #[serde(rename = "type")]
    kinds: [&'static str; 1],
    module: &'static str,
    dataset: &'static str,
    action: String,
    severity: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
}

#[derive(Serialize)]
struct Host<'a> {
    ip: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<[String; 1]>,
}

#[derive(Serialize)]
struct End<'a> {
    ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
}

#[derive(Serialize)]
struct Network {
    transport: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'static str>,
    community_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<Vlan>,
}

#[derive(Serialize)]
struct Vlan {
    id: String,
}

#[derive(Serialize)]
struct Dns<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    question: Question<'a>,
}

#[derive(Serialize)]
struct Question<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Tls<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<TlsClient<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<TlsServer<'a>>,
}

#[derive(Serialize)]
struct TlsClient<'a> {
    server_name: &'a str,
}

#[derive(Serialize)]
struct TlsServer<'a> {
    x509: X509<'a>,
}

#[derive(Serialize)]
struct X509<'a> {
    alternative_names: [&'a str; 1],
}

#[derive(Serialize)]
struct Url<'a> {
    domain: &'a str,
}

#[derive(Serialize)]
struct Http {
    request: Request,
}

#[derive(Serialize)]
struct Request {
    method: &'static str,
}

#[derive(Serialize)]
struct Rule<'a> {
    id: &'a str,
    name: &'a str,
    category: &'a str,
    ruleset: &'a str,
}

#[derive(Serialize)]
struct Observer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    vendor: &'static str,
    product: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Related<'a> {
    ip: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hosts: Option<[&'a str; 1]>,
}

/// The version of ECS whose names these are.
const VERSION_OF_ECS: &str = "8.17.0";
