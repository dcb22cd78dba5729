//! Everything that leaves the process.
//!
//! What is shown comes from one [`Snapshot`], a consistent copy that the ledger makes; nothing here
//! reaches back into the pipeline, so that a slow reader slows nobody. The same snapshot gives the
//! table for people, the JSON document, the metrics text and the status page; observations and
//! alerts are written a line each as they happen.
//!
//! Deliberately absent: a clock (times are those of the capture; only [`progress`], the limits of
//! [`http`], the first sentence of its status page and [`output`] look at the real one), and any
//! connection that no setting asks for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use phonehome_signatures::{Catalogue, Category, Directives, VendorId};

use crate::detection::Reach;
use crate::findings::waivers::Waivers;
use crate::findings::{Asking, Finding, History, Verdict};
use crate::frame::{Card, LinkType};
use crate::host::Address;
use crate::names::Source;
use crate::time::Timestamp;
use crate::visibility::Visibility;
use protection::{Protection, Standing};

pub mod directives;
pub mod events;
pub mod http;
pub mod json;
pub mod metrics;
pub mod output;
pub mod progress;
pub mod protection;
pub mod report;
pub mod table;
pub mod web_config;
mod who;

#[cfg(test)]
mod sample;

/// A consistent copy of all that is shown.
///
/// The counts of one group ([`Snapshot::captures`] with [`Snapshot::pipeline`],
/// [`Snapshot::visibility`], [`Snapshot::sightings`]) are read at one moment, so that their sums
/// hold: frames received = processed + dropped + queued; connections = named + unnamed; and the
/// sightings of a vendor are the same number in each of the three maps.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The catalogue that the ids in here belong to, with the packs it was made of.
    pub catalogue: Arc<Catalogue>,
    /// Whether the sensor does its work.
    pub ready: Ready,
    /// What is read, in the order in which it was configured.
    pub captures: Vec<Capture>,
    /// What is left out of it by choice.
    pub looking: Looking,
    /// Queues and threads.
    pub pipeline: Pipeline,
    /// What became of canary exchanges; `None` where none are made, as in the reading of files.
    pub canary: Option<Canary>,
    /// What the decoder counted.
    pub decode: Decode,
    /// What could and could not be named.
    pub visibility: Visibility,
    /// How hosts ask in DNS past the site's own resolvers.
    pub asking: Arc<Asking>,
    /// What signatures claimed.
    pub sightings: Sightings,
    /// All findings, in any order.
    pub findings: Vec<Arc<Finding>>,
    /// Changes of findings by vendor and one of [`CHANGES`].
    pub changes: BTreeMap<(VendorId, &'static str), u64>,
    /// The directives in force.
    pub directives: Arc<Directives>,
    /// The waivers, those that have run out included.
    pub waivers: Arc<Waivers>,
    /// Hosts of the home networks that sent a packet.
    pub hosts_seen: u64,
    /// The running sensor itself; absent where files are read to their end.
    pub own: Option<Own>,
    /// What is kept, and what there was no room for.
    pub room: Room,
    /// Addresses with a remembered name.
    pub resolved_addresses: u64,
    /// Remembered names that were forgotten because the table was full.
    pub resolved_evicted: u64,
    /// Names that encrypted hellos are judged by, by client and in all.
    pub ech_names: u64,
    /// What there was no room for when hellos were judged: names, and verdicts on open flows.
    pub ech_evicted: [u64; 2],
    /// Addresses and devices of which an identity is known, and how many of each made room for others.
    pub identities: [[u64; 2]; 2],
    /// What has happened to findings since the beginning.
    pub history: History,
    /// How findings are kept; `None` where they are not.
    pub store: Option<Store>,
    /// How evidence is kept; `None` where it is not.
    pub evidence: Option<EvidenceKept>,
    /// What keeps the process from doing harm; empty for a program that only reads files and ends.
    pub protections: Arc<[(Protection, Standing)]>,
}

/// How evidence is kept.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EvidenceKept {
    /// Octets of all files.
    pub octets: u64,
    /// Sightings that were to be proved, by [`EVIDENCE_RESULTS`].
    pub records: [u64; EVIDENCE_RESULTS.len()],
}

/// What becomes of frames that are to be kept as evidence.
pub const EVIDENCE_RESULTS: [&str; 4] = ["kept", "missed", "refused", "failed"];

impl Snapshot {
    /// The findings, the most severe first; equals in order of vendor and host.
    #[must_use]
    pub fn findings_by_severity(&self) -> Vec<&Finding> {
        let findings = self.findings.iter();
        let mut findings: Vec<&Finding> = findings.map(AsRef::as_ref).collect();
        findings.sort_by_key(|it| (std::cmp::Reverse(it.verdict), it.vendor, it.host));
        findings
    }

    /// Hosts with at least one finding that [`is_flagged`].
    #[must_use]
    pub fn flagged_hosts(&self) -> usize {
        let mut hosts: Vec<Address> = self
            .findings
            .iter()
            .filter(|it| is_flagged(it.verdict))
            .map(|it| it.host)
            .collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts.len()
    }

    /// Capture times of the first and the last frame of all inputs; `None` without a frame.
    #[must_use]
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.captures.iter().filter_map(|it| it.first_frame).min()?;
        let last = self.captures.iter().filter_map(|it| it.last_frame).max()?;
        Some((first, last))
    }

    /// The name of a vendor for people; its number if the catalogue has no such vendor.
    #[must_use]
    pub fn vendor_name(&self, vendor: VendorId) -> String {
        match self.catalogue.vendor(vendor) {
            Some(it) => it.name.clone(),
            None => format!("vendor {}", vendor.0),
        }
    }

    /// The id of a vendor for programs; `other` if the catalogue has no such vendor.
    #[must_use]
    pub fn vendor_id(&self, vendor: VendorId) -> &str {
        vendor_word(&self.catalogue, vendor)
    }
}

/// A running sensor's settings and log.
#[derive(Clone, Debug)]
pub struct Own {
    /// What the settings call the sensor.
    pub sensor: Option<String>,
    /// The newest load of settings and of what they name.
    pub reload: Arc<Reload>,
    /// Lines of the log left out because its queue was full.
    pub log_lines_lost: u64,
    /// What has become of the events of each output, in the order of [`output::Kind`].
    pub outputs: Vec<(output::Kind, output::Counts)>,
    /// Sightings that were held back and told before their time, for want of room.
    pub repeats_evicted: u64,
}

/// A load of settings and of what they name: packs, directives, waivers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reload {
    /// When it was, by the clock of the machine.
    pub at: Timestamp,
    /// When the newest was that succeeded.
    pub succeeded_at: Timestamp,
    /// Why it failed, a sentence each; empty if it succeeded.
    pub errors: Vec<String>,
    /// What has changed but takes effect at the next start, a sentence each.
    pub waiting: Vec<String>,
}

/// How full some collections are, and what they left out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Room {
    /// Flows that the tables may hold.
    pub flow_limit: u64,
    /// Bytes of memory that messages in the making take.
    pub buffered_bytes: u64,
    /// Hosts that may be known, of those that exchange something and of the others each.
    pub host_limit: u64,
    /// Hosts that are known, by [`ROLES`].
    pub hosts: [u64; ROLES.len()],
    /// Hosts that made room for others.
    pub hosts_evicted: u64,
    /// Hosts that ask past the site's own resolvers, which made room for others.
    pub askers_evicted: u64,
    /// Findings that made room for others.
    pub findings_evicted: u64,
    /// Findings that were removed or absent for longer than they are kept.
    pub findings_expired: u64,
    /// What was left out for want of room, by the words of [`REFUSED`].
    pub refused: [u64; REFUSED.len()],
}

/// Roles of hosts. Those of servers, management servers and routers are not learned: none has one.
pub const ROLES: [&str; 6] = ["client", "server", "resolver", "proxy", "manager", "router"];

/// Collections that refuse newcomers when they are full.
pub const REFUSED: [&str; 8] = [
    "hosts",
    "dns-askers",
    "findings",
    "finding-names",
    "finding-signatures",
    "finding-devices",
    "servers",
    "dns-questions",
];

/// How findings are kept on disk.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Store {
    /// When the newest save succeeded, by the clock of the machine; that of the start before the first.
    pub last_save: Timestamp,
    /// Saves that failed.
    pub save_failures: u64,
    /// Upper bounds of the times that saves take, rising.
    pub save_bounds: Vec<Duration>,
    /// Saves by the first bound that they kept; the last are those beyond.
    pub save_counts: Vec<u64>,
    /// All times together.
    pub save_sum: Duration,
    /// Octets of the file.
    pub file_bytes: u64,
    /// Rows of findings and of changes that were deleted, for their age or their number.
    pub deleted: [u64; 2],
    /// Changes that were told of and never saved, for there were too many that waited.
    pub lost_changes: u64,
}

/// Whether captures are open and packs loaded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ready {
    /// They are.
    Yes,
    /// Something is missing; holds what, in plain words.
    No(String),
}

/// Counters of one input: an interface or a capture file.
///
/// At any moment, added up over all inputs: received = processed + dropped + queued.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Capture {
    /// The interface, or the file as it was given.
    pub name: String,
    /// Which of the two it is.
    pub mode: Mode,
    /// First header of its frames.
    pub link: LinkType,
    /// Whether it is open; of an interface also, whether the link is up.
    pub up: bool,
    /// Frames handed to the sensor, dropped ones included.
    pub received_frames: u64,
    /// Octets on the wire of the frames received.
    pub received_bytes: u64,
    /// Frames that triage settled.
    pub triage_frames: u64,
    /// Frames that a worker settled.
    pub worker_frames: u64,
    /// Frames lost, by [`STAGES`].
    pub dropped_frames: [u64; 3],
    /// Frames longer than the snapshot length.
    pub truncated_frames: u64,
    /// Frames that repeat one just read, as a mirror of both directions gives; among those that triage
    /// settled.
    pub repeated_frames: u64,
    /// Frames, and their octets on the wire, that a prefilter in the kernel kept from the sensor, and
    /// that are not among those received; absent where none is in force.
    pub cut_off: Option<[u64; 2]>,
    /// Of its first connections, how many came by each of [`RINGS`]; absent where there is one ring.
    pub rings: Option<[u64; 3]>,
    /// What the card does to frames before they are captured; absent where it is not known.
    pub card: Option<Card>,
    /// Capture time of the first frame.
    pub first_frame: Option<Timestamp>,
    /// Capture time of the newest frame.
    pub last_frame: Option<Timestamp>,
}

impl Capture {
    /// Frames that triage and workers settled.
    #[must_use]
    pub const fn processed_frames(&self) -> u64 {
        self.triage_frames + self.worker_frames
    }
}

/// What is left out of a live capture by choice.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Looking {
    /// The filter in force, as the operator wrote it.
    pub filter: Option<String>,
    /// Words for kinds of frames of which that filter lets nothing pass.
    pub left_out: Vec<&'static str>,
}

impl Looking {
    /// What it means for what is shown, a sentence each.
    #[must_use]
    pub fn caveats(&self, captures: &[Capture]) -> Vec<String> {
        let mut caveats = Vec::new();
        if let Some(filter) = &self.filter {
            caveats.push(format!(
                "A filter is in force ({filter}); what it leaves out was not looked at."
            ));
        }
        if !self.left_out.is_empty() {
            caveats.push(format!(
                "The filter lets nothing pass in frames of these kinds: {}.",
                self.left_out.join(", ")
            ));
        }
        let cut_off = captures.iter().filter_map(|it| it.cut_off);
        if let Some(frames) = cut_off.map(|it| it[0]).reduce(|sum, it| sum + it) {
            caveats.push(format!(
                "A prefilter is in force and cut off {frames} frames of flows that had shown what \
                 they are; octets are a lower bound."
            ));
        }
        caveats
    }
}

/// Kind of an input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// A network interface.
    Live,
    /// A capture file.
    File,
}

impl Mode {
    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::File => "file",
        }
    }
}

/// Queues and threads.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pipeline {
    /// The workers, by their number.
    pub workers: Vec<Worker>,
    /// Frames that the queue of one worker may hold.
    pub queue_limit_frames: u64,
    /// Processor time that each thread has used, by its name: `capture0`, `ledger`, `worker0` and so
    /// on.
    pub busy: Vec<(String, Duration)>,
}

/// What became of canary exchanges: made up by the sensor and taken through all its threads, they must
/// come out as findings.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Canary {
    /// Exchanges that set out.
    pub sent: u64,
    /// Exchanges that came out as a finding.
    pub found: u64,
    /// When the newest came out, by the clock of the machine, of the worker for which that is longest
    /// ago; `None` while one has none.
    pub last_success: Option<Timestamp>,
    /// Upper bounds of times from setting out to the finding, rising.
    pub latency_bounds: Vec<Duration>,
    /// Exchanges by the first bound that they kept; the last are those beyond.
    pub latency_counts: Vec<u64>,
    /// All times together.
    pub latency_sum: Duration,
}

/// A worker as others see it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Worker {
    /// Frames waiting for it.
    pub queued_frames: u64,
    /// Capture time that it has reached; `None` before the first frame.
    pub clock: Option<Timestamp>,
}

/// What the decoder counted, by label values; a row that is absent is zero.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Decode {
    /// Packets decoded, by network and transport as in [`PACKETS`].
    pub packets: BTreeMap<(&'static str, &'static str), u64>,
    /// Packets that could not be decoded, by layer and reason as in [`LAYERS`] and
    /// [`DECODE_REASONS`].
    pub errors: BTreeMap<(&'static str, &'static str), u64>,
    /// Encapsulations taken off, as in [`UNWRAPPED`].
    pub unwrapped: BTreeMap<&'static str, u64>,
    /// Packets inside an encapsulation that is not read, as in [`SKIPPED`].
    pub skipped: BTreeMap<&'static str, u64>,
    /// Fragmented datagrams, by what became of them as in [`DATAGRAMS`].
    pub datagrams: BTreeMap<&'static str, u64>,
    /// Octets held for unfinished datagrams.
    pub defrag_bytes: u64,
}

/// Sightings, counted three ways: the sums of a vendor are equal. A row that is absent is zero.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sightings {
    /// By what the traffic is for.
    pub by_category: BTreeMap<(VendorId, Category), u64>,
    /// By where the name was read.
    pub by_source: BTreeMap<(VendorId, Source), u64>,
    /// By how far the exchange got.
    pub by_reach: BTreeMap<(VendorId, Reach), u64>,
    /// Payload octets that hosts sent and received, in this order, of connections that a
    /// signature claimed.
    pub octets: BTreeMap<(VendorId, Category), [u64; 2]>,
    /// Capture time of the newest sighting.
    pub last_seen: BTreeMap<VendorId, Timestamp>,
}

/// Whether a verdict says that something of the vendor is on the host, or may be.
///
/// The others are web sites, and parts of the vendor in pages and apps of other companies.
#[must_use]
pub const fn is_flagged(verdict: Verdict) -> bool {
    match verdict {
        Verdict::None | Verdict::EmbedOnly => false,
        Verdict::Contact
        | Verdict::Embedded
        | Verdict::Likely
        | Verdict::Installed
        | Verdict::InstalledActive
        | Verdict::Manager => true,
    }
}

/// The id of a vendor in labels and documents; `other` if the catalogue has no such vendor.
fn vendor_word(catalogue: &Catalogue, vendor: VendorId) -> &str {
    catalogue
        .vendor(vendor)
        .map_or("other", |it| it.id.as_str())
}

/// Name of a link type as capture tools print it; its number where it is none of these.
fn link_word(link: LinkType) -> String {
    let word = match link {
        LinkType::NULL => "NULL",
        LinkType::ETHERNET => "EN10MB",
        LinkType::PPP => "PPP",
        LinkType::PPP_HDLC => "PPP_SERIAL",
        LinkType::PPP_ETHER => "PPP_ETHER",
        LinkType::RAW => "RAW",
        LinkType::C_HDLC => "C_HDLC",
        LinkType::IEEE802_11 => "IEEE802_11",
        LinkType::FRELAY => "FRELAY",
        LinkType::LOOP => "LOOP",
        LinkType::LINUX_SLL => "LINUX_SLL",
        LinkType::IEEE802_11_RADIOTAP => "IEEE802_11_RADIO",
        LinkType::PPP_WITH_DIR => "PPP_WITH_DIR",
        LinkType::IPV4 => "IPV4",
        LinkType::IPV6 => "IPV6",
        LinkType::NFLOG => "NFLOG",
        LinkType::LINUX_SLL2 => "LINUX_SLL2",
        LinkType(number) => return number.to_string(),
    };
    word.to_owned()
}

/// A time as RFC 3339 in UTC with microseconds, rounded down: `2017-10-02T08:00:00.123456Z`.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    civil(at).strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// A time as ISO 8601 in UTC with seconds, rounded down: `2017-10-02T08:00:00Z`.
fn iso_seconds(at: Timestamp) -> String {
    civil(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The first moment of a day, UTC, written as `2026-01-31`; `None` for anything else.
fn day_start(date: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = format!("{date}T00:00:00Z").parse().ok()?;
    Some(Timestamp::from_secs_nanos(at.as_second(), 0))
}

/// The time as the calendar library has it, whole microseconds, rounded down.
fn civil(at: Timestamp) -> jiff::Timestamp {
    // Nanoseconds of 64 bits reach from 1677 to 2262: always inside the calendar's range.
    jiff::Timestamp::from_microsecond(at.as_nanos().div_euclid(1_000)).unwrap_or_default()
}

/// A number of octets for people: `999 B`, `1.2 kB`, `45.1 MB`; units are powers of 1000.
fn human_octets(octets: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if octets < 1_000 {
        return format!("{octets} B");
    }
    let mut tenths = octets / 100;
    for unit in UNITS {
        if tenths < 10_000 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        tenths /= 1_000;
    }
    format!("{octets} B")
}

/// A count for people, with commas: `1,234,567`.
fn human_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A part of a whole in percent for people, rounded to a decimal: `12.5 %`. What is not nothing is
/// not shown as nothing, nor what is not all as all.
fn human_share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let (part, whole) = (u128::from(part), u128::from(whole));
    match (part * 1_000 + whole / 2) / whole {
        0 if part > 0 => "< 0.1 %".to_owned(),
        1_000 if part < whole => "> 99.9 %".to_owned(),
        1_000 => "100 %".to_owned(),
        tenths => format!("{}.{} %", tenths / 10, tenths % 10),
    }
}

/// Name of the program in documents.
pub const PROGRAM: &str = "phonehome";

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Changes that a finding can go through.
pub const CHANGES: [&str; 7] = [
    "opened",
    "strengthened",
    "quiet",
    "removed",
    "absent",
    "returned",
    "waived",
];

/// How the two directions of a connection came out of the rings of an interface.
pub const RINGS: [&str; 3] = ["one-ring", "two-rings", "one-way"];

/// Kinds of frames that a filter may leave out unawares.
pub const FRAME_KINDS: [&str; 9] = [
    "vlan",
    "qinq",
    "double-vlan",
    "mpls",
    "pppoe",
    "gre",
    "vxlan",
    "fragment",
    "ipv6",
];

/// Where a frame can be lost, in the order of its way.
pub const STAGES: [&str; 3] = ["driver", "ring", "queue"];

/// Networks and transports of decoded packets.
pub const PACKETS: [(&str, &str); 10] = [
    ("ipv4", "tcp"),
    ("ipv4", "udp"),
    ("ipv4", "icmp"),
    ("ipv4", "other"),
    ("ipv6", "tcp"),
    ("ipv6", "udp"),
    ("ipv6", "icmp"),
    ("ipv6", "other"),
    ("arp", "other"),
    ("other", "other"),
];

/// Layers at which decoding can fail.
pub const LAYERS: [&str; 4] = ["link", "tunnel", "network", "transport"];

/// Why decoding can fail.
pub const DECODE_REASONS: [&str; 3] = ["short", "length", "depth"];

/// Encapsulations that are taken off.
pub const UNWRAPPED: [&str; 15] = [
    "vlan", "qinq", "mpls", "pppoe", "gre", "nvgre", "erspan", "vxlan", "geneve", "ipip", "sixin4",
    "teredo", "gtpu", "l2tp", "other",
];

/// Encapsulations that are not read.
pub const SKIPPED: [&str; 6] = ["macsec", "esp", "wireguard", "openvpn", "l2tp", "other"];

/// What becomes of fragmented datagrams.
pub const DATAGRAMS: [&str; 4] = ["whole", "expired", "overlap", "evicted"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_and_rounded_down() {
        let at = Timestamp::from_secs_nanos(1_506_931_200, 123_456_999);
        assert_eq!(rfc3339(at), "2017-10-02T08:00:00.123456Z");
        assert_eq!(iso_seconds(at), "2017-10-02T08:00:00Z");
        let before = Timestamp::from_nanos(-1);
        assert_eq!(rfc3339(before), "1969-12-31T23:59:59.999999Z");
    }

    #[test]
    fn a_day_starts_at_midnight_utc() {
        let expected = Timestamp::from_secs_nanos(1_506_902_400, 0);
        assert_eq!(day_start("2017-10-02"), Some(expected));
        for wrong in [
            "",
            "2017",
            "2017-13-01",
            "yesterday",
            "2017-10-02T00:00:00Z",
        ] {
            assert_eq!(day_start(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_ends_of_time_can_be_written() {
        assert!(rfc3339(Timestamp::MIN).starts_with("1677-"));
        assert!(rfc3339(Timestamp::MAX).starts_with("2262-"));
    }

    #[test]
    fn octets_are_short_in_every_magnitude() {
        let shown: Vec<String> = [0, 999, 1_000, 99_949, 999_999, 1_000_000, u64::MAX]
            .into_iter()
            .map(human_octets)
            .collect();
        let expected = [
            "0 B", "999 B", "1.0 kB", "99.9 kB", "999.9 kB", "1.0 MB", "18.4 EB",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn counts_have_commas_at_thousands() {
        assert_eq!(human_count(0), "0");
        assert_eq!(human_count(999), "999");
        assert_eq!(human_count(1_000), "1,000");
        assert_eq!(human_count(12_345_678), "12,345,678");
    }

    #[test]
    fn a_small_share_is_not_nothing_and_a_large_one_not_all() {
        assert_eq!(human_share(1, 100_000), "< 0.1 %");
        assert_eq!(human_share(99_999, 100_000), "> 99.9 %");
        assert_eq!(human_share(1_100, 1_234), "89.1 %");
        assert_eq!(human_share(134, 1_234), "10.9 %");
        assert_eq!(human_share(5, 5), "100 %");
        assert_eq!(human_share(0, 5), "0.0 %");
        assert_eq!(human_share(0, 0), "-");
        assert_eq!(human_share(u64::MAX, u64::MAX), "100 %");
    }
}
