//! What the book says of hosts: findings, put together from records when they are asked for.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use phonehome_signatures::VendorId;

use super::Book;
use crate::findings::grounds::grounds;
use crate::findings::record::{Record, Side};
use crate::findings::roles::View;
use crate::findings::{Earlier, Finding, HostsSeen, Verdict};
use crate::host::Address;
use crate::names::Source;
use crate::time::Timestamp;

impl Book {
    /// All findings that something is to be said of, by vendor, the worst first, then by host.
    ///
    /// Those with [`Verdict::None`] and [`Verdict::EmbedOnly`] are among them. A host without any
    /// sighting of its own, such as a resolver that only asks for others, is not.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self
            .records
            .keys()
            .filter_map(|(host, vendor)| self.finding(*host, *vendor))
            .collect();
        findings.sort_unstable_by(|a, b| {
            (a.vendor, b.verdict, a.host).cmp(&(b.vendor, a.verdict, b.host))
        });
        findings
    }

    /// The finding of one host and one vendor.
    #[must_use]
    pub fn finding(&self, host: Address, vendor: VendorId) -> Option<Finding> {
        let record = self.records.get(&(host, vendor))?;
        let view = self.hosts.view(host);
        let signals = record.track(view)?.signals;
        let verdict = record.verdict(view);
        let (first_seen, last_seen) = span(record, view)?;

        let mut names: Vec<_> = record
            .names
            .iter()
            .filter(|it| view == View::All || it.direct > 0)
            .filter_map(|it| {
                let signature = self.catalogue.signature(it.signature)?;
                Some((it.name.clone(), signature.id.clone()))
            })
            .collect();
        names.sort_unstable_by(|a, b| (a.0.as_str(), &a.1).cmp(&(b.0.as_str(), &b.1)));
        Some(Finding {
            host,
            vendor,
            verdict,
            grounds: grounds(record, view, verdict, |it| self.class(it)),
            products: self.products(record, view, verdict),
            categories: signals.categories().collect(),
            first_seen,
            last_seen,
            contacts: contacts(record, view),
            sources: sources(record, view),
            sent: record.sent,
            received: record.received,
            names,
            state: record.course.state,
            state_since: record.course.since,
            who: record.who.as_deref().cloned(),
            device: record.device.as_deref().cloned(),
            earlier: record
                .aside
                .iter()
                .filter_map(|it| self.earlier(it, view))
                .collect(),
            asks: self.askers.of(host).filter(|_| view == View::All),
        })
    }

    /// How many home hosts were seen on the wire, and how many of them have a finding.
    #[must_use]
    pub fn hosts(&self) -> HostsSeen {
        let with_finding: HashSet<Address, RandomState> = self
            .records
            .iter()
            .filter(|((host, _), record)| {
                record.verdict(self.hosts.view(*host)) >= Verdict::Contact
            })
            .map(|((host, _), _)| *host)
            .collect();
        let (resolvers, proxies) = self.hosts.with_roles();
        HostsSeen {
            alive: self.hosts.alive(),
            with_finding: with_finding.len(),
            resolvers,
            proxies,
        }
    }

    /// What a device had that had the address before.
    fn earlier(&self, record: &Record, view: View) -> Option<Earlier> {
        let verdict = record.verdict(view);
        let (first_seen, last_seen) = span(record, view)?;
        Some(Earlier {
            who: record.who.as_deref()?.clone(),
            verdict,
            products: self.products(record, view, verdict),
            first_seen,
            last_seen,
        })
    }

    /// The products that the signatures which bear the verdict name.
    pub(super) fn products(&self, record: &Record, view: View, verdict: Verdict) -> Vec<String> {
        let mut products: Vec<String> = record
            .tallies
            .iter()
            .filter(|it| {
                let direct: u32 = it
                    .reached
                    .iter()
                    .fold(it.elsewhere, |sum, count| sum.saturating_add(*count));
                direct > 0 || view == View::All && (it.asked > 0 || it.answered > 0)
            })
            .filter(|it| {
                let class = self.class(it.signature);
                class.is_some_and(|it| it.weight.bears(verdict))
            })
            .filter_map(|it| self.catalogue.signature(it.signature)?.product.clone())
            .collect();
        products.sort_unstable();
        products.dedup();
        products
    }
}

pub(super) fn span(record: &Record, view: View) -> Option<(Timestamp, Timestamp)> {
    let direct = record.direct.span;
    let dns = match view {
        View::All => record.dns.span,
        View::Direct | View::Nothing => None,
    };
    match (direct, dns) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (one, other) => one.or(other),
    }
}

pub(super) fn contacts(record: &Record, view: View) -> [u64; 5] {
    let Side { mut contacts, .. } = record.direct;
    if view == View::All {
        for (sum, count) in contacts.iter_mut().zip(record.dns.contacts) {
            *sum += count;
        }
    }
    contacts
}

fn sources(record: &Record, view: View) -> [u64; Source::ALL.len()] {
    let mut sources = record.sources;
    if view != View::All {
        sources[Source::DnsQuery as usize] = 0;
        sources[Source::DnsAnswer as usize] = 0;
    }
    sources
}
