//! Events for a SIEM: what they tell, and the forms in which they are written.
//!
//! There are two kinds of [`Event`]: a sighting, with both ends of the exchange, and a change of a
//! finding, which concerns a host as a whole and has no other end. The forms are [`eve`], the shape of
//! Suricata's log, which is the default; [`ecs`], the names of the Elastic Common Schema; [`cef`]; and
//! [`text`] for people. [`syslog`] puts any of them into a message of RFC 5424. [`repeats`] keeps
//! sightings from being told too often.
//!
//! Names are printable ASCII when they come here (see [`crate::names::Name`]); packs are the operator's
//! own. All the same each form escapes what would end a line, a field or a value of it.
//!
//! Equal input gives equal octets: ids are digests of what they stand for, times are those of the
//! capture.

use std::io;

use phonehome_signatures::{Catalogue, Evidence, Signature, VendorId};
use ring::digest;
use serde::Serialize;

use super::who::IdentityRow;
use super::{VERSION, vendor_word};
use crate::detection::Sighting;
use crate::findings::{Finding, Verdict};
use crate::host::Address;
use crate::identity::Identity;
use crate::names::tls::Ech;
use crate::names::{Endpoint, Observation, Source, Transport};
use crate::time::Timestamp;

pub mod cef;
pub mod community;
pub mod ecs;
pub mod eve;
pub mod repeats;
pub mod syslog;
pub mod text;

/// Something to tell a SIEM.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The catalogue that the ids in here belong to.
    pub catalogue: &'a Catalogue,
    /// Name of the sensor that tells it; absent where files are read.
    pub sensor: Option<&'a str>,
    /// Who the host is; `None` where nothing said it.
    pub who: Option<&'a Identity>,
    /// What there is to tell.
    pub what: What<'a>,
}

/// The kinds of [`Event`].
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A host used a flagged name.
    Sighting {
        /// The sighting; the newest of those that it stands for.
        sighting: &'a Sighting,
        /// Time of the first packet of the flow, where it is known, else that of the observation; it
        /// makes the number of the flow differ between flows that use the same ports.
        started: Timestamp,
        /// Sightings of the host by the same signature that the event stands for, at least one.
        stands_for: u64,
    },
    /// A finding changed.
    Change {
        /// Capture time of the change.
        at: Timestamp,
        /// One of [`super::CHANGES`].
        change: &'a str,
        /// The finding as it is after the change.
        finding: &'a Finding,
    },
}

/// Shape of events in JSON.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Shape {
    /// That of Suricata's EVE log.
    #[default]
    Eve,
    /// The names of the Elastic Common Schema.
    Ecs,
}

impl Shape {
    /// Appends an event as one line of JSON, with the line feed.
    ///
    /// # Errors
    ///
    /// Those of the JSON library, which no event can cause.
    pub fn write(self, out: &mut Vec<u8>, event: &Event<'_>) -> io::Result<()> {
        match self {
            Self::Eve => eve::write(out, event),
            Self::Ecs => ecs::write(out, event),
        }
    }
}

/// How grave an event is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// It speaks of software or a device on the host.
    High,
    /// It may.
    Medium,
    /// It speaks of pages and parts in them.
    Low,
}

impl Severity {
    /// As EVE counts: one is the highest.
    const fn of_eve(self) -> u8 {
        match self {
            Self::High => 1,
            Self::Medium => 2,
            Self::Low => 3,
        }
    }
}

impl<'a> Event<'a> {
    /// Capture time.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self.what {
            What::Sighting { sighting, .. } => sighting.observation.at,
            What::Change { at, .. } => at,
        }
    }

    /// The host inside.
    #[must_use]
    pub const fn host(&self) -> Address {
        match self.what {
            What::Sighting { sighting, .. } => sighting.observation.client().address,
            What::Change { finding, .. } => finding.host,
        }
    }

    /// The word for its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.what {
            What::Sighting { .. } => "sighting",
            What::Change { .. } => "finding",
        }
    }

    /// How grave it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self.what {
            What::Sighting { .. } => self
                .signature()
                .map_or(Severity::Low, |it| severity_of(it.evidence)),
            What::Change { change, .. } if BETTER.contains(&change) => Severity::Low,
            What::Change { finding, .. } => severity_of_verdict(finding.verdict),
        }
    }

    /// What it says in a few words.
    fn title(&self) -> String {
        let vendor = self.vendor_name();
        match self.what {
            What::Sighting { .. } => format!("phonehome {vendor}: {}", self.category()),
            What::Change {
                change, finding, ..
            } => {
                let verdict = finding.verdict.as_str();
                format!("phonehome {vendor}: finding {change}, verdict {verdict}")
            }
        }
    }

    /// What the traffic is for; `finding` for changes.
    fn category(&self) -> &'a str {
        match self.what {
            What::Sighting { .. } => self.signature().map_or("other", |it| it.category.as_str()),
            What::Change { .. } => "finding",
        }
    }

    /// Id of the signature; `finding` for changes.
    fn signature_id(&self) -> &'a str {
        match self.what {
            What::Sighting { .. } => self.signature().map_or("other", |it| it.id.as_str()),
            What::Change { .. } => "finding",
        }
    }

    fn signature(&self) -> Option<&'a Signature> {
        match self.what {
            What::Sighting { sighting, .. } => self.catalogue.signature(sighting.signature),
            What::Change { .. } => None,
        }
    }

    fn vendor(&self) -> Option<VendorId> {
        match self.what {
            What::Sighting { .. } => self.signature().map(|it| it.vendor),
            What::Change { finding, .. } => Some(finding.vendor),
        }
    }

    fn vendor_id(&self) -> &'a str {
        self.vendor()
            .map_or("other", |it| vendor_word(self.catalogue, it))
    }

    fn vendor_name(&self) -> &'a str {
        self.vendor()
            .and_then(|it| self.catalogue.vendor(it))
            .map_or("a flagged vendor", |it| it.name.as_str())
    }

    fn phonehome(&self) -> Phonehome<'a> {
        let mut object = Phonehome {
            schema: SCHEMA,
            sensor_version: VERSION,
            kind: self.kind(),
            vendor: self.vendor_id(),
            vendor_name: self.vendor_name(),
            host: self.who.map(IdentityRow::of_identity),
            ..Phonehome::default()
        };
        match self.what {
            What::Sighting {
                sighting,
                stands_for,
                ..
            } => {
                let signature = self.signature();
                object.product = signature.and_then(|it| it.product.as_deref());
                object.signature = Some(self.signature_id());
                object.category = Some(self.category());
                object.evidence = signature.map(|it| it.evidence.as_str());
                object.confidence = signature.map(|it| it.confidence.as_str());
                object.source = Some(sighting.observation.source.as_str());
                object.reach = Some(sighting.reach.as_str());
                object.name = Some(sighting.observation.name.as_str());
                object.via = sighting.via.as_ref().map(|it| it.as_str());
                object.ech = sighting.observation.ech.filter(|it| *it != Ech::None);
                object.alpn = alpn(&sighting.observation);
                object.ja4 = ja4(&sighting.observation);
                object.sightings = Some(stands_for);
                object.ecs = sighting.observation.ecs.as_ref().map(ToString::to_string);
            }
            What::Change {
                change, finding, ..
            } => {
                object.change = Some(change);
                object.verdict = Some(finding.verdict.as_str());
                object.state = Some(finding.state.as_str());
                object.grounds = Some(&finding.grounds);
                object.products = Some(&finding.products);
                object.first_seen = Some(super::rfc3339(finding.first_seen));
                object.last_seen = Some(super::rfc3339(finding.last_seen));
            }
        }
        object
    }
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

/// What only we have to tell; the same in every form that is JSON.
#[derive(Default, Serialize)]
struct Phonehome<'a> {
    schema: u32,
    sensor_version: &'static str,
    kind: &'static str,
    vendor: &'a str,
    vendor_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<IdentityRow<'a>>,
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
    ech: Option<Ech>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alpn: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ja4: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sightings: Option<u64>,
    /// The network that a question in DNS is said to be asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    ecs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grounds: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    products: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
}

fn write_line(out: &mut Vec<u8>, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.push(b'\n');
    Ok(())
}

/// The fingerprint of the hello.
fn ja4(observation: &Observation) -> Option<&str> {
    observation.traits.as_ref().map(|it| it.ja4.as_str())
}

/// The protocols that the hello offers, if any.
fn alpn(observation: &Observation) -> Option<&[String]> {
    let traits = observation.traits.as_ref();
    traits.map(|it| &it.alpn[..]).filter(|it| !it.is_empty())
}

/// The protocol of the flow, where the source of the name tells it.
const fn app_proto(source: Source) -> Option<&'static str> {
    match source {
        Source::DnsQuery | Source::DnsAnswer => Some("dns"),
        Source::TlsSni | Source::TlsCert => Some("tls"),
        Source::QuicSni => Some("quic"),
        Source::HttpHost | Source::HttpConnect => Some("http"),
        Source::DnsCorrelated | Source::Discovery => None,
    }
}

/// Severity of a sighting: how surely it speaks of software or a device on the host.
const fn severity_of(evidence: Evidence) -> Severity {
    match evidence {
        Evidence::App | Evidence::Device => Severity::High,
        Evidence::AppLikely
        | Evidence::DeviceOrClient
        | Evidence::DeviceOrSdk
        | Evidence::DeviceOrApp
        | Evidence::Client
        | Evidence::Oem
        | Evidence::Download
        | Evidence::Mixed => Severity::Medium,
        Evidence::SdkEmbed
        | Evidence::WebEmbed
        | Evidence::PublicWeb
        | Evidence::ServerApi
        | Evidence::Shared
        | Evidence::Infra => Severity::Low,
    }
}

const fn severity_of_verdict(verdict: Verdict) -> Severity {
    match verdict {
        Verdict::Installed | Verdict::InstalledActive | Verdict::Manager => Severity::High,
        Verdict::Contact | Verdict::Embedded | Verdict::Likely => Severity::Medium,
        Verdict::None | Verdict::EmbedOnly => Severity::Low,
    }
}

/// Changes after which there is less to do, whatever the verdict.
const BETTER: [&str; 4] = ["quiet", "removed", "absent", "waived"];

/// Version of the `phonehome` object; a change that breaks readers raises it.
const SCHEMA: u32 = 1;

#[cfg(test)]
mod tests;
