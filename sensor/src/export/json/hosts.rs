//! The document of `/api/v1/hosts`: the hosts with findings, and who they are.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{AskerRow, GENERATOR, Generator, MAX_SERVED, SCHEMA, asker};
use crate::export::who::IdentityRow;
use crate::export::{Snapshot, rfc3339};
use crate::findings::Finding;
use crate::host::Address;

/// The document: a row for each host with a finding, in order of addresses, [`MAX_SERVED`] at most.
/// Where there are more, `hosts_omitted` says how many.
pub fn hosts(snapshot: &Snapshot) -> impl Serialize + '_ {
    let mut hosts: BTreeMap<Address, Vec<&Finding>> = BTreeMap::new();
    for finding in snapshot.findings_by_severity() {
        hosts.entry(finding.host).or_default().push(finding);
    }
    let omitted = hosts.len().checked_sub(MAX_SERVED).filter(|it| *it > 0);
    Document {
        schema: SCHEMA,
        generator: GENERATOR,
        hosts: hosts
            .into_iter()
            .take(MAX_SERVED)
            .map(|(host, findings)| Row::of(snapshot, host, &findings))
            .collect(),
        hosts_omitted: omitted,
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    generator: Generator,
    hosts: Vec<Row<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hosts_omitted: Option<usize>,
}

#[derive(Serialize)]
struct Row<'a> {
    host: String,
    /// That of the finding for which something was said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<IdentityRow<'a>>,
    /// How it asks in DNS past the site's own resolvers, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    asks: Option<AskerRow>,
    findings: Vec<FindingRow<'a>>,
}

#[derive(Serialize)]
struct FindingRow<'a> {
    vendor: &'a str,
    products: &'a [String],
    verdict: &'static str,
    state: &'static str,
    first_seen: String,
    last_seen: String,
}

impl<'a> Row<'a> {
    fn of(snapshot: &'a Snapshot, host: Address, findings: &[&'a Finding]) -> Self {
        let identities = findings.iter().filter_map(|it| it.who.as_ref());
        let newest = identities.max_by_key(|it| it.identity.said);
        let rows = findings.iter().map(|it| FindingRow {
            vendor: snapshot.vendor_id(it.vendor),
            products: &it.products,
            verdict: it.verdict.as_str(),
            state: snapshot.state(it).as_str(),
            first_seen: rfc3339(it.first_seen),
            last_seen: rfc3339(it.last_seen),
        });
        Self {
            host: host.to_string(),
            identity: newest.map(IdentityRow::of),
            asks: findings.iter().find_map(|it| it.asks.as_ref()).map(asker),
            findings: rows.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::export::sample;

    #[test]
    fn a_host_stands_once_with_all_its_findings_and_who_it_is() {
        let mut snapshot = sample::snapshot();
        let mut other = (*snapshot.findings[2]).clone();
        other.vendor = sample::BYTEDANCE;
        other.who = None;
        snapshot.findings.push(Arc::new(other));
        let document = serde_json::to_value(super::hosts(&snapshot)).unwrap();
        let hosts = document["hosts"].as_array().unwrap();
        assert_eq!(hosts.len(), 5);
        let host = hosts.iter().find(|it| it["host"] == "10.1.2.3").unwrap();
        assert_eq!(host["findings"].as_array().unwrap().len(), 2);
        assert_eq!(host["identity"]["mac"], "02:00:5e:00:53:01");
        assert_eq!(host["identity"]["name"], "reception-3");
        assert_eq!(host["asks"]["encrypted_dns"]["doh"], 14);
        let other = hosts.iter().find(|it| it["host"] == "10.1.20.117").unwrap();
        assert!(other.get("identity").is_none());
    }
}
