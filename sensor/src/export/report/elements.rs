//! The elements of the reports that a directive asks for: what a sensor can tell of each, and what
//! is left to people.

use std::collections::BTreeMap;

use phonehome_signatures::{Category, Element, Filler};

use super::words::counted;
use super::{Part, Report, Stand};
use crate::detection::Reach;
use crate::export::human_count;
use crate::findings::Verdict;
use crate::names::Source;

/// An element with what is known of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::export) struct Told<'a> {
    pub(in crate::export) element: &'a Element,
    /// What the sensor can tell, a line each; empty if that is nothing.
    pub(in crate::export) lines: Vec<String>,
    /// Whether people have to fill it in, or to add to it.
    pub(in crate::export) by_hand: ByHand,
}

/// What is left to people.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::export) enum ByHand {
    /// Nothing.
    Nothing,
    /// A part of it.
    Part,
    /// All of it.
    All,
}

impl ByHand {
    /// The word for it in documents.
    pub(in crate::export) const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Part => "part",
            Self::All => "all",
        }
    }

    const fn of(filler: Filler) -> Self {
        match filler {
            Filler::Operator => Self::All,
            Filler::Products | Filler::Endpoints | Filler::Methods => Self::Nothing,
            Filler::Networks | Filler::Timeline | Filler::Uses | Filler::Challenges => Self::Part,
        }
    }
}

impl<'a> Part<'a> {
    /// The elements of the directive, in their order; none in an inventory.
    pub(in crate::export) fn elements(&self, report: &Report<'_>) -> Vec<Told<'a>> {
        let elements = self.directive.map_or(&[][..], |it| &it.elements);
        let told = elements.iter().map(|element| Told {
            element,
            lines: self.lines(report, element.filler),
            by_hand: ByHand::of(element.filler),
        });
        told.collect()
    }

    fn lines(&self, report: &Report<'_>, filler: Filler) -> Vec<String> {
        match filler {
            Filler::Operator => Vec::new(),
            Filler::Products => self.product_lines(),
            Filler::Endpoints => self.endpoint_lines(report),
            Filler::Methods => {
                let mut lines = report.methods();
                lines.push(self.summary(report).pop().unwrap_or_default());
                lines
            }
            Filler::Networks => self.network_lines(),
            Filler::Timeline => self.timeline_lines(),
            Filler::Uses => self.use_lines(),
            Filler::Challenges => self.challenge_lines(report),
        }
    }

    fn product_lines(&self) -> Vec<String> {
        if self.products.is_empty() {
            return vec!["None were found, as far as could be seen.".to_owned()];
        }
        let rows = self.products.iter().map(|it| {
            let name = it.name.unwrap_or("a product that no signature names");
            format!("{}: {name}", it.vendor)
        });
        rows.collect()
    }

    fn endpoint_lines(&self, report: &Report<'_>) -> Vec<String> {
        let mut lines = vec![self.summary(report).swap_remove(0)];
        lines.extend(self.products.iter().map(|it| {
            let name = it.name.unwrap_or("a product that no signature names");
            let open = counted(it.counts.open(), "endpoint");
            let closed = it.counts.all() - it.counts.open();
            let closed = match closed {
                0 => String::new(),
                count => format!(", and {} no longer open", human_count(count)),
            };
            format!("{}, {name}: {open}{closed}", it.vendor)
        }));
        lines
    }

    fn network_lines(&self) -> Vec<String> {
        if self.networks.is_empty() {
            return vec!["No network has a host with an open finding.".to_owned()];
        }
        let shown = self.networks.iter().take(MAX_NETWORKS);
        let mut lines: Vec<String> = shown
            .map(|it| format!("{}: {}", it.block, counted(it.hosts, "host")))
            .collect();
        let more = self.networks.len().saturating_sub(MAX_NETWORKS);
        if more > 0 {
            lines.push(format!("and {} more", counted(more as u64, "network")));
        }
        lines
    }

    fn timeline_lines(&self) -> Vec<String> {
        let mut lines = vec![self.pace()];
        lines.extend(self.burn_down.statuses.iter().map(|it| {
            format!(
                "{}: {} open; in thirty days {} came and {} went",
                it.day,
                human_count(it.open),
                human_count(it.came),
                human_count(it.went)
            )
        }));
        lines
    }

    /// What the traffic was for, which tells what will be missing.
    fn use_lines(&self) -> Vec<String> {
        let mut uses: BTreeMap<&'static str, u64> = BTreeMap::new();
        for endpoint in self.endpoints.iter().filter(|it| it.stand.is_open()) {
            let categories = endpoint.finding.categories.iter();
            let mut words: Vec<&str> = categories.filter_map(|it| use_words(*it)).collect();
            words.sort_unstable();
            words.dedup();
            for words in words {
                *uses.entry(words).or_default() += 1;
            }
        }
        if uses.is_empty() {
            return vec!["The traffic tells of no control.".to_owned()];
        }
        let rows = uses
            .into_iter()
            .map(|(words, count)| format!("{words}: {}", counted(count, "endpoint")));
        rows.collect()
    }

    fn challenge_lines(&self, report: &Report<'_>) -> Vec<String> {
        let open = || self.endpoints.iter().filter(|it| it.stand.is_open());
        let count = |is: &dyn Fn(&super::Endpoint<'_>) -> bool| open().filter(|it| is(it)).count();
        let embedded = report.snapshot.findings.iter().filter(|it| {
            let vendor = report.snapshot.vendor_id(it.vendor);
            it.verdict == Verdict::Embedded && self.directive.is_some_and(|of| of.covers(vendor))
        });
        let rows = [
            (
                embedded.count(),
                "with the vendor's engine inside another company's product",
            ),
            (
                count(&|it| it.finding.sources[Source::HttpConnect as usize] > 0),
                "through a proxy, behind which others may hide",
            ),
            (
                count(&|it| {
                    let reached = &it.finding.contacts;
                    reached[Reach::Connected as usize] == 0
                        && reached[Reach::Transferred as usize] == 0
                }),
                "blocked or unanswered, and installed all the same",
            ),
            (
                count(&|it| it.finding.verdict == Verdict::Likely),
                "only likely to have a product: to be looked at on the host",
            ),
            (
                usize::try_from(self.counts.of(Stand::Absent)).unwrap_or(usize::MAX),
                "not seen for long: to be looked for",
            ),
            (
                usize::try_from(self.counts.of(Stand::Returned)).unwrap_or(usize::MAX),
                "back after a silence: a restored image or a new installation, perhaps",
            ),
        ];
        let rows = rows.into_iter().filter(|it| it.0 > 0);
        let lines: Vec<String> = rows
            .map(|(count, words)| format!("{} {words}", counted(count as u64, "endpoint")))
            .collect();
        if lines.is_empty() {
            return vec!["The traffic tells of none.".to_owned()];
        }
        lines
    }
}

/// Which control a category of traffic tells of; `None` where it tells of none.
const fn use_words(category: Category) -> Option<&'static str> {
    Some(match category {
        Category::Update | Category::Reputation => "protection against malware, with its updates",
        Category::Management => "central management of endpoints",
        Category::Telemetry | Category::Crash => "reports of events to the vendor",
        Category::Vpn => "encryption of connections (VPN)",
        Category::Security | Category::AntiFraud => "protection against fraud",
        Category::DeviceCloud | Category::P2p | Category::Ddns => "remote access to devices",
        Category::Resolver => "filtering of names",
        _ => return None,
    })
}

/// Networks that are listed in an element.
const MAX_NETWORKS: usize = 40;
