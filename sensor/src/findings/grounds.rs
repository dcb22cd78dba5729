//! Why a verdict stands as it does, in sentences for people.

use phonehome_signatures::{Category, Evidence};

use super::record::Fact;
use super::verdict::{Group, Habits, STEADY_DAYS};
use crate::detection::Reach;

/// Sentences, the weightiest first, at most [`MAX_GROUNDS`].
pub(super) fn grounds(
    facts: &[Fact<'_>],
    habits: Habits,
    (sent, received): (u64, u64),
) -> Vec<String> {
    let heaviest = facts
        .iter()
        .map(|it| it.sign().group())
        .max()
        .unwrap_or(Group::Nothing);
    let mut grounds = by_category(facts);
    if heaviest >= Group::Weak {
        if let Some(reached) = reached(facts, sent, received) {
            grounds.insert(grounds.len().min(2), reached);
        }
        if habits.asks_twice {
            let twice =
                "asked a public resolver for the same name within 0.1 s of its own resolver";
            grounds.insert(grounds.len().min(1), twice.to_owned());
        }
        if habits.days >= STEADY_DAYS {
            grounds.push(format!("contacts on {} different days", habits.days));
        }
    }
    grounds.truncate(MAX_GROUNDS);
    grounds
}

/// A sentence for each kind of thing contacted: the heaviest group first, then the most contacts.
fn by_category(facts: &[Fact<'_>]) -> Vec<String> {
    let mut kinds: Vec<Kind<'_>> = Vec::new();
    for fact in facts {
        let group = fact.sign().group();
        let what = what(fact.evidence(), fact.signature.category, fact.is_borrowed);
        let count: u64 = fact.tally.iter().sum();
        let names = fact.names.iter().map(|it| it.as_str());
        match kinds.iter_mut().find(|it| it.what == what) {
            Some(kind) => {
                kind.group = kind.group.max(group);
                kind.count += count;
                kind.names.extend(names);
            }
            None => kinds.push(Kind {
                group,
                what,
                count,
                names: names.collect(),
            }),
        }
    }
    kinds.sort_by(|a, b| (b.group, b.count, a.what).cmp(&(a.group, a.count, b.what)));
    kinds.iter().map(Kind::sentence).collect()
}

struct Kind<'a> {
    group: Group,
    what: &'static str,
    count: u64,
    names: Vec<&'a str>,
}

impl Kind<'_> {
    fn sentence(&self) -> String {
        let times = match self.count {
            1 => "once".to_owned(),
            count => format!("{count} times"),
        };
        let names = match self.names.as_slice() {
            [] => String::new(),
            [one] => format!(" ({one})"),
            [one, two] => format!(" ({one}, {two})"),
            [one, rest @ ..] => format!(" ({one} and {} more)", rest.len()),
        };
        format!("{} {times}{names}", self.what)
    }
}

/// How far the contacts got.
fn reached(facts: &[Fact<'_>], sent: u64, received: u64) -> Option<String> {
    let of = |reach: Reach| facts.iter().map(|it| it.tally[reach as usize]).sum::<u64>();
    if of(Reach::Transferred) > 0 {
        return Some(format!(
            "exchanged data: {sent} octets sent, {received} received"
        ));
    }
    let failed = of(Reach::Refused) + of(Reach::Attempted);
    if of(Reach::Connected) > 0 {
        Some("connected, and nothing came back".to_owned())
    } else if failed > 0 {
        Some("nothing got through: blocked or unanswered, yet still trying".to_owned())
    } else {
        Some("asked in DNS only; no connection was seen".to_owned())
    }
}

/// What was contacted, in plain words.
const fn what(evidence: Evidence, category: Category, is_borrowed: bool) -> &'static str {
    if is_borrowed {
        return "connected without a name to an address that others were given for a flagged name";
    }
    match evidence {
        Evidence::PublicWeb => return "read web pages of the vendor",
        Evidence::WebEmbed => return "loaded a part of the vendor in other companies' pages",
        Evidence::SdkEmbed => return "used an app that embeds the vendor's kit",
        Evidence::Shared => return "contacted a shared cloud that the vendor uses",
        Evidence::Oem => return "contacted a service of products that embed the vendor's engine",
        Evidence::Download => return "fetched an installer or tool of the vendor",
        Evidence::Client => return "viewed or administered a product of the vendor elsewhere",
        Evidence::ServerApi => return "used a server interface of the vendor",
        Evidence::App
        | Evidence::AppLikely
        | Evidence::Device
        | Evidence::DeviceOrClient
        | Evidence::DeviceOrSdk
        | Evidence::DeviceOrApp
        | Evidence::Mixed
        | Evidence::Infra => {}
    }
    match category {
        Category::Update => "contacted the update service",
        Category::Telemetry => "contacted the telemetry service",
        Category::Reputation => "contacted the reputation service",
        Category::Licensing => "contacted the licensing service",
        Category::Management => "contacted the management service",
        Category::Connectivity => "contacted the time and connectivity check",
        Category::Pki => "contacted the vendor's certificate service",
        Category::Crash => "contacted the crash report service",
        Category::Message => "contacted the in-product message service",
        Category::Script => "contacted the script injection service",
        Category::Push => "contacted the push service",
        Category::Config => "contacted the configuration service",
        Category::DeviceCloud => "contacted the device cloud",
        Category::P2p => "contacted the peer-to-peer service",
        Category::Ddns => "contacted the dynamic DNS service",
        Category::Resolver => "contacted the vendor's own name resolution",
        Category::Api => "contacted the app interface",
        Category::Content => "contacted the content service",
        Category::Ads => "contacted the advertising service",
        Category::ServiceUse => "used the online service",
        Category::Security => "contacted the risk control service",
        Category::AntiFraud => "contacted the anti-fraud service",
        Category::Vpn => "contacted the VPN service",
        Category::Oem => "contacted an embedding product's service",
        Category::Download => "contacted the download service",
        Category::Account => "contacted the account service",
        Category::Web => "contacted a web service",
        Category::ServerApi => "contacted a server interface",
        Category::Discovery => "spoke the vendor's discovery protocol",
        Category::Infra => "contacted the vendor's infrastructure",
    }
}

/// Sentences of one finding.
const MAX_GROUNDS: usize = 6;
