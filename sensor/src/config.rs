//! The configuration of `phonehome run`: what the file, the environment and the flags say together.
//!
//! [`KEYS`] is the one table of keys. From it come the fields of [`Config`], the keys of the file,
//! the flags, the environment variables, the help text, the sample file and what
//! `phonehome config print` writes. To add a key is to add an entry to it.
//!
//! In come the layers: a flag goes before the environment, that before the file, and the file before
//! the default. Out comes a [`Effective`] configuration, or everything that is wrong in any layer,
//! each with its place and with what would be right. Nothing is opened here but the file itself.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use phonehome_signatures::directive::MAX_CHOSEN;
use phonehome_signatures::{Base, Catalogue, LoadError};

use crate::capture::settings::{Prefilter, Settings};
use crate::findings::{Limits, Spans};
use crate::host::{Address, DEFAULT_HOME, HomeNetworks};
use crate::intake::MAX_WORKERS;
use crate::log::{Format, Level};
use crate::pipeline::{MAX_INPUTS, Sizes};

mod document;
mod duties;
mod file;
mod key;
mod layers;
mod nearest;
mod rules;
mod value;
mod wrong;

pub use document::{effective, sample};
pub use duties::{Duties, DutyError, Places};
pub use key::{Change, Key};
pub use layers::{Effective, Layers};
pub use rules::Frames;
pub use value::{
    EventFormat, EventKinds, Facility, Field, Octets, Plural, Shown, SocketType, SyslogAddress,
    SyslogCarrier, SyslogFormat, Wanted,
};
pub use wrong::{Origin, Wrong, Wrongs};

/// Writes [`Config`], its defaults and [`KEYS`] from one list. An entry reads
///
/// ```text
/// /// What it is, in one sentence; with its unit.
/// field: Type = default => "section.name", "VALUE", Change, range;
/// ```
///
/// where `VALUE` stands for a value in help, `Change` says when a new value takes effect, and the
/// range is that of the value in its smallest unit, or of the number of entries of a list.
macro_rules! keys {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr
        => $name:literal, $takes:literal, $change:ident, $range:expr;)+) => {
        /// What the sensor is to do.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        /// All keys, in the order in which the sample file has them.
        pub const KEYS: &[Key] = &[$(Key {
            name: $name,
            off: concat!("no-", $name),
            doc: &[$($doc),+],
            takes: $takes,
            change: Change::$change,
            range: $range,
            field: |it| &mut it.$field,
        },)+];
    };
}

keys! {
    /// Network interfaces to listen on; two for a tap that gives each direction its own.
    interface: Vec<String> = Vec::new()
        => "interface", "NAME", AtStart, 0..=MAX_INPUTS as u64;
    /// Look only at what this expression in the language of libpcap lets pass.
    filter: Option<String> = None
        => "filter", "EXPRESSION", AtStart, ANY;
    /// Capture files to feed through the sensor's threads instead, merged by time.
    replay: Vec<PathBuf> = Vec::new()
        => "replay", "FILE", AtStart, ANY;
    /// End when the replay has ended, instead of serving until SIGINT or SIGTERM.
    exit_when_done: bool = false
        => "exit-when-done", "BOOL", AtStart, ANY;
    /// Write metrics to this file in Prometheus' text format when the sensor ends.
    metrics: Option<PathBuf> = None
        => "metrics", "FILE", AtStart, ANY;
    /// Worker threads; the output does not depend on it.
    workers: usize = 2
        => "workers", "N", AtStart, 1..=MAX_WORKERS as u64;
    /// Address blocks of the monitored network; only hosts in them can have a finding.
    home_network: Vec<IpNet> = default_home()
        => "home-network", "CIDR", OnReload, 1..=1024;
    /// Public resolvers that the site itself uses; questions to them pass nothing by.
    own_resolver: Vec<IpAddr> = Vec::new()
        => "own-resolver", "ADDRESS", AtStart, 0..=64;
    /// Folder of signature packs (*.toml); a pack with the id of a built-in one replaces it.
    signatures: Option<PathBuf> = None
        => "signatures", "DIR", OnReload, ANY;
    /// Load the built-in packs too.
    builtin_signatures: bool = true
        => "builtin-signatures", "BOOL", OnReload, ANY;
    /// Directives in force, by id: what counts under each is told and exported.
    directives: Vec<String> = Vec::new()
        => "directives", "ID", OnReload, 0..=MAX_CHOSEN as u64;
    /// Folder of directives of your own (*.toml); one with the id of a built-in one replaces it.
    directives_folder: Option<PathBuf> = None
        => "directives-folder", "DIR", OnReload, ANY;
    /// File of waivers (TOML): findings that may stand until a day.
    waivers: Option<PathBuf> = None
        => "waivers", "FILE", OnReload, ANY;
    /// Ring of each interface in the kernel, on top of the process's own memory.
    ring: Octets = Octets::mib(64)
        => "capture.ring", "SIZE", AtStart, 1 << 20..=1 << 30;
    /// Octets kept of a frame; the default keeps what offloads have joined to 65,535 octets.
    snaplen: usize = Settings::default().snaplen_octets as usize
        => "capture.snaplen", "N", AtStart, 256..=262_144;
    /// Ask for frames that are not addressed to the interface; a mirror port has no others.
    promiscuous: bool = true
        => "capture.promiscuous", "BOOL", AtStart, ANY;
    /// How long the kernel may hold frames back that do not fill a block of the ring.
    hold: Duration = Settings::default().hold
        => "capture.hold", "TIME", AtStart, 1..=1_000;
    /// Threads that capture; each has a share of each interface's ring, and of its flows.
    capture_threads: usize = 1
        => "capture.threads", "N", AtStart, 1..=8;
    /// Have the kernel cut flows off once they can tell no more names: off, flow, flow-required.
    prefilter: Prefilter = Prefilter::Off
        => "capture.prefilter", "WHICH", AtStart, ANY;
    /// Batches of 256 packets that may wait for one worker; beyond, a live capture drops.
    queue_batches: usize = 128
        => "pipeline.queue-batches", "N", AtStart, 1..=4096;
    /// Time between two canary exchanges; after five that do not come out the sensor is not ready.
    canary: Duration = Duration::from_secs(3)
        => "pipeline.canary", "TIME", AtStart, 1_000..=60_000;
    /// Flows that all workers together follow; beyond, the one longest silent is ended.
    flows: usize = Sizes::default().flows
        => "limits.flows", "N", AtStart, 1_000..=16_000_000;
    /// Memory for messages in the making, of all flows; beyond, those begun first are given up.
    unfinished: Octets = Octets::mib(64)
        => "limits.unfinished", "SIZE", AtStart, 1 << 20..=4 << 30;
    /// Home hosts known to be alive, and hosts with a role; beyond, those without a finding that were
    /// not seen for a day make room, else newcomers are refused.
    hosts: usize = Limits::default().hosts
        => "limits.hosts", "N", AtStart, 1_000..=4_000_000;
    /// Pairs of a host and a vendor; beyond, the oldest that may be made up, else the newcomer, goes.
    findings: usize = Limits::default().findings
        => "limits.findings", "N", AtStart, 100..=1_000_000;
    /// DNS answers remembered, for each client and in all; beyond, the oldest is forgotten.
    resolutions: usize = Limits::default().resolutions
        => "limits.resolutions", "N", AtStart, 1_000..=4_000_000;
    /// Findings with a row on the page of hosts' metrics; beyond, those seen longest ago have none.
    host_rows: usize = 5_000
        => "limits.host-rows", "N", AtStart, 0..=1_000_000;
    /// Folder in which findings and their history are kept; without one they end with the sensor.
    state_folder: Option<PathBuf> = None
        => "state.folder", "DIR", AtStart, ANY;
    /// How long a finding is kept that is removed or absent, and how long its changes are.
    state_keep: Duration = Spans::default().keep
        => "state.keep", "TIME", AtStart, 86_400_000..=315_360_000_000;
    /// Folder in which evidence is kept: of each host and signature the frames that prove the first
    /// sighting, as small capture files. Without one no frame is kept.
    evidence_folder: Option<PathBuf> = None
        => "evidence.folder", "DIR", AtStart, ANY;
    /// Size of all evidence; beyond, no more is kept.
    evidence_size: Octets = Octets::mib(256)
        => "evidence.size", "SIZE", AtStart, 1 << 20..=1 << 40;
    /// Memory for the newest frames that may turn out to be evidence, of each capturing thread.
    evidence_memory: Octets = Octets::mib(16)
        => "evidence.memory", "SIZE", AtStart, 1 << 20..=1 << 30;
    /// Time without a contact after which a finding is quiet, if its host is there.
    quiet_after: Duration = Spans::default().quiet_after
        => "states.quiet-after", "TIME", AtStart, 60_000..=31_536_000_000;
    /// Time without a contact after which it is removed, if its host is there.
    removed_after: Duration = Spans::default().removed_after
        => "states.removed-after", "TIME", AtStart, 120_000..=31_536_000_000;
    /// Time after which the findings of a host that is not seen are absent.
    absent_after: Duration = Spans::default().absent_after
        => "states.absent-after", "TIME", AtStart, 60_000..=31_536_000_000;
    /// Addresses and ports to serve on. What is served tells which hosts have what.
    listen_address: Vec<SocketAddr> = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))]
        => "web.listen-address", "ADDRESS", AtStart, 1..=16;
    /// Web file with certificates and passwords, as Prometheus' exporters have it; it is read again
    /// when it changes.
    web_config: Option<PathBuf> = None
        => "web.config.file", "FILE", AtStart, ANY;
    /// Path of the metrics; those of hosts are under it at /hosts.
    metrics_path: String = "/metrics".to_owned()
        => "web.telemetry-path", "PATH", AtStart, ANY;
    /// Who is shown addresses of hosts: everybody, nobody, or everybody while all listeners are on
    /// loopback or a password or certificate is asked for.
    show_hosts: Shown = Shown::Auto
        => "web.show-hosts", "WHEN", AtStart, ANY;
    /// Reload what can be reloaded when a POST to /-/reload asks for it.
    enable_lifecycle: bool = false
        => "web.enable-lifecycle", "BOOL", AtStart, ANY;
    /// Write events to this file, a line of JSON each. It is opened anew on SIGHUP.
    events_file: Option<PathBuf> = None
        => "events.file", "FILE", AtStart, ANY;
    /// Rotate the file; off where others see to that, as logrotate does.
    events_rotate: bool = true
        => "events.rotate", "BOOL", AtStart, ANY;
    /// Size at which the file is rotated.
    events_rotate_size: Octets = Octets::mib(64)
        => "events.rotate-size", "SIZE", AtStart, 1 << 16..=1 << 40;
    /// Time for which one file holds events; days begin at midnight UTC.
    events_rotate_every: Duration = Duration::from_secs(86_400)
        => "events.rotate-every", "TIME", AtStart, 60_000..=31_536_000_000;
    /// Rotated files that are kept.
    events_keep: usize = 7
        => "events.keep", "N", AtStart, 1..=1_000;
    /// Write events to this Unix socket, on which somebody else listens.
    events_socket: Option<PathBuf> = None
        => "events.socket", "FILE", AtStart, ANY;
    /// How the socket takes them: stream, as lines, or datagram, each by itself.
    events_socket_type: SocketType = SocketType::Stream
        => "events.socket-type", "TYPE", AtStart, ANY;
    /// Write events to standard output.
    events_stdout: bool = false
        => "events.stdout", "BOOL", AtStart, ANY;
    /// Shape of lines of JSON: eve, that of Suricata's log, or ecs, the names of the Elastic Common
    /// Schema.
    events_format: EventFormat = EventFormat::Eve
        => "events.format", "FORMAT", AtStart, ANY;
    /// Which events there are: changes of findings, or all, which is sightings too.
    events_kinds: EventKinds = EventKinds::Changes
        => "events.kinds", "KINDS", AtStart, ANY;
    /// Time in which sightings of a host by the same signature make one event, after the first, which
    /// is told at once; 0s tells each.
    events_repeat_after: Duration = Duration::from_secs(3_600)
        => "events.repeat-after", "TIME", AtStart, 0..=604_800_000;
    /// Memory for events that wait, of each output; beyond, events are dropped.
    events_queue: Octets = Octets::mib(8)
        => "events.queue", "SIZE", AtStart, 1 << 16..=1 << 30;
    /// Name of the sensor in events and reports; left out, it is that of the machine in events, and a
    /// field to fill in in reports.
    events_sensor: Option<String> = None
        => "events.sensor", "NAME", AtStart, ANY;
    /// Send events to this receiver of syslog: udp://, tcp:// or tls:// with an IP address and a port.
    syslog_address: Option<SyslogAddress> = None
        => "syslog.address", "ADDRESS", AtStart, ANY;
    /// What messages of syslog hold: json, in the format of events; cef; or text.
    syslog_format: SyslogFormat = SyslogFormat::Json
        => "syslog.format", "FORMAT", AtStart, ANY;
    /// Facility of messages of syslog.
    syslog_facility: Facility = Facility::LOCAL0
        => "syslog.facility", "NAME", AtStart, ANY;
    /// File with the certificates (PEM) of authorities that a receiver's at tls:// may be from.
    syslog_ca: Option<PathBuf> = None
        => "syslog.ca", "FILE", AtStart, ANY;
    /// Name that the certificate of a receiver at tls:// must be for; left out, it is the address.
    syslog_server_name: Option<String> = None
        => "syslog.server-name", "NAME", AtStart, ANY;
    /// User to become once all is open, when started as root; "root" stays root. Left out, it is
    /// phonehome, or nobody where that user is not there; with replay it is whoever started it.
    rights_user: Option<String> = None
        => "rights.user", "NAME", AtStart, ANY;
    /// Keep the right to open interfaces, so that one that went away can be opened again; without it
    /// the sensor ends then, and its service starts it anew.
    keep_net_raw: bool = false
        => "rights.keep-net-raw", "BOOL", AtStart, ANY;
    /// Keep to its own folders, by Landlock: where the kernel has it, or do not start without, or
    /// not at all.
    landlock: Wanted = Wanted::Auto
        => "rights.landlock", "WHEN", AtStart, ANY;
    /// Keep to the system calls that it needs, by seccomp: where the kernel has it, or do not start
    /// without, or not at all.
    seccomp: Wanted = Wanted::Auto
        => "rights.seccomp", "WHEN", AtStart, ANY;
    /// Which events are logged: error, warn, info, debug or trace, with all graver ones.
    log_level: Level = Level::Info
        => "log.level", "LEVEL", OnReload, ANY;
    /// How events are written: text, json, or auto, which is text but for the journal of systemd.
    log_format: Format = Format::Auto
        => "log.format", "FORMAT", AtStart, ANY;
}

impl Config {
    /// Sizes of the pipeline.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes {
            workers: self.workers,
            flows: self.flows,
            unfinished_octets: usize::try_from(self.unfinished.0).unwrap_or(usize::MAX),
            queue_batches: self.queue_batches,
            canary_every: Some(self.canary),
            ..Sizes::default()
        }
    }

    /// How interfaces are listened on.
    #[must_use]
    pub fn capture(&self) -> Settings {
        Settings {
            ring_octets: u32::try_from(self.ring.0).unwrap_or(u32::MAX),
            snaplen_octets: u32::try_from(self.snaplen).unwrap_or(u32::MAX),
            promiscuous: self.promiscuous,
            hold: self.hold,
            threads: self.capture_threads,
            filter: self.filter.clone(),
            prefilter: self.prefilter,
        }
    }

    /// Bounds of the book of findings.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        Limits {
            hosts: self.hosts,
            findings: self.findings,
            resolutions: self.resolutions,
            identities: crate::findings::MAX_IDENTITIES,
        }
    }

    /// How long silence must be to say something.
    #[must_use]
    pub fn spans(&self) -> Spans {
        Spans {
            quiet_after: self.quiet_after,
            removed_after: self.removed_after,
            absent_after: self.absent_after,
            keep: self.state_keep,
            ..Spans::default()
        }
    }

    /// The monitored network.
    #[must_use]
    pub fn home(&self) -> HomeNetworks {
        HomeNetworks::new(self.home_network.iter().copied())
    }

    /// The public resolvers that the site itself uses.
    pub fn own_resolvers(&self) -> impl Iterator<Item = Address> + '_ {
        self.own_resolver.iter().copied().map(Address::from)
    }

    /// Reads and compiles the packs.
    ///
    /// # Errors
    ///
    /// What cannot be read, or all that is wrong in the packs.
    pub fn catalogue(&self) -> Result<Catalogue, LoadError> {
        let base = if self.builtin_signatures {
            Base::Builtin
        } else {
            Base::Empty
        };
        catalogue(self.signatures.as_deref(), base)
    }
}

/// Reads and compiles the packs of a folder, if there is one, on top of others.
///
/// # Errors
///
/// What cannot be read, or all that is wrong in the packs.
pub fn catalogue(dir: Option<&Path>, base: Base) -> Result<Catalogue, LoadError> {
    match dir {
        Some(dir) => Catalogue::load(dir, base),
        None => Catalogue::builtin().map_err(LoadError::Wrong),
    }
}

fn default_home() -> Vec<IpNet> {
    let blocks = DEFAULT_HOME.iter();
    blocks.filter_map(|it| it.parse().ok()).collect()
}

/// Port of the web server.
const PORT: u16 = 14663;

/// Range of values that have none.
const ANY: std::ops::RangeInclusive<u64> = 0..=u64::MAX;

#[cfg(test)]
mod tests;
