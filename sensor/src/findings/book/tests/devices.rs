//! Addresses that change hands.

use phonehome_signatures::Payload;

use super::*;
use crate::discovery::Device;
use crate::findings::{ChangeKind, Earlier};
use crate::identity::{self, Hold, Mac, PlainText, Speaker, Statement};

const UPDATE: &str = "s00.upd.kaspersky.com";
const LICENCE: &str = "activation-v2.kaspersky.com";
const HOUR: Duration = Duration::from_secs(3600);

fn mac(last: u8) -> Mac {
    Mac::new([2, 0, 0, 0, 0, last]).unwrap()
}

impl Story {
    /// A device asks for an address, and is given it for a day.
    pub(super) fn is_given(&mut self, host: &str, device: u8, called: &str) -> &mut Self {
        let asks = Statement {
            source: identity::Source::Dhcp,
            speaker: Speaker::Device,
            hold: Hold::Asks,
            device: Some(mac(device)),
            name: Some(name(called)),
            class: PlainText::new(b"MSFT 5.0"),
        };
        let given = Statement {
            speaker: Speaker::Server,
            hold: Hold::Has {
                addresses: vec![address(host)],
                lease: Some(HOUR * 24),
            },
            name: None,
            ..asks.clone()
        };
        self.note(What::Identity(Box::new(asks)));
        self.note(What::Identity(Box::new(given)));
        self.wait(Duration::from_secs(1))
    }

    /// A host says its own name.
    fn calls_itself(&mut self, host: &str, called: &str) -> &mut Self {
        let says = Statement {
            source: identity::Source::Mdns,
            speaker: Speaker::Device,
            hold: Hold::Has {
                addresses: vec![address(host)],
                lease: None,
            },
            device: None,
            name: Some(name(called)),
            class: None,
        };
        self.note(What::Identity(Box::new(says)))
    }

    fn finding(&self) -> Finding {
        let findings = self.findings();
        let [finding] = findings.as_slice() else {
            panic!("{} findings", findings.len());
        };
        finding.clone()
    }
}

/// Device and name of a finding.
fn who(finding: &Finding) -> (Option<Mac>, Option<String>) {
    let identity = finding.who.as_ref().map(|it| &it.identity);
    let name = identity.and_then(|it| it.name.as_ref());
    (
        identity.and_then(|it| it.device),
        name.map(|it| it.0.to_string()),
    )
}

fn is_of(earlier: &Earlier, device: u8, called: &str) -> bool {
    let identity = &earlier.who.identity;
    identity.device == Some(mac(device))
        && identity
            .name
            .as_ref()
            .is_some_and(|it| it.0 == name(called))
}

#[test]
fn a_finding_says_which_device_it_is_of() {
    let mut story = Story::new();
    story.is_given(HOST, 1, "laptop-1").uses(HOST, UPDATE);
    let finding = story.finding();
    assert_eq!(who(&finding), (Some(mac(1)), Some("laptop-1".to_owned())));
    let identity = &finding.who.unwrap().identity;
    assert_eq!(identity.class, PlainText::new(b"MSFT 5.0"));
    assert!(identity.since < finding.first_seen);
}

#[test]
fn a_reused_lease_does_not_merge_two_devices() {
    let mut story = Story::new();
    story
        .is_given(HOST, 1, "laptop-1")
        .uses(HOST, UPDATE)
        .wait(HOUR)
        .is_given(HOST, 2, "laptop-2")
        .uses(HOST, LICENCE);
    let finding = story.finding();
    assert_eq!(who(&finding), (Some(mac(2)), Some("laptop-2".to_owned())));
    // One kind of traffic each: together they would be an installation.
    assert_eq!(finding.verdict, Verdict::Likely);
    let [earlier] = finding.earlier.as_slice() else {
        panic!("{:?}", finding.earlier);
    };
    assert!(is_of(earlier, 1, "laptop-1"), "{earlier:?}");
    assert_eq!(earlier.verdict, Verdict::Likely);
    assert!(earlier.last_seen < finding.first_seen);
    // The second device is told of like the first.
    let opened = story.told().1;
    let opened = opened.iter().filter(|it| it.kind == ChangeKind::Opened);
    assert_eq!(opened.count(), 2);
}

#[test]
fn a_finding_keeps_its_device_until_the_next_one_is_in_touch() {
    let mut story = Story::new();
    story
        .is_given(HOST, 1, "laptop-1")
        .uses(HOST, UPDATE)
        .wait(HOUR)
        .is_given(HOST, 2, "laptop-2")
        .calls_itself(HOST, "laptop-2.local");
    let finding = story.finding();
    assert_eq!(who(&finding), (Some(mac(1)), Some("laptop-1".to_owned())));
    assert_eq!(finding.earlier, []);
}

#[test]
fn a_device_that_is_back_goes_on_with_its_own_finding() {
    let mut story = Story::new();
    story.is_given(HOST, 1, "laptop-1").uses(HOST, UPDATE);
    story.wait(HOUR).is_given(HOST, 2, "laptop-2");
    story.uses(HOST, UPDATE);
    story.wait(HOUR).is_given(HOST, 1, "laptop-1");
    story.uses(HOST, LICENCE);
    let finding = story.finding();
    assert_eq!(finding.verdict, Verdict::InstalledActive);
    assert_eq!(who(&finding).0, Some(mac(1)));
    assert_eq!(finding.earlier.len(), 1);
    assert!(is_of(&finding.earlier[0], 2, "laptop-2"));
}

#[test]
fn what_began_before_the_address_changed_hands_is_the_former_devices() {
    let mut story = Story::new();
    story.is_given(HOST, 1, "laptop-1").uses(HOST, UPDATE);
    story.wait(HOUR);
    let signature = story.catalogue.claim(UPDATE, Service::Tcp(443));
    let opened = story.now;
    story
        .wait(HOUR)
        .is_given(HOST, 2, "laptop-2")
        .uses(HOST, LICENCE)
        .wait(HOUR)
        .note(What::Connection(Connection {
            opened,
            transport: Transport::Tcp,
            client: end(HOST, 52_000),
            server: end(SERVER, 443),
            reach: Reach::Transferred,
            sent: 1_000_000,
            received: 5,
            named: Ok(Source::TlsSni),
            veil: Veil::None,
            signature,
            told: [0; 2],
        }));
    let finding = story.finding();
    assert_eq!(who(&finding).0, Some(mac(2)));
    assert!(finding.sent < 1_000_000, "{}", finding.sent);
    assert!(finding.earlier[0].last_seen > finding.first_seen);
}

#[test]
fn a_device_that_renews_its_lease_stays_one() {
    let mut story = Story::new();
    for of in [UPDATE, LICENCE] {
        story
            .is_given(HOST, 1, "laptop-1")
            .uses(HOST, of)
            .wait(HOUR);
    }
    let finding = story.finding();
    assert_eq!(finding.verdict, Verdict::InstalledActive);
    assert_eq!(finding.earlier, []);
}

#[test]
fn a_device_that_is_renamed_keeps_its_former_names_in_view() {
    let mut story = Story::new();
    for number in 0..7 {
        story.is_given(HOST, 1, &format!("name-{number}"));
        story.uses(HOST, UPDATE).wait(HOUR);
    }
    let finding = story.finding();
    assert_eq!(who(&finding), (Some(mac(1)), Some("name-6".to_owned())));
    let former: Vec<String> = finding
        .who
        .unwrap()
        .former
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(former, ["name-2", "name-3", "name-4", "name-5"]);
}

#[test]
fn without_a_device_two_names_are_both_in_view() {
    let mut story = Story::new();
    story.calls_itself(HOST, "one.local").uses(HOST, UPDATE);
    story.wait(HOUR).calls_itself(HOST, "two.local");
    story.uses(HOST, LICENCE);
    let finding = story.finding();
    assert_eq!(who(&finding), (None, Some("two.local".to_owned())));
    assert_eq!(finding.who.unwrap().former, [name("one.local")]);
}

#[test]
fn a_name_without_a_device_is_not_put_on_a_device() {
    let mut story = Story::new();
    story.is_given(HOST, 1, "laptop-1").uses(HOST, UPDATE);
    // The lease has run out, and something else says it has the address.
    story.wait(HOUR * 48).calls_itself(HOST, "camera.local");
    story.uses(HOST, UPDATE);
    let finding = story.finding();
    assert_eq!(who(&finding), (Some(mac(1)), Some("laptop-1".to_owned())));
}

#[test]
fn devices_beside_a_finding_are_bounded_and_counted() {
    let mut story = Story::new();
    for device in 0..6 {
        story.is_given(HOST, device, &format!("laptop-{device}"));
        story.uses(HOST, UPDATE).wait(HOUR);
    }
    let finding = story.finding();
    assert_eq!(finding.earlier.len(), 3);
    assert!(is_of(&finding.earlier[0], 2, "laptop-2"));
    assert_eq!(story.told().0.counts().devices_over, 2);
}

/// A camera answers a search.
fn answers_a_search(story: &mut Story, host: &str, device: &Device) {
    let signature = story.catalogue.claim_payload(Payload::Sadp).unwrap();
    let ends = (end(host, 37_020), end("239.255.255.250", 37_020));
    let sighting = Sighting {
        observation: story.observation(Source::Discovery, ends.0, ends.1, "sadp"),
        signature,
        via: None,
        reach: Reach::Connected,
    };
    story.note(What::Discovery(Box::new((sighting, device.clone()))));
}

#[test]
fn a_device_that_answers_a_search_is_installed_and_says_what_it_is() {
    let mut story = Story::new();
    let device = Device {
        model: PlainText::new(b"DS-2CD2042WD-I"),
        serial: PlainText::new(b"DS-2CD2042WD-I20160909AAWR639999999"),
        ..Device::default()
    };
    answers_a_search(&mut story, HOST, &device);
    answers_a_search(&mut story, HOST, &Device::default());
    let finding = story.finding();
    assert_eq!(finding.verdict, Verdict::Installed);
    assert_eq!(finding.products, ["Hikvision device"]);
    assert_eq!(finding.device, Some(device));
    let ground = "shows as a device of the vendor on the local network: model DS-2CD2042WD-I, serial \
                  number DS-2CD2042WD-I20160909AAWR639999999";
    assert_eq!(finding.grounds, [ground]);
}

/// A connection between two hosts inside, which is answered.
fn reaches(story: &mut Story, client: &str, server: &str, port: u16) {
    story.note(What::Connection(Connection {
        opened: story.now,
        transport: Transport::Tcp,
        client: end(client, 51_000),
        server: end(server, port),
        reach: Reach::Transferred,
        sent: 100,
        received: 100,
        named: Err(Unnamed::NotTls),
        veil: Veil::None,
        signature: None,
        told: [0; 2],
    }));
}

#[test]
fn a_server_that_two_clients_use_on_its_ports_is_a_manager() {
    let mut story = Story::new();
    reaches(&mut story, HOST, RESOLVER, 13_000);
    reaches(&mut story, HOST, RESOLVER, 13_111);
    assert_eq!(story.findings(), []);
    reaches(&mut story, OTHER, RESOLVER, 13_000);
    let finding = story.finding();
    assert_eq!(finding.host, address(RESOLVER));
    assert_eq!(finding.verdict, Verdict::Manager);
    assert_eq!(finding.products, ["Kaspersky Security Center"]);
    assert!(
        finding.grounds[0].contains("management server"),
        "{:?}",
        finding.grounds
    );
}

#[test]
fn identities_of_hosts_outside_are_not_kept() {
    let mut story = Story::new();
    story.is_given("203.0.113.9", 1, "stranger");
    assert_eq!(story.told().0.directory().known(), [0, 1]);
}
