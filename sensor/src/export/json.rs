//! JSON: a line an observation, and the documents of findings, directives, visibility and
//! signatures.
//!
//! All hold nothing but what the capture says: equal input gives equal octets. Lines are written
//! by hand because a busy capture gives millions of them; documents go through serde.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::who::{DeviceRow, EarlierRow, IdentityRow};
use super::{
    Capture, DECODE_REASONS, LAYERS, PROGRAM, SKIPPED, STAGES, Snapshot, VERSION, link_word,
    rfc3339,
};
use crate::detection::Reach;
use crate::findings::{Asker, Finding};
use crate::names::{Source, Transport};
use crate::visibility::{EncryptedDns, MessageResult, Protocol, Unnamed, Visibility};

mod directives;
mod hosts;
mod observation;
mod report;
mod status;

pub use directives::directives;
pub use hosts::hosts;
pub use observation::write_observation;
pub use report::report;
pub use status::status;

/// The document of `phonehome read --json`.
///
/// Findings stand with the most severe first, equals in order of vendor and host.
pub fn findings(snapshot: &Snapshot) -> impl Serialize + '_ {
    document(snapshot, usize::MAX)
}

/// The document of `/api/v1/findings`: that of [`findings`], with [`MAX_SERVED`] findings at most.
/// Where there are more, `findings_omitted` says how many.
pub fn served_findings(snapshot: &Snapshot) -> impl Serialize + '_ {
    document(snapshot, MAX_SERVED)
}

fn document(snapshot: &Snapshot, most: usize) -> Document<'_> {
    Document {
        schema: SCHEMA,
        generator: GENERATOR,
        input: input(snapshot),
        packs: packs(snapshot),
        hosts: Hosts {
            seen: snapshot.hosts_seen,
            flagged: snapshot.flagged_hosts(),
            asking: snapshot
                .asking
                .hosts
                .iter()
                .map(|it| AskerRow {
                    host: Some(it.host.to_string()),
                    ..asker(it)
                })
                .collect(),
        },
        findings: snapshot
            .findings_by_severity()
            .into_iter()
            .take(most)
            .map(|it| finding(snapshot, it))
            .collect(),
        findings_omitted: snapshot
            .findings
            .len()
            .checked_sub(most)
            .filter(|it| *it > 0),
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
    let rows = snapshot.catalogue.signatures();
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
    #[serde(skip_serializing_if = "Option::is_none")]
    findings_omitted: Option<usize>,
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
    /// Those that ask in DNS past the site's own resolvers, as far as they are shown one by one.
    asking: Vec<AskerRow>,
}

/// How a host asks in DNS past the site's own resolvers.
#[derive(Serialize)]
struct AskerRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    /// Flows that hide its questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    encrypted_dns: Option<Map<u64>>,
    /// Questions in clear to public resolvers, and the one asked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_questions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_resolver: Option<String>,
    last_seen: String,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    filter_leaves_out: &'a [&'static str],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    caveats: Vec<String>,
}

#[derive(Serialize)]
struct CaptureRow<'a> {
    name: &'a str,
    mode: &'static str,
    linktype: String,
    frames: u64,
    octets: u64,
    truncated: u64,
    repeated: u64,
    dropped: Map<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_off: Option<Map<u64>>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<IdentityRow<'a>>,
    vendor: VendorRow<'a>,
    verdict: &'static str,
    state: &'static str,
    state_since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiver: Option<directives::WaiverRow<'a>>,
    /// The directives in force under which it counts, waived or not.
    directives: Vec<&'a str>,
    grounds: &'a [String],
    products: &'a [String],
    categories: Vec<&'static str>,
    first_seen: String,
    last_seen: String,
    contacts: Map<u64>,
    sources: Map<u64>,
    octets: Octets,
    names: Vec<NameRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<DeviceRow<'a>>,
    /// What other devices had that had the address before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<EarlierRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asks: Option<AskerRow>,
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
    encrypted_dns_flows: Map<u64>,
    encrypted_dns_hosts: EncryptedDnsHosts,
    public_dns_hosts: u64,
    flows: PerTransport<Flows>,
    loss: Loss,
    frames: Frames,
    decode_errors: Map<Map<u64>>,
    skipped_encapsulations: Map<u64>,
}

/// Hosts whose questions cannot be read; by kind, a host may count for several.
#[derive(Serialize)]
struct EncryptedDnsHosts {
    all: u64,
    #[serde(flatten)]
    by_kind: Map<u64>,
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

/// Octets of TCP flows that were acknowledged and never seen.
#[derive(Serialize)]
struct Loss {
    judged_flows: u64,
    seen_octets: u64,
    missing_octets: u64,
}

#[derive(Serialize)]
struct Frames {
    received: u64,
    processed: u64,
    queued: u64,
    truncated: u64,
    repeated: u64,
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
                repeated: it.repeated_frames,
                dropped: counts(STAGES, &it.dropped_frames),
                cut_off: it.cut_off.map(|it| counts(["frames", "octets"], &it)),
            })
            .collect(),
        filter: snapshot.looking.filter.as_deref(),
        filter_leaves_out: &snapshot.looking.left_out,
        caveats: snapshot.looking.caveats(&snapshot.captures),
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
        identity: finding.who.as_ref().map(IdentityRow::of),
        vendor: VendorRow {
            id: snapshot.vendor_id(finding.vendor),
            name: snapshot.vendor_name(finding.vendor),
        },
        verdict: finding.verdict.as_str(),
        state: snapshot.state(finding).as_str(),
        state_since: rfc3339(finding.state_since),
        waiver: snapshot.waived(finding).map(directives::waiver),
        directives: snapshot
            .directives_of(finding)
            .into_iter()
            .map(|it| it.id.as_str())
            .collect(),
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
        device: finding.device.as_ref().map(DeviceRow::of),
        earlier: finding.earlier.iter().map(EarlierRow::of).collect(),
        asks: finding.asks.as_ref().map(asker),
    }
}

fn asker(asker: &Asker) -> AskerRow {
    let kinds = asker.kinds();
    let kinds = kinds.map(|(kind, count)| (kind.as_str(), u64::from(count)));
    AskerRow {
        host: None,
        encrypted_dns: asker.hides().then(|| Map(kinds.collect())),
        public_questions: Some(asker.public).filter(|it| *it > 0),
        public_resolver: asker.resolver.map(|it| it.to_string()),
        last_seen: rfc3339(asker.last),
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
    let queued = snapshot.pipeline.workers.iter().map(|it| it.queued_frames);
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
        encrypted_dns_flows: counts(ENCRYPTED_DNS, &seen.encrypted_dns),
        encrypted_dns_hosts: EncryptedDnsHosts {
            all: snapshot.asking.hiding,
            by_kind: counts(ENCRYPTED_DNS, &snapshot.asking.hiding_by),
        },
        public_dns_hosts: snapshot.asking.public,
        flows: per_transport(seen, flows),
        loss: Loss {
            judged_flows: seen.judged_flows,
            seen_octets: seen.judged_octets,
            missing_octets: seen.missing_octets,
        },
        frames: Frames {
            received: captures.iter().map(|it| it.received_frames).sum(),
            processed: captures.iter().map(Capture::processed_frames).sum(),
            queued: queued.sum(),
            truncated: captures.iter().map(|it| it.truncated_frames).sum(),
            repeated: captures.iter().map(|it| it.repeated_frames).sum(),
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

/// Findings that the web server gives at most: about 15 MB.
pub const MAX_SERVED: usize = 10_000;

/// Version of the documents; a change that breaks readers raises it.
const SCHEMA: u32 = 1;

const GENERATOR: Generator = Generator {
    name: PROGRAM,
    version: VERSION,
};

/// Words for [`Ech`](crate::names::tls::Ech), in its order.
pub(super) const ECH: [&str; 4] = ["none", "grease", "real", "unknown"];

/// Words for what the judging of encrypted hellos remembers.
pub(super) const ECH_MEMORIES: [&str; 2] = ["names", "verdicts"];
/// Words for what hides questions in DNS.
const ENCRYPTED_DNS: [&str; EncryptedDns::ALL.len()] = [
    EncryptedDns::Doh.as_str(),
    EncryptedDns::Dot.as_str(),
    EncryptedDns::Doq.as_str(),
    EncryptedDns::Dnscrypt.as_str(),
];

/// Words for the versions of [`Visibility::quic_initials`].
pub(super) const QUIC_VERSIONS: [&str; 4] = ["v1", "v2", "draft", "other"];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::export::sample;

    fn text(snapshot: &Snapshot) -> String {
        serde_json::to_string_pretty(&findings(snapshot)).unwrap()
    }

    #[test]
    fn the_document_is_that_of_the_golden_file() {
        let document = text(&sample::snapshot()) + "\n";
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
        assert_eq!(text(&one), text(&other));
    }

    #[test]
    fn a_document_without_findings_still_tells_what_could_not_be_seen() {
        let parsed = serde_json::to_value(findings(&sample::empty())).unwrap();
        assert_eq!(parsed["findings"], serde_json::json!([]));
        assert_eq!(parsed["visibility"]["connections"]["tcp"]["total"], 0);
        assert!(parsed["input"].get("first_frame").is_none());
    }

    #[test]
    fn the_web_server_gives_the_gravest_and_says_how_many_it_left_out() {
        let mut snapshot = sample::snapshot();
        let web = Arc::clone(&snapshot.findings[0]);
        snapshot.findings.extend(vec![web; MAX_SERVED]);
        let parsed = serde_json::to_value(served_findings(&snapshot)).unwrap();
        assert_eq!(parsed["findings"].as_array().unwrap().len(), MAX_SERVED);
        assert_eq!(parsed["findings"][0]["verdict"], "installed-active");
        assert_eq!(parsed["findings_omitted"], 5);
        let parsed = serde_json::to_value(findings(&snapshot)).unwrap();
        assert!(parsed.get("findings_omitted").is_none());
    }

    #[test]
    fn every_loaded_signature_is_listed() {
        let snapshot = sample::snapshot();
        let parsed = serde_json::to_value(signatures(&snapshot)).unwrap();
        let listed = parsed["signatures"].as_array().unwrap();
        assert_eq!(listed.len(), snapshot.catalogue.signatures().len());
    }
}
