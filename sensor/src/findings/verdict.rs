//! From sightings to a verdict.
//!
//! The sightings of a host and a vendor leave [`Signals`] behind: bits that are set and never
//! cleared. [`verdict`] is a function of those bits alone, so that it depends neither on the order
//! of sightings nor on their number. The ladder stands in the documentation of
//! [`crate::findings`].

use phonehome_signatures::{Category, Payload};
use serde::{Deserialize, Serialize};

use super::Verdict;
use super::weight::{Class, Family, Weight};

/// One thing that was seen at least once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signal {
    /// A sighting of [`Weight::Web`], and so on with the other weights of the same names.
    Web,
    Embed,
    Mixed,
    Server,
    Client,
    Download,
    Kit,
    Either,
    Half,
    Oem,
    Use,
    Inferred,
    Product,
    /// A name with a CNAME chain that ends in a [`Weight::Behind`].
    LedBehind,
    /// A connection to an address that only another host was answered for a flagged name.
    Elsewhere,
    /// Payload went both ways with a [`Weight::Inferred`] or [`Weight::Product`].
    Exchanged,
    /// One name asked at the system's resolver and at a public one at nearly the same time.
    AskedTwice,
    /// Contacts on several days.
    Repeated,
    /// Contacts in several hours of each of several days.
    Steady,
    /// It answered as a device on the local network.
    Discovered,
    /// It has the ports of a management server, in combination.
    Serves,
}

/// All that was ever seen of a host and a vendor, as far as the verdict needs it.
///
/// Their bits are kept in stores: see the test that holds them.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Signals {
    seen: u32,
    /// Families of [`Weight::Product`] sightings, and of the other weights in the same way.
    product: u16,
    inferred: u16,
    half: u16,
    categories: u32,
}

/// What else a sighting says than which signature it is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Manner {
    /// The host used the name.
    Named,
    /// The host used a name with a CNAME chain that the signature matched.
    Via,
    /// Only another host was answered the server's address for the name.
    Elsewhere,
}

impl Signals {
    /// Takes a sighting of a signature of that class.
    pub(super) fn sighting(&mut self, class: Class, manner: Manner) {
        self.categories |= 1 << (class.category as u32);
        if manner == Manner::Elsewhere && class.weight > Weight::Behind {
            self.set(Signal::Elsewhere);
            return;
        }
        if manner == Manner::Via && class.weight == Weight::Behind {
            self.set(Signal::LedBehind);
        }
        if let Some(signal) = signal(class.weight) {
            self.set(signal);
        }
        match class.payload {
            Some(Payload::Ksc) => self.set(Signal::Serves),
            Some(Payload::Sadp | Payload::Dhip | Payload::Kasa | Payload::Tuya) => {
                self.set(Signal::Discovered);
            }
            None => {}
        }
        let family = class.family.map_or(0, |it| 1 << (it as u16));
        match class.weight {
            Weight::Product => self.product |= family,
            Weight::Inferred => self.inferred |= family,
            Weight::Half | Weight::Either | Weight::Kit => self.half |= family,
            _ => {}
        }
    }

    /// Takes an exchange of payload in both directions with a server of that class.
    pub(super) fn exchange(&mut self, class: Class) {
        if matches!(class.weight, Weight::Inferred | Weight::Product) {
            self.set(Signal::Exchanged);
        }
    }

    pub(super) const fn set(&mut self, signal: Signal) {
        self.seen |= 1 << (signal as u32);
    }

    pub(super) const fn has(self, signal: Signal) -> bool {
        self.seen & 1 << (signal as u32) != 0
    }

    /// Whether there was any sighting that says something.
    pub(super) const fn is_any(self) -> bool {
        self.seen & !(1 << (Signal::Exchanged as u32)) != 0
    }

    /// The independent kinds of traffic that only products have.
    pub(super) fn kinds(self) -> impl Iterator<Item = Family> {
        families(self.product | self.inferred)
    }

    /// The independent kinds of traffic that mostly products have.
    pub(super) fn half_kinds(self) -> impl Iterator<Item = Family> {
        families(self.product | self.inferred | self.half)
    }

    /// The categories of all sightings, in the order of their declaration.
    pub(super) fn categories(self) -> impl Iterator<Item = Category> {
        Category::ALL
            .iter()
            .copied()
            .filter(move |it| self.categories & 1 << (*it as u32) != 0)
    }
}

fn families(mask: u16) -> impl Iterator<Item = Family> {
    Family::ALL
        .into_iter()
        .filter(move |it| mask & 1 << (*it as u16) != 0)
}

/// The bit that a sighting of that weight sets.
const fn signal(weight: Weight) -> Option<Signal> {
    match weight {
        Weight::Nothing | Weight::Behind => None,
        Weight::Web => Some(Signal::Web),
        Weight::Embed => Some(Signal::Embed),
        Weight::Mixed => Some(Signal::Mixed),
        Weight::Server => Some(Signal::Server),
        Weight::Client => Some(Signal::Client),
        Weight::Download => Some(Signal::Download),
        Weight::Kit => Some(Signal::Kit),
        Weight::Either => Some(Signal::Either),
        Weight::Half => Some(Signal::Half),
        Weight::Oem => Some(Signal::Oem),
        Weight::Use => Some(Signal::Use),
        Weight::Inferred => Some(Signal::Inferred),
        Weight::Product => Some(Signal::Product),
    }
}

/// The rung of the ladder that signals reach.
pub(super) fn verdict(signals: Signals) -> Verdict {
    let has = |signal| signals.has(signal);
    let any = |wanted: &[Signal]| wanted.iter().any(|it| signals.has(*it));
    if has(Signal::Serves) {
        return Verdict::Manager;
    }
    if has(Signal::Product) {
        let twofold = signals.kinds().nth(1).is_some();
        return match (
            twofold || any(&[Signal::AskedTwice, Signal::Steady, Signal::Discovered]),
            has(Signal::Exchanged),
        ) {
            (false, _) => Verdict::Likely,
            (true, false) => Verdict::Installed,
            (true, true) => Verdict::InstalledActive,
        };
    }
    if has(Signal::Use) {
        return Verdict::Likely;
    }
    // An embedded engine uses the vendor's servers too: it accounts for all that is less than
    // well-founded evidence of a product.
    if has(Signal::Oem) {
        return Verdict::Embedded;
    }
    if has(Signal::Inferred) {
        return Verdict::Likely;
    }
    let twofold = any(&[Signal::Half, Signal::Either]) && signals.half_kinds().nth(1).is_some();
    let raised = any(&[Signal::AskedTwice, Signal::Repeated, Signal::Steady]);
    if twofold || (has(Signal::Half) && raised) {
        return Verdict::Likely;
    }
    if any(&[
        Signal::Half,
        Signal::Either,
        Signal::Kit,
        Signal::Download,
        Signal::Client,
        Signal::Server,
        Signal::Mixed,
        Signal::LedBehind,
        Signal::Elsewhere,
    ]) {
        return Verdict::Contact;
    }
    if has(Signal::Embed) {
        return Verdict::EmbedOnly;
    }
    Verdict::None
}

#[cfg(test)]
mod tests {
    use phonehome_signatures::{Confidence, Evidence, Signature, VendorId};
    use proptest::prelude::*;

    use super::*;

    /// Every class that a signature can have.
    fn classes() -> Vec<Class> {
        let mut all = Vec::new();
        for &category in Category::ALL {
            for &evidence in Evidence::ALL {
                for &confidence in Confidence::ALL {
                    all.push(class(evidence, category, confidence));
                }
            }
        }
        all
    }

    fn class(evidence: Evidence, category: Category, confidence: Confidence) -> Class {
        Class::of(&Signature {
            id: String::new(),
            vendor: VendorId(0),
            category,
            evidence,
            confidence,
            product: None,
            enabled: true,
            pattern: String::new(),
            patterns: Vec::new(),
            payload: None,
            ports: Vec::new(),
            usual_ports: Vec::new(),
            sources: Vec::new(),
            date: String::new(),
            note: None,
            examples: Vec::new(),
            counterexamples: Vec::new(),
        })
    }

    fn seen(of: &[(Evidence, Category, Confidence)]) -> Signals {
        let mut signals = Signals::default();
        for &(evidence, category, confidence) in of {
            signals.sighting(class(evidence, category, confidence), Manner::Named);
        }
        signals
    }

    fn judge(of: &[(Evidence, Category, Confidence)]) -> Verdict {
        verdict(seen(of))
    }

    fn step() -> impl Strategy<Value = (Class, Manner, u8)> {
        (
            proptest::sample::select(classes()),
            prop_oneof![
                Just(Manner::Named),
                Just(Manner::Via),
                Just(Manner::Elsewhere)
            ],
            0..8_u8,
        )
    }

    fn apply(signals: &mut Signals, (class, manner, extra): (Class, Manner, u8)) {
        signals.sighting(class, manner);
        match extra {
            0 => signals.exchange(class),
            1 if class.weight.is_of_products() => signals.set(Signal::AskedTwice),
            2 if class.weight.is_of_products() => signals.set(Signal::Repeated),
            3 if class.weight.is_of_products() => signals.set(Signal::Steady),
            _ => {}
        }
    }

    use Category as C;
    use Confidence::{Documented, Inferred, Observed, Reported, Unverified};
    use Evidence as E;

    #[test]
    fn evidence_alone_reaches_the_rung_of_the_table() {
        for (evidence, category, confidence, expected) in [
            (E::PublicWeb, C::Web, Reported, Verdict::None),
            (E::PublicWeb, C::Licensing, Reported, Verdict::None),
            (E::Mixed, C::Web, Reported, Verdict::None),
            (E::Infra, C::Update, Reported, Verdict::None),
            (E::App, C::Infra, Observed, Verdict::None),
            (E::WebEmbed, C::Telemetry, Reported, Verdict::EmbedOnly),
            (E::SdkEmbed, C::Ads, Reported, Verdict::EmbedOnly),
            (E::Shared, C::Content, Reported, Verdict::EmbedOnly),
            (E::Infra, C::Infra, Reported, Verdict::None),
            (E::Mixed, C::Infra, Reported, Verdict::Contact),
            (E::Mixed, C::Script, Reported, Verdict::Contact),
            (E::Client, C::Api, Documented, Verdict::Contact),
            (E::ServerApi, C::ServerApi, Reported, Verdict::Contact),
            (E::Download, C::Download, Reported, Verdict::Contact),
            (E::Mixed, C::Download, Reported, Verdict::Contact),
            (E::AppLikely, C::Update, Reported, Verdict::Contact),
            (E::DeviceOrClient, C::P2p, Reported, Verdict::Contact),
            (E::App, C::Pki, Unverified, Verdict::Contact),
            (E::Mixed, C::ServiceUse, Inferred, Verdict::Contact),
            (E::Oem, C::Reputation, Reported, Verdict::Embedded),
            (E::Oem, C::Oem, Reported, Verdict::Embedded),
            (E::Mixed, C::ServiceUse, Reported, Verdict::Likely),
            (E::App, C::Update, Inferred, Verdict::Likely),
            (E::App, C::Update, Documented, Verdict::Likely),
            (E::Device, C::DeviceCloud, Documented, Verdict::Likely),
        ] {
            assert_eq!(
                judge(&[(evidence, category, confidence)]),
                expected,
                "{evidence} {category} {confidence}"
            );
        }
    }

    #[test]
    fn two_kinds_of_app_traffic_are_an_installation() {
        let update = (E::App, C::Update, Documented);
        let licence = (E::App, C::Licensing, Documented);
        assert_eq!(judge(&[update, licence]), Verdict::Installed);
        let inferred = (E::App, C::Licensing, Inferred);
        assert_eq!(judge(&[update, inferred]), Verdict::Installed);
    }

    #[test]
    fn telemetry_and_reputation_are_one_kind() {
        let telemetry = (E::App, C::Telemetry, Observed);
        let reputation = (E::App, C::Reputation, Reported);
        assert_eq!(judge(&[telemetry, reputation]), Verdict::Likely);
    }

    #[test]
    fn inference_alone_never_reads_as_installed() {
        let mut signals = seen(&[
            (E::App, C::Update, Inferred),
            (E::App, C::Licensing, Inferred),
        ]);
        signals.set(Signal::AskedTwice);
        signals.set(Signal::Steady);
        signals.set(Signal::Exchanged);
        assert_eq!(verdict(signals), Verdict::Likely);
    }

    #[test]
    fn the_rhythm_and_the_second_resolver_raise_by_one_rung() {
        for signal in [Signal::AskedTwice, Signal::Steady] {
            let mut app = seen(&[(E::App, C::Update, Documented)]);
            app.set(signal);
            assert_eq!(verdict(app), Verdict::Installed, "{signal:?}");
            let mut half = seen(&[(E::AppLikely, C::Update, Reported)]);
            half.set(signal);
            assert_eq!(verdict(half), Verdict::Likely, "{signal:?}");
        }
    }

    #[test]
    fn an_answer_on_the_local_network_is_a_device_that_is_there() {
        let mut seen = Signals::default();
        let answer = Class {
            payload: Some(Payload::Sadp),
            ..class(E::Device, C::Discovery, Reported)
        };
        seen.sighting(answer, Manner::Named);
        assert_eq!(verdict(seen), Verdict::Installed);
        // The same signature without an answer would be one kind of traffic.
        let name = (E::Device, C::Discovery, Reported);
        assert_eq!(judge(&[name]), Verdict::Likely);
    }

    #[test]
    fn ports_in_combination_are_a_management_server_whatever_else_it_does() {
        let server = Class {
            payload: Some(Payload::Ksc),
            ..class(E::App, C::Management, Inferred)
        };
        let mut seen = seen(&[(E::App, C::Update, Documented)]);
        seen.sighting(server, Manner::Named);
        assert_eq!(verdict(seen), Verdict::Manager);
    }

    #[test]
    fn app_likely_needs_a_second_kind_or_several_days() {
        let update = (E::AppLikely, C::Update, Reported);
        let push = (E::AppLikely, C::Push, Reported);
        assert_eq!(judge(&[update, update]), Verdict::Contact);
        assert_eq!(judge(&[update, push]), Verdict::Likely);
        let mut days = seen(&[update]);
        days.set(Signal::Repeated);
        assert_eq!(verdict(days), Verdict::Likely);
    }

    #[test]
    fn accounts_and_pages_are_a_persons_however_many() {
        let account = (E::AppLikely, C::Account, Reported);
        let page = (E::AppLikely, C::Web, Reported);
        assert_eq!(judge(&[account, page]), Verdict::Contact);
    }

    #[test]
    fn a_kit_of_two_kinds_is_still_no_device() {
        let push = (E::DeviceOrSdk, C::Push, Reported);
        let config = (E::DeviceOrSdk, C::Config, Reported);
        assert_eq!(judge(&[push, config]), Verdict::Contact);
        let device = (E::DeviceOrApp, C::Update, Reported);
        assert_eq!(judge(&[push, device]), Verdict::Likely);
    }

    #[test]
    fn an_engine_stays_embedded_until_the_vendors_own_product_shows() {
        let engine = (E::Oem, C::Reputation, Reported);
        let shared = (E::AppLikely, C::Update, Reported);
        let mut signals = seen(&[engine, shared]);
        signals.set(Signal::Repeated);
        assert_eq!(verdict(signals), Verdict::Embedded);
        let licence = (E::App, C::Licensing, Documented);
        assert_eq!(judge(&[engine, licence]), Verdict::Likely);
    }

    #[test]
    fn a_name_that_leads_behind_the_vendors_names_is_a_contact() {
        let behind = class(E::App, C::Infra, Observed);
        let mut signals = Signals::default();
        signals.sighting(behind, Manner::Named);
        assert_eq!(verdict(signals), Verdict::None);
        signals.sighting(behind, Manner::Via);
        assert_eq!(verdict(signals), Verdict::Contact);
    }

    #[test]
    fn what_another_host_was_answered_is_never_more_than_a_contact() {
        for class in classes() {
            let mut signals = Signals::default();
            signals.sighting(class, Manner::Elsewhere);
            assert!(verdict(signals) <= Verdict::Contact, "{class:?}");
        }
    }

    #[test]
    fn every_signal_and_category_has_its_own_bit() {
        assert!((Signal::Steady as u32) < u32::BITS);
        assert!(Category::ALL.len() <= u32::BITS as usize);
        assert!(Family::ALL.len() <= u16::BITS as usize);
        for (index, family) in Family::ALL.into_iter().enumerate() {
            assert_eq!(family as usize, index);
        }
    }

    #[test]
    fn the_bits_that_stores_hold_stay_what_they_are() {
        let bits: Vec<u32> = [
            Signal::Web,
            Signal::Embed,
            Signal::Mixed,
            Signal::Product,
            Signal::Exchanged,
            Signal::Steady,
            Signal::Discovered,
            Signal::Serves,
        ]
        .map(|it| it as u32)
        .into();
        assert_eq!(bits, [0, 1, 2, 12, 15, 18, 19, 20]);
        let families: Vec<String> = Family::ALL.iter().map(|it| format!("{it:?}")).collect();
        assert_eq!(families.join(" "), FAMILIES);
        let first: Vec<&str> = Category::ALL.iter().map(|it| it.as_str()).collect();
        assert_eq!(first.join(" "), CATEGORIES);
    }

    /// In the order of their bits. A new one comes last; anything else needs a new schema.
    const FAMILIES: &str = "Update Telemetry Licensing Connectivity Management Push Config DeviceCloud P2p \
        Api Security Vpn Resolver Discovery";
    const CATEGORIES: &str = "update telemetry reputation licensing management connectivity pki crash message \
        script push config device-cloud p2p ddns resolver api content ads service-use \
        security anti-fraud vpn oem download account web server-api discovery infra";

    proptest! {
        #[test]
        fn one_more_sighting_never_lowers_the_verdict(
            story in proptest::collection::vec(step(), 0..8),
            more in step(),
        ) {
            // An engine accounts for what looked like a product: the one exception.
            prop_assume!(more.0.weight != Weight::Oem);
            let mut signals = Signals::default();
            story.into_iter().for_each(|it| apply(&mut signals, it));
            let before = verdict(signals);
            apply(&mut signals, more);
            prop_assert!(verdict(signals) >= before);
        }

        #[test]
        fn an_engine_lowers_a_verdict_to_embedded_at_most(
            story in proptest::collection::vec(step(), 0..8),
            more in step(),
        ) {
            let mut signals = Signals::default();
            story.into_iter().for_each(|it| apply(&mut signals, it));
            let before = verdict(signals);
            apply(&mut signals, more);
            let after = verdict(signals);
            prop_assert!(after >= before.min(Verdict::Embedded));
            prop_assert!(before < Verdict::Installed || after >= before);
        }

        #[test]
        fn without_evidence_of_a_product_nothing_reads_as_installed(
            story in proptest::collection::vec(step(), 0..12),
        ) {
            let mut signals = Signals::default();
            story
                .into_iter()
                .filter(|it| it.0.weight != Weight::Product)
                .for_each(|it| apply(&mut signals, it));
            prop_assert!(verdict(signals) < Verdict::Installed);
        }
    }
}
