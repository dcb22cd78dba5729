//! What is reported under one directive.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use phonehome_signatures::{Directive, VendorId};

use super::burn_down::BurnDown;
use super::{Counts, Courses, Endpoint, Network, Part, Product, Stand};
use crate::export::table::directives::kind_words;
use crate::export::{Snapshot, is_flagged};
use crate::findings::profile::{Standing, standing};
use crate::findings::{Finding, Verdict};
use crate::host::Address;

impl<'a> Part<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        courses: &Courses,
        directive: Option<&'a Directive>,
    ) -> Self {
        let mut endpoints = Vec::new();
        let mut left_out: BTreeMap<&'static str, u64> = BTreeMap::new();
        for finding in &snapshot.findings {
            match counted(snapshot, directive, finding) {
                Counted::Yes => endpoints.push(Endpoint {
                    finding,
                    stand: Stand::of(snapshot, finding),
                    waived: snapshot.waived(finding),
                }),
                Counted::No(why) => *left_out.entry(why).or_default() += 1,
                Counted::NotCovered => {}
            }
        }
        endpoints.sort_by_key(|it| {
            let finding = it.finding;
            (
                it.stand,
                Reverse(finding.verdict),
                finding.vendor,
                finding.host,
            )
        });
        let covered = directive.iter().flat_map(|it| &it.vendors);
        let without_pack = covered
            .map(String::as_str)
            .filter(|it| snapshot.catalogue.vendor_by_id(it).is_none());
        Self {
            directive,
            counts: counts(&endpoints),
            products: products(snapshot, &endpoints),
            networks: networks(&endpoints),
            burn_down: BurnDown::new(snapshot, courses, directive, &endpoints),
            without_pack: without_pack.collect(),
            left_out,
            endpoints,
        }
    }
}

/// Whether a finding is reported on.
enum Counted {
    Yes,
    /// It is not, for a reason in plain words.
    No(&'static str),
    /// The directive is not about its vendor.
    NotCovered,
}

fn counted(snapshot: &Snapshot, directive: Option<&Directive>, finding: &Finding) -> Counted {
    let Some(directive) = directive else {
        return match finding.verdict {
            it if is_flagged(it) => Counted::Yes,
            Verdict::EmbedOnly => Counted::No("of parts in other pages only"),
            _ => Counted::No("of web sites only"),
        };
    };
    match standing(directive, snapshot.vendor_id(finding.vendor), finding) {
        None => Counted::NotCovered,
        Some(Standing::Counts) => Counted::Yes,
        Some(Standing::OtherKind(kind)) => Counted::No(kind_words(kind)),
        Some(Standing::Excluded) => Counted::No("of products left out"),
    }
}

fn counts(endpoints: &[Endpoint<'_>]) -> Counts {
    let mut counts = Counts::default();
    let mut open: BTreeSet<Address> = BTreeSet::new();
    for endpoint in endpoints {
        counts.findings[endpoint.stand as usize] += 1;
        if endpoint.stand.is_open() {
            open.insert(endpoint.finding.host);
        }
    }
    counts.open_hosts = open.len() as u64;
    counts
}

/// A row a product, those of a vendor together, the one on the most endpoints first.
fn products<'a>(snapshot: &Snapshot, endpoints: &[Endpoint<'a>]) -> Vec<Product<'a>> {
    let mut products: BTreeMap<(VendorId, Option<&'a str>), Vec<Endpoint<'a>>> = BTreeMap::new();
    for endpoint in endpoints {
        let finding = endpoint.finding;
        if finding.products.is_empty() {
            let unknown = products.entry((finding.vendor, None)).or_default();
            unknown.push(*endpoint);
        }
        for product in &finding.products {
            let known = products.entry((finding.vendor, Some(product))).or_default();
            known.push(*endpoint);
        }
    }
    let mut rows: Vec<Product<'a>> = products
        .into_iter()
        .map(|((vendor, name), endpoints)| Product {
            vendor: snapshot.vendor_name(vendor),
            name,
            counts: counts(&endpoints),
        })
        .collect();
    rows.sort_by(|a, b| {
        let key = |it: &Product<'a>| (Reverse(it.counts.open()), Reverse(it.counts.all()));
        (&a.vendor, key(a), a.name).cmp(&(&b.vendor, key(b), b.name))
    });
    rows
}

/// The networks of the open hosts, the one with the most first.
fn networks(endpoints: &[Endpoint<'_>]) -> Vec<Network> {
    let open = endpoints.iter().filter(|it| it.stand.is_open());
    let hosts: BTreeSet<Address> = open.map(|it| it.finding.host).collect();
    let mut blocks: BTreeMap<IpNet, u64> = BTreeMap::new();
    for host in hosts {
        let block = match host.to_ip() {
            std::net::IpAddr::V4(it) => Ipv4Net::new(it, 24).map(IpNet::from),
            std::net::IpAddr::V6(it) => Ipv6Net::new(it, 64).map(IpNet::from),
        };
        if let Ok(block) = block {
            *blocks.entry(block.trunc()).or_default() += 1;
        }
    }
    let mut blocks: Vec<(IpNet, u64)> = blocks.into_iter().collect();
    blocks.sort_by_key(|it| (Reverse(it.1), it.0));
    let rows = blocks.into_iter().map(|(block, hosts)| Network {
        block: block.to_string(),
        hosts,
    });
    rows.collect()
}
