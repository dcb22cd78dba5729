//! A snapshot with a bit of everything, for the tests of this module.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use phonehome_signatures::{Catalogue, Category, Directives, VendorId, Waiver};

use super::protection::{Protection, Standing};
use super::{
    Canary, Capture, Decode, EvidenceKept, Looking, Mode, Own, Pipeline, Ready, Reload, Room,
    Sightings, Snapshot, Store, Worker, output,
};
use crate::detection::Reach;
use crate::findings::waivers::Waivers;
use crate::findings::{Asker, Asking, Earlier, Finding, History, State, Verdict, Who};
use crate::frame::{Card, LinkType};
use crate::host::Address;
use crate::identity::{self, Identity, Mac, PlainText};
use crate::names::{Endpoint, Name, Observation, Source, Transport};
use crate::time::Timestamp;
use crate::visibility::{MessageResult, Protocol, Unnamed, Visibility};

/// A running sensor whose newest reload succeeded.
pub(super) fn own() -> Own {
    let at = Timestamp::from_secs_nanos(1_506_931_200, 0);
    Own {
        sensor: Some("head office".to_owned()),
        reload: Arc::new(Reload {
            at,
            succeeded_at: at,
            errors: Vec::new(),
            waiting: Vec::new(),
        }),
        log_lines_lost: 3,
        outputs: vec![
            (
                output::Kind::File,
                output::Counts {
                    sent: 1_200,
                    queued: 2,
                    last_success: Some(at),
                    ..output::Counts::default()
                },
            ),
            (
                output::Kind::Syslog,
                output::Counts {
                    sent: 1_100,
                    failed: 1,
                    dropped: 90,
                    queued: 11,
                    errors: 4,
                    last_success: None,
                },
            ),
        ],
        repeats_evicted: 5,
    }
}

/// Two vendors with two signatures each.
pub(super) fn catalogue() -> Arc<Catalogue> {
    static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
        let packs = [
            ("bytedance.toml", BYTEDANCE_PACK),
            ("kaspersky.toml", KASPERSKY_PACK),
        ];
        Arc::new(Catalogue::from_packs(&packs).unwrap())
    });
    Arc::clone(&CATALOGUE)
}

/// A network with five findings, whose sums hold.
pub(super) fn snapshot() -> Snapshot {
    let mut snapshot = empty();
    snapshot.captures = vec![Capture {
        name: "office.pcapng".to_owned(),
        mode: Mode::File,
        link: LinkType::ETHERNET,
        up: true,
        received_frames: 184_223,
        received_bytes: 98_430_112,
        triage_frames: 150_000,
        worker_frames: 34_119,
        dropped_frames: [0, 3, 1],
        truncated_frames: 12,
        repeated_frames: 920,
        cut_off: Some([700, 980_000]),
        rings: Some([41, 1, 3]),
        card: Some(Card {
            offloads: [
                Some(true),
                Some(false),
                None,
                Some(true),
                Some(true),
                Some(true),
            ],
            ring: Some((256, 4_096)),
            mtu: Some(1_500),
        }),
        first_frame: Some(at(0)),
        last_frame: Some(at(7_325)),
    }];
    snapshot.pipeline = Pipeline {
        workers: vec![
            Worker {
                queued_frames: 100,
                clock: Some(at(7_325)),
            },
            Worker {
                queued_frames: 0,
                clock: None,
            },
        ],
        queue_limit_frames: 65_536,
        busy: vec![
            ("capture0".to_owned(), Duration::from_millis(1_250)),
            ("worker0".to_owned(), Duration::from_millis(310)),
        ],
    };
    snapshot.canary = Some(Canary {
        sent: 4_882,
        found: 4_880,
        last_success: Some(at(7_324)),
        latency_counts: vec![4_000, 879, 1],
        latency_sum: Duration::from_secs(391),
        ..canary()
    });
    snapshot.decode = Decode {
        packets: [(("ipv4", "tcp"), 30_000), (("ipv6", "udp"), 4_000)].into(),
        errors: [(("network", "short"), 4), (("tunnel", "depth"), 1)].into(),
        unwrapped: [("vlan", 512)].into(),
        skipped: [("wireguard", 88), ("esp", 3)].into(),
        datagrams: [("whole", 7), ("expired", 1)].into(),
        defrag_bytes: 1_480,
    };
    snapshot.visibility = visibility();
    snapshot.asking = Arc::new(asking());
    snapshot.sightings = Sightings {
        by_category: [
            ((KASPERSKY, Category::Update), 200),
            ((KASPERSKY, Category::Telemetry), 14),
            ((BYTEDANCE, Category::Web), 9),
        ]
        .into(),
        by_source: [
            ((KASPERSKY, Source::DnsQuery), 100),
            ((KASPERSKY, Source::TlsSni), 114),
            ((BYTEDANCE, Source::TlsSni), 9),
        ]
        .into(),
        by_reach: [
            ((KASPERSKY, Reach::Asked), 100),
            ((KASPERSKY, Reach::Transferred), 114),
            ((BYTEDANCE, Reach::Connected), 9),
        ]
        .into(),
        octets: [((KASPERSKY, Category::Update), [120_400, 45_100_000])].into(),
        last_seen: [(KASPERSKY, at(7_300)), (BYTEDANCE, at(600))].into(),
    };
    snapshot.findings = findings().into_iter().map(Arc::new).collect();
    snapshot.changes = [((KASPERSKY, "opened"), 3), ((BYTEDANCE, "opened"), 2)].into();
    snapshot.hosts_seen = 41;
    snapshot.room = Room {
        flow_limit: 1_000_000,
        buffered_bytes: 4_321,
        host_limit: 500_000,
        hosts: [38, 0, 2, 1, 0, 0],
        hosts_evicted: 6,
        askers_evicted: 7,
        findings_evicted: 2,
        findings_expired: 1,
        refused: [1, 4, 0, 5, 0, 2, 0, 3],
    };
    snapshot.resolved_addresses = 77;
    snapshot.ech_names = 120;
    snapshot.ech_evicted = [4, 0];
    snapshot.identities = [[60, 44], [3, 0]];
    snapshot.protections = Protection::ALL
        .map(|it| match it {
            Protection::LandlockNetwork => (it, Standing::Unavailable("old kernel".to_owned())),
            it => (it, Standing::InForce),
        })
        .into();
    snapshot
}

/// A sensor that has just started.
pub(super) fn empty() -> Snapshot {
    Snapshot {
        catalogue: catalogue(),
        ready: Ready::Yes,
        looking: Looking::default(),
        captures: Vec::new(),
        pipeline: Pipeline::default(),
        canary: Some(canary()),
        decode: Decode::default(),
        visibility: Visibility::default(),
        asking: Arc::default(),
        sightings: Sightings::default(),
        findings: Vec::new(),
        changes: BTreeMap::new(),
        directives: directives(),
        waivers: waivers(),
        own: Some(own()),
        hosts_seen: 0,
        room: Room::default(),
        resolved_addresses: 0,
        resolved_evicted: 0,
        ech_names: 0,
        ech_evicted: [0; 2],
        identities: [[0; 2]; 2],
        protections: Arc::default(),
        history: History::default(),
        store: Some(store()),
        evidence: Some(EvidenceKept {
            octets: 81_234,
            records: [31, 2, 0, 1],
        }),
    }
}

fn store() -> Store {
    Store {
        save_bounds: vec![Duration::from_millis(5), Duration::from_secs(10)],
        save_counts: vec![0; 3],
        ..Store::default()
    }
}

fn canary() -> Canary {
    Canary {
        latency_bounds: vec![Duration::from_millis(100), Duration::from_secs(1)],
        latency_counts: vec![0; 3],
        ..Canary::default()
    }
}

/// Two directives about one of the vendors, which count differently.
fn directives() -> Arc<Directives> {
    static DIRECTIVES: LazyLock<Arc<Directives>> = LazyLock::new(|| {
        let ids = ["us-bod-17-01", "us-ndaa-1634"];
        Arc::new(Directives::builtin().unwrap().choose(&ids).unwrap())
    });
    Arc::clone(&DIRECTIVES)
}

/// A waiver that holds on the day of the snapshot, and one that ran out two days before.
fn waivers() -> Arc<Waivers> {
    let waiver = |hosts: &str, until: &str, reason: &str| Waiver {
        hosts: hosts.parse().unwrap(),
        vendor: "kaspersky".to_owned(),
        until: until.parse().unwrap(),
        reason: reason.to_owned(),
        by: "J. Doe".to_owned(),
    };
    Arc::new(Waivers::new(vec![
        waiver(
            "2001:db8:aaaa::/48",
            "2017-10-31",
            "a laboratory for malware",
        ),
        waiver("10.1.20.117/32", "2017-09-30", "to be replaced in summer"),
    ]))
}

fn visibility() -> Visibility {
    let mut seen = Visibility::default();
    let connections = [
        (Transport::Tcp, Ok(Source::TlsSni), 900),
        (Transport::Tcp, Ok(Source::HttpHost), 60),
        (Transport::Tcp, Err(Unnamed::NoHello), 80),
        (Transport::Tcp, Err(Unnamed::NotTls), 31),
        (Transport::Tcp, Err(Unnamed::RealEch), 19),
        (Transport::Udp, Ok(Source::QuicSni), 140),
        (Transport::Udp, Err(Unnamed::EncryptedDns), 4),
    ];
    for (transport, named, count) in connections {
        for _ in 0..count {
            seen.connection(transport, named);
        }
    }
    let messages = [
        (Protocol::Dns, MessageResult::Named, 2_100),
        (Protocol::Dns, MessageResult::Malformed, 2),
        (Protocol::Tls, MessageResult::Named, 900),
        (Protocol::Tls, MessageResult::Malformed, 1),
        (Protocol::Quic, MessageResult::GaveUp, 3),
    ];
    for (protocol, result, count) in messages {
        for _ in 0..count {
            seen.message(protocol, result);
        }
    }
    seen.observations = [1_050, 1_050, 900, 140, 60, 0, 0, 0, 0];
    seen.hellos = [[700, 181, 19, 0], [138, 0, 0, 2]];
    seen.encrypted_dns = [15, 6, 4, 0];
    seen.quic_initials = [140, 1, 0, 0];
    seen.judged_flows = 990;
    seen.judged_octets = 79_040_000;
    seen.missing_octets = 960_000;
    seen.flows_started = [1_100, 1_300];
    seen.flows_ended = [[40, 1_000], [100, 1_200]];
    seen
}

fn asking() -> Asking {
    let asker = |host, hidden, public| Asker {
        host: address(host),
        hidden,
        public,
        resolver: (public > 0).then(|| address("8.8.8.8")),
        last: at(7_000),
    };
    Asking {
        hiding: 3,
        hiding_by: [2, 1, 1, 0],
        public: 2,
        hosts: vec![
            asker("10.1.2.3", [14, 0, 4, 0], 3),
            asker("10.1.2.40", [1, 0, 0, 0], 0),
            asker("10.1.2.41", [0, 6, 0, 0], 0),
            asker("10.1.2.42", [0, 0, 0, 0], 9),
        ],
    }
}

fn findings() -> Vec<Finding> {
    let kaspersky = Finding {
        host: address("10.1.2.3"),
        vendor: KASPERSKY,
        verdict: Verdict::InstalledActive,
        grounds: vec![
            "contacted 3 update servers of the product, the last 25 s before the end".to_owned(),
            "sent statistics to the vendor (ksn-verdict-geo.kaspersky-labs.com), which only a \
             running product does, 14 times"
                .to_owned(),
            "asked for the same name at its resolver and at a public one within 100 ms".to_owned(),
            "a fourth ground".to_owned(),
        ],
        products: vec!["Endpoint Security".to_owned()],
        categories: vec![Category::Update, Category::Telemetry],
        first_seen: at(12),
        last_seen: at(7_300),
        contacts: [100, 0, 0, 0, 114],
        sources: [100, 0, 114, 0, 0, 0, 0, 0, 0],
        sent: 120_400,
        received: 45_100_000,
        names: vec![(
            Name::from_text(b"s00.upd.kaspersky.com").unwrap(),
            "kl-u01".to_owned(),
        )],
        state: State::Active,
        state_since: at(12),
        who: Some(Who {
            identity: Identity {
                device: Mac::new([2, 0, 0x5e, 0, 0x53, 1]),
                name: Name::from_text(b"reception-3").map(|it| (it, identity::Source::Dhcp)),
                class: PlainText::new(b"MSFT 5.0"),
                since: at(5),
                said: at(3_605),
            },
            former: vec![Name::from_text(b"desktop-1").unwrap()],
        }),
        device: None,
        earlier: vec![Earlier {
            who: Who::new(Identity {
                device: Mac::new([2, 0, 0x5e, 0, 0x53, 2]),
                name: Name::from_text(b"loan-laptop.local").map(|it| (it, identity::Source::Mdns)),
                class: None,
                since: at(-90_000),
                said: at(-86_500),
            }),
            verdict: Verdict::Likely,
            products: vec!["Endpoint Security".to_owned()],
            first_seen: at(-89_000),
            last_seen: at(-86_400),
        }],
        asks: asking().hosts.first().copied(),
    };
    let likely = Finding {
        host: address("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"),
        verdict: Verdict::Likely,
        grounds: vec!["asked for an update server, and no connection followed".to_owned()],
        products: Vec::new(),
        who: None,
        earlier: Vec::new(),
        contacts: [2, 1, 0, 0, 0],
        sent: 0,
        received: 0,
        asks: None,
        ..kaspersky.clone()
    };
    let web = Finding {
        host: address("10.1.2.9"),
        vendor: BYTEDANCE,
        verdict: Verdict::None,
        grounds: vec!["only web sites".to_owned()],
        products: Vec::new(),
        who: None,
        earlier: Vec::new(),
        categories: vec![Category::Web],
        first_seen: at(500),
        last_seen: at(600),
        state_since: at(500),
        contacts: [0, 0, 0, 5, 0],
        asks: None,
        ..kaspersky.clone()
    };
    let embed = Finding {
        host: address("10.1.2.10"),
        verdict: Verdict::EmbedOnly,
        contacts: [0, 0, 0, 4, 0],
        ..web.clone()
    };
    let contact = Finding {
        host: address("10.1.20.117"),
        verdict: Verdict::Contact,
        contacts: [1, 0, 0, 0, 0],
        ..likely.clone()
    };
    vec![web, contact, kaspersky, embed, likely]
}

/// A hello to an update server.
pub(super) fn observation() -> Observation {
    Observation {
        at: Timestamp::from_secs_nanos(1_506_931_200, 123_456_789),
        source: Source::TlsSni,
        transport: Transport::Tcp,
        src: end("10.1.2.3", 51_044),
        dst: end("77.74.181.1", 443),
        name: Name::from_text(b"s00.upd.kaspersky.com").unwrap(),
        vlan: None,
        ech: None,
        traits: None,
        ecs: None,
    }
}

pub(super) fn end(ip: &str, port: u16) -> Endpoint {
    Endpoint {
        address: address(ip),
        port,
    }
}

pub(super) fn address(ip: &str) -> Address {
    Address::from(ip.parse::<IpAddr>().unwrap())
}

/// Seconds after 2017-10-02T08:00:00Z.
pub(super) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs_nanos(1_506_931_200 + secs, 0)
}

/// Compares with a golden file; writes it instead if `UPDATE_EXPECT` is set.
pub(super) fn expect_golden(name: &str, actual: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (expected, actual)) in expected.lines().zip(actual.lines()).enumerate() {
        assert_eq!(expected, actual, "line {} of {name}", number + 1);
    }
    assert!(expected == actual, "{name} differs in length");
}

pub(super) const BYTEDANCE: VendorId = VendorId(0);
pub(super) const KASPERSKY: VendorId = VendorId(1);

/// Packs of few entries, so that the golden files do not change when the real packs grow.
const KASPERSKY_PACK: &str = r#"
id = "kaspersky"
vendor = "Kaspersky"
version = "1.0.0"
date = "2017-10-01"
description = "For tests."

[[source]]
id = 1
text = "A page"

[[signature]]
id = "kl-t01"
exact = ["ksn.kaspersky-labs.com"]
category = "telemetry"
evidence = "app"
confidence = "documented"
sources = [1]
date = "2017"
examples = ["ksn.kaspersky-labs.com"]

[[signature]]
id = "kl-u01"
exact = ["s{00..19}.upd.kaspersky.com"]
category = "update"
evidence = "app"
confidence = "documented"
product = "Endpoint Security"
sources = [1]
date = "2017"
examples = ["s00.upd.kaspersky.com"]
"#;

const BYTEDANCE_PACK: &str = r#"
id = "bytedance"
vendor = "ByteDance"
version = "1.0.0"
date = "2017-10-01"
description = "For tests."

[[source]]
id = 1
text = "A page"

[[signature]]
id = "bd-a01"
exact = ["api.tiktokv.com"]
category = "api"
evidence = "app"
confidence = "observed"
sources = [1]
date = "2017"
examples = ["api.tiktokv.com"]

[[signature]]
id = "bd-w01"
suffix = ["tiktok.com"]
category = "web"
evidence = "public-web"
confidence = "observed"
sources = [1]
date = "2017"
examples = ["www.tiktok.com"]
"#;
