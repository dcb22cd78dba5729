//! Stories of hosts, told against the packs that are compiled in.

use std::fmt;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use phonehome_signatures::Service;

use super::*;
use crate::detection::{Connection, Veil};
use crate::findings::Finding;
use crate::names::{Endpoint, Name, Transport};
use crate::visibility::Unnamed;

mod answers;
mod asking;
mod borders;
mod devices;
mod kept;
mod roles;
mod room;
mod time;

pub(super) const HOST: &str = "10.1.1.7";
pub(super) const OTHER: &str = "10.1.1.8";
pub(super) const RESOLVER: &str = "10.1.0.53";
const UPSTREAM: &str = "9.9.9.10";
pub(super) const GOOGLE: &str = "8.8.8.8";
const SERVER: &str = "77.74.181.1";
const SERVER_2: &str = "185.85.15.23";

pub(super) fn address(text: &str) -> Address {
    Address::from(text.parse::<IpAddr>().unwrap())
}

fn end(text: &str, port: u16) -> Endpoint {
    Endpoint {
        address: address(text),
        port,
    }
}

fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes()).unwrap()
}

/// What is seen on the wire, written down as workers report it.
pub(super) struct Story {
    pub(super) catalogue: Arc<Catalogue>,
    now: Timestamp,
    pub(super) notices: Vec<Notice>,
}

/// The packs that are compiled in, read once for all tests.
pub(super) fn builtin() -> Arc<Catalogue> {
    static BUILTIN: OnceLock<Arc<Catalogue>> = OnceLock::new();
    let read = || Arc::new(Catalogue::builtin().unwrap());
    BUILTIN.get_or_init(read).clone()
}

impl fmt::Debug for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.notices).finish()
    }
}

impl Story {
    pub(super) fn new() -> Self {
        Self {
            catalogue: builtin(),
            now: Timestamp::from_secs_nanos(1_750_000_000, 0),
            notices: Vec::new(),
        }
    }

    pub(super) fn wait(&mut self, time: Duration) -> &mut Self {
        self.now = self.now.after(time);
        self
    }

    pub(super) fn note(&mut self, what: What) -> &mut Self {
        self.notices.push(Notice {
            number: self.notices.len() as u64,
            at: self.now,
            what,
        });
        self
    }

    fn sees(&mut self, observation: Observation, reach: Reach, service: Service) -> &mut Self {
        let Some(signature) = self.catalogue.claim(observation.name.as_str(), service) else {
            return self;
        };
        self.note(What::Sighting(Sighting {
            observation,
            signature,
            via: None,
            reach,
        }))
    }

    fn observation(&self, source: Source, src: Endpoint, dst: Endpoint, of: &str) -> Observation {
        Observation {
            at: self.now,
            source,
            transport: match source {
                Source::DnsQuery | Source::DnsAnswer | Source::QuicSni => Transport::Udp,
                _ => Transport::Tcp,
            },
            src,
            dst,
            name: name(of),
            vlan: None,
            ech: None,
            traits: None,
            ecs: None,
        }
    }

    /// A question to a resolver, alone.
    pub(super) fn asks_at(&mut self, resolver: &str, host: &str, of: &str) -> &mut Self {
        let (client, server) = (end(host, 50_000), end(resolver, 53));
        let query = self.observation(Source::DnsQuery, client, server, of);
        self.sees(query, Reach::Asked, Service::Dns)
    }

    /// A question to the own resolver and its answer, without an address.
    pub(super) fn asks(&mut self, host: &str, of: &str) -> &mut Self {
        self.asks_at(RESOLVER, host, of);
        self.wait(Duration::from_millis(5));
        let (client, server) = (end(host, 50_000), end(RESOLVER, 53));
        let answer = self.observation(Source::DnsAnswer, server, client, of);
        self.sees(answer, Reach::Asked, Service::Dns)
    }

    /// The answer gave that address.
    pub(super) fn is_answered(&mut self, host: &str, of: &str, with: &str) -> &mut Self {
        let signature = self.catalogue.claim(of, Service::Dns).unwrap();
        self.note(What::Resolution(Resolution {
            client: address(host),
            name: name(of),
            signature,
            address: address(with),
        }))
    }

    /// A TLS hello with that name.
    pub(super) fn greets(&mut self, host: &str, of: &str, port: u16, reach: Reach) -> &mut Self {
        let (client, server) = (end(host, 51_000), end(SERVER, port));
        let hello = self.observation(Source::TlsSni, client, server, of);
        self.sees(hello, reach, Service::Tcp(port))
    }

    /// The end of the connection of [`Story::greets`].
    pub(super) fn hangs_up(
        &mut self,
        host: &str,
        of: &str,
        port: u16,
        octets: (u64, u64),
    ) -> &mut Self {
        let signature = self.catalogue.claim(of, Service::Tcp(port));
        self.ends(host, SERVER, Ok(Source::TlsSni), signature, octets)
    }

    /// A connection without a name.
    pub(super) fn connects(&mut self, host: &str, server: &str, octets: (u64, u64)) -> &mut Self {
        self.ends(host, server, Err(Unnamed::NoHello), None, octets)
    }

    fn ends(
        &mut self,
        host: &str,
        server: &str,
        named: Result<Source, Unnamed>,
        signature: Option<SignatureId>,
        (sent, received): (u64, u64),
    ) -> &mut Self {
        let reach = match (sent, received) {
            (0, 0) => Reach::Attempted,
            (_, 0) | (0, _) => Reach::Connected,
            _ => Reach::Transferred,
        };
        self.note(What::Connection(Connection {
            opened: self.now,
            transport: Transport::Tcp,
            client: end(host, 51_000),
            server: end(server, 443),
            reach,
            sent,
            received,
            named,
            veil: Veil::None,
            signature,
            told: [0; 2],
        }))
    }

    /// A whole contact: question, hello, exchange.
    pub(super) fn uses(&mut self, host: &str, of: &str) -> &mut Self {
        self.asks(host, of)
            .greets(host, of, 443, Reach::Transferred)
            .wait(Duration::from_millis(700))
            .hangs_up(host, of, 443, (2100, 400))
    }

    pub(super) fn told(&self) -> (Book, Vec<Change>) {
        tell(&self.catalogue, &self.notices)
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        self.told().0.findings()
    }

    fn verdict(&self, host: &str, vendor: &str) -> Option<Verdict> {
        let (vendor, _) = self.catalogue.vendor_by_id(vendor).unwrap();
        Some(self.told().0.finding(address(host), vendor)?.verdict)
    }

    fn grounds(&self, host: &str, vendor: &str) -> Vec<String> {
        let (vendor, _) = self.catalogue.vendor_by_id(vendor).unwrap();
        let (book, _) = self.told();
        book.finding(address(host), vendor).unwrap().grounds
    }
}

pub(super) fn tell(catalogue: &Arc<Catalogue>, notices: &[Notice]) -> (Book, Vec<Change>) {
    let limits = Limits::default();
    let mut book = Book::new(catalogue.clone(), HomeNetworks::default(), limits);
    let mut changes = Vec::new();
    for notice in notices {
        book.take(notice, &mut changes);
    }
    (book, changes)
}

/// The order of a real start: name discovery, trusted time, statistics, updates, licence.
fn product() -> Story {
    let mut story = Story::new();
    story
        .uses(HOST, "ds.kaspersky.com")
        .uses(HOST, "touch.kaspersky.com")
        .uses(HOST, "dc1-st.ksn.kaspersky-labs.com");
    for server in 0..4 {
        story.uses(HOST, &format!("s0{server}.upd.kaspersky.com"));
    }
    story.uses(HOST, "activation-v2.kaspersky.com");
    story
}

fn blocked() -> Story {
    let mut story = Story::new();
    for of in ["s00.upd.kaspersky.com", "activation-v2.kaspersky.com"] {
        story
            .asks(HOST, of)
            .is_answered(HOST, of, SERVER)
            .connects(HOST, SERVER, (0, 0));
    }
    story
}

fn web_only() -> Story {
    let mut story = Story::new();
    for _ in 0..500 {
        for of in [
            "www.kaspersky.com",
            "counter.kaspersky.com",
            "content.kaspersky-labs.com",
            "www.kaspersky.de",
            "securelist.com",
        ] {
            story.uses(HOST, of);
        }
        story.wait(Duration::from_secs(3 * 3600));
    }
    story
}

fn engine() -> Story {
    let mut story = Story::new();
    for _ in 0..30 {
        story
            .uses(HOST, "ksn-crypto-file-geo.kaspersky-labs.com")
            .uses(HOST, "ksn-crypto-url-geo.kaspersky-labs.com")
            .uses(HOST, "kav8.zonealarm.com")
            .uses(HOST, "dnl-01.geo.kaspersky.com")
            .wait(Duration::from_secs(4 * 3600));
    }
    story
}

#[test]
fn an_endpoint_with_the_product_is_installed_and_active() {
    let story = product();
    let findings = story.findings();
    let [finding] = findings.as_slice() else {
        panic!("one finding, not {findings:#?}");
    };
    assert_eq!(finding.verdict, Verdict::InstalledActive);
    assert_eq!(
        finding.grounds,
        [
            "four independent kinds of traffic: update, telemetry, licensing and connectivity",
            "exchanged data for update, telemetry, licensing and connectivity: 16.8 kB sent, \
             3.2 kB received",
            "contacted update servers 4 times (s00.upd.kaspersky.com and 3 more)",
            "contacted telemetry servers twice (dc1-st.ksn.kaspersky-labs.com and 1 more)",
            "contacted licensing servers once (activation-v2.kaspersky.com)",
            "contacted time and connectivity checks once (touch.kaspersky.com)",
        ]
    );
    assert_eq!((finding.sent, finding.received), (8 * 2100, 8 * 400));
    assert_eq!(finding.contacts, [16, 0, 0, 0, 8]);
    assert_eq!(finding.sources, [8, 8, 8, 0, 0, 0, 0, 0, 0]);
    assert_eq!(finding.names.len(), 8);
    let first = (name("activation-v2.kaspersky.com"), "kl-h40".to_owned());
    assert_eq!(finding.names.first(), Some(&first));
}

#[test]
fn taking_any_one_notice_away_never_hides_the_product() {
    let story = product();
    for gone in 0..story.notices.len() {
        let mut notices = story.notices.clone();
        notices.remove(gone);
        let findings = tell(&story.catalogue, &notices).0.findings();
        let verdicts: Vec<_> = findings.iter().map(|it| it.verdict).collect();
        assert_eq!(verdicts, [Verdict::InstalledActive], "without {gone}");
    }
}

#[test]
fn a_product_is_named_by_what_bears_the_verdict() {
    let mut story = Story::new();
    story
        .uses(HOST, "safekids.kaspersky.com")
        .uses(HOST, "mdr.ksn.kaspersky-labs.com");
    let products: Vec<_> = story.findings().into_iter().map(|it| it.products).collect();
    assert_eq!(products, [["Kaspersky Managed Detection and Response"]]);
}

#[test]
fn a_product_behind_a_block_is_installed_and_the_grounds_say_so() {
    let story = blocked();
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Installed));
    let grounds = story.grounds(HOST, "kaspersky");
    let sentence = "every attempt was refused or unanswered: blocked, yet still installed";
    assert!(grounds.iter().any(|it| it == sentence), "{grounds:#?}");
}

#[test]
fn questions_alone_show_the_product_but_no_transfer() {
    let mut story = Story::new();
    story
        .asks(HOST, "s00.upd.kaspersky.com")
        .asks(HOST, "activation-v2.kaspersky.com");
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Installed));
    let grounds = story.grounds(HOST, "kaspersky");
    let sentence = "nothing was transferred: asked for in DNS, and no connection seen";
    assert!(grounds.iter().any(|it| it == sentence), "{grounds:#?}");
}

#[test]
fn months_of_reading_the_vendors_pages_are_no_contact() {
    let story = web_only();
    let (book, changes) = story.told();
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::EmbedOnly));
    assert_eq!(changes, []);
    assert_eq!(book.hosts().with_finding, 0);
}

#[test]
fn pages_alone_are_none_and_the_grounds_say_so() {
    let mut story = Story::new();
    story
        .uses(HOST, "www.kaspersky.com")
        .uses(HOST, "support.kaspersky.com");
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::None));
    assert_eq!(
        story.grounds(HOST, "kaspersky"),
        [
            "only web pages of the vendor were read",
            "contacted web pages twice (support.kaspersky.com and 1 more)",
        ]
    );
}

#[test]
fn an_engine_in_another_product_is_embedded_for_as_long_as_it_runs() {
    let mut story = engine();
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Embedded));
    story
        .uses(HOST, "activation-v2.kaspersky.com")
        .uses(HOST, "s01.upd.kaspersky.com");
    assert_eq!(
        story.verdict(HOST, "kaspersky"),
        Some(Verdict::InstalledActive)
    );
}

#[test]
fn a_pixel_is_embed_only() {
    let mut story = Story::new();
    story.uses(HOST, "analytics.tiktok.com");
    assert_eq!(story.verdict(HOST, "bytedance"), Some(Verdict::EmbedOnly));
    assert_eq!(story.told().1, []);
}

#[test]
fn a_camera_is_likely_by_its_cloud_and_installed_with_its_firmware() {
    let mut story = Story::new();
    story
        .asks(HOST, "litedev.hik-connect.com")
        .greets(HOST, "litedev.hik-connect.com", 8666, Reach::Transferred)
        .hangs_up(HOST, "litedev.hik-connect.com", 8666, (900, 500));
    assert_eq!(story.verdict(HOST, "hikvision"), Some(Verdict::Likely));
    story.asks(HOST, "dev.ys7.com");
    assert_eq!(
        story.verdict(HOST, "hikvision"),
        Some(Verdict::InstalledActive)
    );
}

#[test]
fn a_camera_that_never_hangs_up_is_told_by_its_rhythm() {
    let mut story = Story::new();
    story.asks(HOST, "litedev.hik-connect.com").greets(
        HOST,
        "litedev.hik-connect.com",
        8666,
        Reach::Connected,
    );
    let signature = story
        .catalogue
        .claim("litedev.hik-connect.com", Service::Tcp(8666))
        .unwrap();
    for _ in 0..72 {
        story.wait(Duration::from_secs(3600));
        story.note(What::Connection(Connection {
            opened: story.now,
            transport: Transport::Tcp,
            client: end(HOST, 51_000),
            server: end(SERVER, 8666),
            reach: Reach::Transferred,
            sent: 60,
            received: 60,
            named: Ok(Source::TlsSni),
            veil: Veil::None,
            signature: Some(signature),
            told: [0; 2],
        }));
    }
    assert_eq!(
        story.verdict(HOST, "hikvision"),
        Some(Verdict::InstalledActive)
    );
    let last = story.told().1.pop().unwrap();
    assert_eq!(last.kind, ChangeKind::Strengthened);
    let cause = last.cause.unwrap();
    assert_eq!(cause.name, Some(name("litedev.hik-connect.com")));
    assert_eq!(cause.source, Some(Source::TlsSni));
}

#[test]
fn a_fetched_tool_is_a_contact() {
    let mut story = Story::new();
    story.uses(HOST, "devbuilds.s.kaspersky-labs.com");
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Contact));
    assert_eq!(
        story.grounds(HOST, "kaspersky"),
        [
            "installer fetched, which is not yet an installation",
            "contacted installers and tools once (devbuilds.s.kaspersky-labs.com)",
        ]
    );
}

#[test]
fn a_host_being_cleaned_with_the_removal_tool_is_a_contact() {
    let mut story = Story::new();
    story.asks(HOST, "media.kaspersky.com");
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Contact));
    let grounds = story.grounds(HOST, "kaspersky");
    let sentence = "installer asked for, and not seen to be fetched";
    assert_eq!(grounds.first().map(String::as_str), Some(sentence));
}

#[test]
fn a_republished_page_with_an_injected_script_is_a_contact_however_often() {
    let mut story = Story::new();
    for _ in 0..100 {
        story
            .uses(HOST, "gc.kis.v2.scr.kaspersky-labs.com")
            .uses(HOST, "ff.kis.v2.scr.kaspersky-labs.com")
            .wait(Duration::from_secs(5 * 3600));
    }
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Contact));
}

#[test]
fn an_administrators_browser_at_the_cloud_console_is_a_contact() {
    let mut story = Story::new();
    for _ in 0..100 {
        story
            .uses(HOST, "ksc.kaspersky.com")
            .uses(HOST, "hq.uis.kaspersky.com")
            .uses(HOST, "my.kaspersky.com")
            .wait(Duration::from_secs(5 * 3600));
    }
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Contact));
}

#[test]
fn a_servers_name_behind_other_names_is_no_finding() {
    let mut story = Story::new();
    story.asks(HOST, "ksn-ds.geoksn.kaspersky.com");
    assert_eq!(story.findings(), []);
}

#[test]
fn a_renamed_front_is_a_contact_by_where_it_leads() {
    let mut story = Story::new();
    story.asks(HOST, "ksn-ds.geoksn.kaspersky.com");
    for notice in &mut story.notices {
        let What::Sighting(sighting) = &mut notice.what else {
            continue;
        };
        let target = std::mem::replace(&mut sighting.observation.name, name("front.example"));
        sighting.via = Some(target);
    }
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Contact));
}

#[test]
fn an_unnamed_connection_to_a_renamed_front_is_a_contact_by_where_it_leads() {
    let mut story = Story::new();
    story.is_answered(HOST, "ksn-ds.geoksn.kaspersky.com", SERVER);
    for notice in &mut story.notices {
        if let What::Resolution(resolution) = &mut notice.what {
            resolution.name = name("front.example");
        }
    }
    story.connects(HOST, SERVER, (1, 1));
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Contact));
}

#[test]
fn the_same_name_at_a_public_resolver_raises_by_one_rung() {
    let mut story = Story::new();
    story
        .asks_at(RESOLVER, HOST, "ds.kaspersky.com")
        .wait(Duration::from_millis(100))
        .asks_at(GOOGLE, HOST, "ds.kaspersky.com");
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Installed));
}

#[test]
fn two_resolvers_far_apart_or_of_one_kind_raise_nothing() {
    let mut late = Story::new();
    late.asks_at(RESOLVER, HOST, "ds.kaspersky.com")
        .wait(Duration::from_millis(101))
        .asks_at(GOOGLE, HOST, "ds.kaspersky.com");
    let mut backwards = Story::new();
    backwards
        .asks_at(RESOLVER, HOST, "ds.kaspersky.com")
        .wait(Duration::from_millis(101))
        .asks_at(GOOGLE, HOST, "ds.kaspersky.com")
        .notices
        .reverse();
    let mut public = Story::new();
    public
        .asks_at("1.1.1.1", HOST, "ds.kaspersky.com")
        .asks_at(GOOGLE, HOST, "ds.kaspersky.com");
    let mut names = Story::new();
    names.asks_at(RESOLVER, HOST, "ds.kaspersky.com").asks_at(
        GOOGLE,
        HOST,
        "dc1.ksn.kaspersky-labs.com",
    );
    for story in [late, backwards, public, names] {
        assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Likely));
    }
}

#[test]
fn a_finding_opens_once_and_then_climbs() {
    let story = product();
    let (_, changes) = story.told();
    let steps: Vec<_> = changes.iter().map(|it| (it.kind, it.from, it.to)).collect();
    assert_eq!(
        steps,
        [
            (ChangeKind::Opened, Verdict::None, Verdict::Likely),
            (
                ChangeKind::Strengthened,
                Verdict::Likely,
                Verdict::InstalledActive
            ),
        ]
    );
    let opened = changes.first().unwrap();
    assert_eq!(opened.number, 0);
    let cause = opened.cause.as_ref().unwrap();
    assert_eq!(cause.name, Some(name("ds.kaspersky.com")));
    assert_eq!(cause.source, Some(Source::DnsQuery));
    assert_eq!(cause.server, end(RESOLVER, 53));
}

#[test]
fn a_lowered_verdict_is_not_told_and_not_told_again() {
    let mut story = Story::new();
    story
        .uses(HOST, "x.upd.kaspersky.com")
        .uses(HOST, "ksn-crypto-file-geo.kaspersky-labs.com");
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Embedded));
    assert_eq!(story.told().1.len(), 1);
}

#[test]
fn findings_stand_by_vendor_then_verdict_then_host() {
    let mut story = Story::new();
    story
        .uses(HOST, "ksc.kaspersky.com")
        .uses("10.1.1.30", "ds.kaspersky.com")
        .uses("10.1.1.20", "ds.kaspersky.com")
        .uses(HOST, "dev.ys7.com")
        .uses(HOST, "snssdk.com");
    let catalogue = story.catalogue.clone();
    let order: Vec<_> = story
        .findings()
        .iter()
        .map(|it| {
            let vendor = catalogue.vendor(it.vendor).unwrap();
            (vendor.id.clone(), it.verdict, it.host.to_string())
        })
        .collect();
    let row = |vendor: &str, verdict, host: &str| (vendor.to_owned(), verdict, host.to_owned());
    assert_eq!(
        order,
        [
            row("bytedance", Verdict::Likely, HOST),
            row("hikvision", Verdict::Likely, HOST),
            row("kaspersky", Verdict::Likely, "10.1.1.20"),
            row("kaspersky", Verdict::Likely, "10.1.1.30"),
            row("kaspersky", Verdict::Contact, HOST),
        ]
    );
}
