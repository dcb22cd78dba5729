//! The grounds of a verdict, in plain words.

use phonehome_signatures::{Category, SignatureId};

use super::Verdict;
use super::record::{Record, Tally};
use super::rhythm::MAX_DAYS;
use super::roles::View;
use super::verdict::{Signal, Signals};
use super::weight::{Class, Weight};
use crate::detection::Reach;
use crate::discovery::Device;

/// Most sentences that are given.
const MAX_GROUNDS: usize = 6;

/// Why the sightings of a view give that verdict: the weightiest sentence first, at most
/// [`MAX_GROUNDS`]. `class` knows the signatures of the record.
pub(super) fn grounds(
    record: &Record,
    view: View,
    verdict: Verdict,
    class: impl Fn(SignatureId) -> Option<Class>,
) -> Vec<String> {
    let Some(track) = record.track(view) else {
        return Vec::new();
    };
    let signals = track.signals;
    let lines = lines(record, view, class);
    let mut grounds = Vec::new();
    match verdict {
        Verdict::Manager | Verdict::InstalledActive | Verdict::Installed | Verdict::Likely => {
            grounds.extend(local(signals, record.device.as_deref()));
            grounds.extend(kinds(signals));
            grounds.extend(behaviour(signals, track.rhythm.days()));
            grounds.extend(at_public_resolver(record, view));
            grounds.extend(transfer(signals, verdict, &lines));
        }
        Verdict::Embedded => {
            grounds.push(
                "another company's product with the vendor's engine accounts for all that was seen"
                    .to_owned(),
            );
        }
        Verdict::Contact => {
            grounds.extend(doubts(signals, &lines));
            grounds.extend(at_public_resolver(record, view));
        }
        Verdict::EmbedOnly => grounds.push(
            "only what other companies' pages and apps load from the vendor was seen".to_owned(),
        ),
        Verdict::None => grounds.push(NONE.to_owned()),
    }
    let told = match verdict {
        Verdict::None | Verdict::EmbedOnly => Weight::Web,
        _ => Weight::Behind,
    };
    grounds.extend(
        lines
            .iter()
            .filter(|it| it.weight >= told)
            .filter_map(Line::contact_sentence),
    );
    grounds.truncate(MAX_GROUNDS);
    grounds
}

/// What a record holds of the signatures of one category and weight.
#[derive(Clone, Debug)]
struct Line {
    category: Category,
    weight: Weight,
    asked: u64,
    answered: u64,
    refused: u64,
    reached: [u64; 5],
    elsewhere: u64,
    sent: u64,
    received: u64,
    /// Names with the number of their sightings.
    names: Vec<(u32, String)>,
}

impl Line {
    const fn new(class: Class) -> Self {
        Self {
            category: class.category,
            weight: class.weight,
            asked: 0,
            answered: 0,
            refused: 0,
            reached: [0; 5],
            elsewhere: 0,
            sent: 0,
            received: 0,
            names: Vec::new(),
        }
    }

    fn add(&mut self, tally: &Tally, view: View) {
        if view == View::All {
            self.asked += u64::from(tally.asked);
            self.answered += u64::from(tally.answered);
            self.refused += u64::from(tally.refused);
        }
        for (sum, count) in self.reached.iter_mut().zip(tally.reached) {
            *sum += u64::from(count);
        }
        self.elsewhere += u64::from(tally.elsewhere);
        self.sent = self.sent.saturating_add(tally.sent);
        self.received = self.received.saturating_add(tally.received);
    }

    fn is_of(&self, class: Class) -> bool {
        self.category == class.category && self.weight == class.weight
    }

    /// Questions; an answer counts only where its question was not seen.
    fn questions(&self) -> u64 {
        self.asked.max(self.answered)
    }

    fn connections(&self) -> u64 {
        self.reached.iter().sum()
    }

    fn contacts(&self) -> u64 {
        self.questions() + self.connections()
    }

    fn transferred(&self) -> u64 {
        self.reached[Reach::Transferred as usize]
    }

    const fn has_octets(&self) -> bool {
        self.sent > 0 || self.received > 0
    }

    /// Whether some server answered a connection, or was sent something on one.
    fn got_through(&self) -> bool {
        self.has_octets() || self.transferred() > 0 || self.reached[Reach::Connected as usize] > 0
    }

    fn contact_sentence(&self) -> Option<String> {
        let what = match (self.weight, self.category) {
            (Weight::Embed, Category::Web) => "servers for parts of other companies' pages",
            (_, category) => noun(category),
        };
        let deed = match (self.connections(), self.questions(), self.elsewhere) {
            (0, 0, 0) => return None,
            (0, 0, count) => format!(
                "connected to addresses that another host was given for {what} {}",
                times(count)
            ),
            (count, ..) if self.got_through() => format!("contacted {what} {}", times(count)),
            (count, 0, _) => format!("tried to contact {what} {}", times(count)),
            (tried, asked, _) => {
                let mut deed = format!("asked in DNS for {what} {}", times(asked));
                if self.refused > 0 {
                    deed.push_str(&format!(", was refused {}", times(self.refused)));
                }
                if tried > 0 {
                    deed.push_str(&format!(", tried to connect {}", times(tried)));
                }
                deed
            }
        };
        Some(format!("{deed}{}", self.names_in_brackets()))
    }

    /// ` (a.example and 3 more)`, or nothing.
    fn names_in_brackets(&self) -> String {
        match self.names.as_slice() {
            [] => String::new(),
            [(_, name)] => format!(" ({name})"),
            [(_, name), more @ ..] => format!(" ({name} and {} more)", more.len()),
        }
    }
}

/// Adds up a record as far as a view shows it; the heaviest and then the busiest line first.
fn lines(record: &Record, view: View, class: impl Fn(SignatureId) -> Option<Class>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for tally in &record.tallies {
        // What shows without a name has a sentence of its own.
        let Some(class) = class(tally.signature).filter(|it| it.payload.is_none()) else {
            continue;
        };
        match lines.iter_mut().find(|it| it.is_of(class)) {
            Some(line) => line.add(tally, view),
            None => {
                let mut line = Line::new(class);
                line.add(tally, view);
                lines.push(line);
            }
        }
    }
    for used in &record.names {
        let times = match view {
            View::All => used.dns.saturating_add(used.direct),
            View::Direct | View::Nothing => used.direct,
        };
        let line =
            class(used.signature).and_then(|it| lines.iter_mut().find(|line| line.is_of(it)));
        if let Some(line) = line
            && times > 0
        {
            line.names.push((times, used.name.to_string()));
        }
    }
    for line in &mut lines {
        line.names.sort_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
    }
    lines.sort_by(|a, b| {
        (b.weight, b.contacts(), a.category).cmp(&(a.weight, a.contacts(), b.category))
    });
    lines
}

/// What shows on the local network without a name.
fn local(signals: Signals, device: Option<&Device>) -> Vec<String> {
    let mut sentences = Vec::new();
    if signals.has(Signal::Serves) {
        sentences.push(
            "several hosts use it as a management server, by its ports in combination".to_owned(),
        );
    }
    if signals.has(Signal::Discovered) {
        let mut parts = Vec::new();
        if let Some(device) = device {
            for (word, text) in [
                ("model", &device.model),
                ("serial number", &device.serial),
                ("firmware", &device.firmware),
            ] {
                parts.extend(text.as_ref().map(|it| format!("{word} {}", it.as_str())));
            }
            parts.extend(device.mac.map(|it| format!("MAC {it}")));
        }
        let said = match parts.as_slice() {
            [] => String::new(),
            parts => format!(": {}", parts.join(", ")),
        };
        sentences.push(format!(
            "shows as a device of the vendor on the local network{said}"
        ));
    }
    sentences
}

/// The independent kinds of traffic, if there are several.
fn kinds(signals: Signals) -> Option<String> {
    let only_products: Vec<&str> = signals.kinds().map(|it| it.as_str()).collect();
    let mostly: Vec<&str> = signals.half_kinds().map(|it| it.as_str()).collect();
    let is_product = signals.has(Signal::Product) || signals.has(Signal::Inferred);
    let words = if is_product { only_products } else { mostly };
    if words.len() < 2 {
        return None;
    }
    let number = match words.len() {
        2 => "two".to_owned(),
        3 => "three".to_owned(),
        4 => "four".to_owned(),
        more => more.to_string(),
    };
    Some(format!(
        "{number} independent kinds of traffic: {}",
        listed(&words)
    ))
}

/// `a`, `a and b`, `a, b and c`.
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// What the host did as products do.
fn behaviour(signals: Signals, days: usize) -> Vec<String> {
    let mut sentences = Vec::new();
    if signals.has(Signal::AskedTwice) {
        sentences.push(
            "asked for one name at its own resolver and at a public one within 100 ms".to_owned(),
        );
    }
    let more = if days < MAX_DAYS { "" } else { " or more" };
    if signals.has(Signal::Steady) {
        sentences.push(format!("in touch hour after hour, on {days} days{more}"));
    } else if signals.has(Signal::Repeated) {
        sentences.push(format!("in touch on {days} days{more}"));
    }
    if signals.has(Signal::Use) {
        sentences.push("used an online service, which is itself what counts".to_owned());
    }
    sentences
}

/// That the host asked at a public resolver, which is not the site's own, if it did.
fn at_public_resolver(record: &Record, view: View) -> Option<String> {
    let is_told = view == View::All && record.public > 0;
    is_told.then(|| {
        let count = times(u64::from(record.public));
        format!("asked at a public resolver {count}")
    })
}

/// Whether and with what data was exchanged, as far as products are concerned.
fn transfer(signals: Signals, verdict: Verdict, lines: &[Line]) -> Option<String> {
    let of_products = || lines.iter().filter(|it| it.weight.is_of_products());
    let (sent, received) = of_products().fold((0_u64, 0_u64), |(sent, received), it| {
        (
            sent.saturating_add(it.sent),
            received.saturating_add(it.received),
        )
    });
    if signals.has(Signal::Exchanged) || of_products().any(|it| it.transferred() > 0) {
        let mut with: Vec<Category> = of_products()
            .filter(|it| it.transferred() > 0 || it.has_octets())
            .map(|it| it.category)
            .collect();
        with.sort_unstable();
        with.dedup();
        let with: Vec<&str> = with.into_iter().map(Category::as_str).collect();
        return Some(match (sent, received) {
            (0, 0) => format!("exchanged data for {}", listed(&with)),
            _ => format!(
                "exchanged data for {}: {} sent, {} received",
                listed(&with),
                size(sent),
                size(received)
            ),
        });
    }
    of_products().next()?;
    let count = |reach: Reach| {
        of_products()
            .map(|it| it.reached[reach as usize])
            .sum::<u64>()
    };
    let refused = of_products().map(|it| it.refused).sum::<u64>();
    if count(Reach::Connected) > 0 {
        return Some("connections stood, but nothing came back".to_owned());
    }
    // Some connection may have been the product's: nothing can be said of all attempts.
    if of_products().any(|it| it.elsewhere > 0 || it.has_octets()) {
        return None;
    }
    let tried = refused + count(Reach::Refused) + count(Reach::Attempted);
    Some(match (tried, verdict >= Verdict::Installed) {
        (0, _) => "nothing was transferred: asked for in DNS, and no connection seen".to_owned(),
        (_, true) => {
            "every attempt was refused or unanswered: blocked, yet still installed".to_owned()
        }
        (_, false) => "every attempt was refused or unanswered: nothing was transferred".to_owned(),
    })
}

/// What a mere contact may be.
fn doubts(signals: Signals, lines: &[Line]) -> Vec<String> {
    let fetched = lines
        .iter()
        .any(|it| it.weight == Weight::Download && (it.transferred() > 0 || it.has_octets()));
    let download = if fetched {
        "installer fetched, which is not yet an installation"
    } else {
        "installer asked for, and not seen to be fetched"
    };
    [
        (
            Signal::Half,
            "one kind of traffic that mostly products have, but browsers may",
        ),
        (
            Signal::Either,
            "a device of the vendor, or its app or a person at work with one",
        ),
        (Signal::Download, download),
        (
            Signal::Kit,
            "a device of the vendor, or its kit inside another company's app",
        ),
        (Signal::Client, "views or administers the product elsewhere"),
        (
            Signal::Server,
            "calls an interface of the vendor made for servers",
        ),
        (
            Signal::Mixed,
            "product, web page and script cannot be told apart by these names",
        ),
        (
            Signal::LedBehind,
            "used a name that leads to servers of the vendor's products",
        ),
        (
            Signal::Elsewhere,
            "connected to an address that only another host was given for a name",
        ),
    ]
    .into_iter()
    .filter(|(signal, _)| signals.has(*signal))
    .map(|(_, sentence)| sentence.to_owned())
    .collect()
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}

/// Octets in decimal units, rounded down as in the table: `812 B`, `2.1 kB`.
fn size(octets: u64) -> String {
    let mut unit = 1_u64;
    for name in ["B", "kB", "MB", "GB", "TB", "PB"] {
        let next = unit.saturating_mul(1000);
        if octets < next {
            return match unit {
                1 => format!("{octets} {name}"),
                _ => format!("{}.{} {name}", octets / unit, octets % unit / (unit / 10)),
            };
        }
        unit = next;
    }
    format!("{}.{} EB", octets / unit, octets % unit / (unit / 10))
}

/// What servers of a category are called in a sentence.
const fn noun(category: Category) -> &'static str {
    match category {
        Category::Update => "update servers",
        Category::Telemetry => "telemetry servers",
        Category::Reputation => "the reputation service",
        Category::Licensing => "licensing servers",
        Category::Management => "management servers",
        Category::Connectivity => "time and connectivity checks",
        Category::Pki => "certificate services",
        Category::Crash => "crash dump servers",
        Category::Message => "the in-product message service",
        Category::Script => "names of injected scripts",
        Category::Push => "push servers",
        Category::Config => "configuration servers",
        Category::DeviceCloud => "the device cloud",
        Category::P2p => "peer-to-peer relays",
        Category::Ddns => "the dynamic DNS service",
        Category::Resolver => "the name resolution service",
        Category::Api => "interfaces of apps",
        Category::Content => "content servers",
        Category::Ads => "advertising and measurement servers",
        Category::ServiceUse => "the online service",
        Category::Security => "risk control servers",
        Category::AntiFraud => "anti-fraud scripts",
        Category::Vpn => "the VPN service",
        Category::Oem => "servers for an embedded engine",
        Category::Download => "installers and tools",
        Category::Account => "accounts and consoles",
        Category::Web => "web pages",
        Category::ServerApi => "interfaces for servers",
        Category::Discovery => "device discovery",
        Category::Infra => "servers behind other names",
    }
}

const NONE: &str = "only web pages of the vendor were read";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_decimal_and_are_rounded_down() {
        for (octets, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (2199, "2.1 kB"),
            (999_999, "999.9 kB"),
            (1_000_000, "1.0 MB"),
            (7_000_000_000_000_000, "7.0 PB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(size(octets), text);
        }
    }

    #[test]
    fn every_category_has_words_of_its_own() {
        let mut nouns: Vec<&str> = Category::ALL.iter().map(|it| noun(*it)).collect();
        nouns.sort_unstable();
        nouns.dedup();
        assert_eq!(nouns.len(), Category::ALL.len());
    }
}
