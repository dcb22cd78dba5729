//! Real clients on a wire, and the sensor at a mirror of it.
//!
//! A small site in network namespaces: hosts at a bridge, the demo's servers under the vendors'
//! names behind its uplink, and a mirror of the uplink, both ways, as a SPAN port gives it. dig,
//! curl, openssl, a QUIC client and Chromium say what they always say.
//!
//! What the clients asked for is told by the servers; when it was on the wire by `tcpdump` at the
//! same mirror. A pack of this test claims the names that no vendor's pack claims, so that the findings
//! that the sensor serves show every name that it has read. Needs root and what `make setup-test` installs.
//! `PHONEHOME_SKIP_LIVE=1` leaves it out.
#![cfg(feature = "capture")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use clients::Clients;
use site::Site;
use watch::Watch;

#[path = "wire/clients.rs"]
mod clients;
mod sensor;
#[path = "wire/site.rs"]
mod site;
#[path = "wire/watch.rs"]
mod watch;

#[test]
fn every_name_of_real_clients_is_found_within_two_seconds_of_its_packet() {
    if std::env::var_os("PHONEHOME_SKIP_LIVE").is_some() {
        return;
    }
    let site = Site::new();
    let sensor = site.sensor();
    let recording = site.recording();
    let watch = Watch::start(&site);
    Clients::of(&site).run_all();

    let asked = site.asked();
    let seen = watch.wait_for(&asked);
    let document = watch.findings();
    let hosts_page = watch.page("/metrics/hosts");
    let metrics = sensor::samples(&watch.page("/metrics"));
    drop(sensor);
    let frames = recording.finish();

    // The names, by how they were asked for, and each in time.
    let read = site.names(&frames);
    assert!(asked.len() > 15, "{asked:?}");
    for it in &asked {
        let packet = read
            .iter()
            .find(|line| line.host == it.host && line.name == it.name && line.source == it.source)
            .unwrap_or_else(|| panic!("{it:?} is not in the recording: {read:#?}"));
        for key in [it.name.as_str(), it.source] {
            let shown = seen[&(it.host.clone(), key.to_owned())];
            let delay = shown.duration_since(packet.at).unwrap_or_default();
            assert!(delay < LIMIT, "{key} of {it:?} was shown after {delay:?}");
        }
    }
    let sources: BTreeSet<&str> = asked.iter().map(|it| it.source).collect();
    assert_eq!(
        sources.into_iter().collect::<Vec<_>>(),
        ["dns-query", "http-host", "quic-sni", "tls-sni"]
    );
    for (host, vendor) in [("10.20.0.13", "kaspersky"), ("10.20.0.16", "bytedance")] {
        let finding = find(&document, host, vendor).unwrap();
        assert!(
            finding["sources"]["quic-sni"].as_u64() > Some(0),
            "{finding:#}"
        );
    }

    // The browser's hello is the long one of today.
    assert!(
        site::has_split_hello(&frames, site::BROWSER),
        "Chromium sent no hello over two segments"
    );

    // The verdicts, in the findings and in the metrics.
    assert_eq!(
        verdict(&document, "10.20.0.11", "kaspersky"),
        "installed-active"
    );
    assert!(
        ["likely", "installed", "installed-active"].contains(&verdict(
            &document,
            "10.20.0.16",
            "bytedance"
        ))
    );
    assert!(
        ["none", "embed-only"].contains(&verdict(&document, "10.20.0.13", "kaspersky")),
        "reading web pages is no product"
    );
    for vendor in ["kaspersky", "bytedance", "hikvision"] {
        assert_eq!(verdict(&document, "10.20.0.31", vendor), "none");
    }
    for (host, vendor) in [("10.20.0.11", "kaspersky"), ("10.20.0.16", "bytedance")] {
        let row = format!("phonehome_host_finding_info{{host=\"{host}\",vendor=\"{vendor}\"");
        assert!(hosts_page.contains(&row), "{hosts_page}");
        let first = watch.host_shown(host, vendor);
        let packet = read.iter().filter(|it| it.host == host).map(|it| it.at);
        let delay = first.duration_since(packet.min().unwrap()).unwrap();
        assert!(delay < LIMIT, "{host} was in the metrics after {delay:?}");
    }
    let open = sensor::sums(&metrics, "phonehome_open_findings", "vendor");
    assert!(
        open["kaspersky"] >= 1.0 && open["bytedance"] >= 1.0,
        "{open:?}"
    );
    let of = |name: &str| sensor::sum(&metrics, &format!("phonehome_capture_{name}_frames_total"));
    assert_eq!(of("dropped"), 0.0);
}

fn verdict<'a>(document: &'a Value, host: &str, vendor: &str) -> &'a str {
    find(document, host, vendor).map_or("none", |it| it["verdict"].as_str().unwrap())
}

fn find<'a>(document: &'a Value, host: &str, vendor: &str) -> Option<&'a Value> {
    let findings = document["findings"].as_array().unwrap();
    findings
        .iter()
        .find(|it| it["host"] == host && it["vendor"]["id"] == vendor)
}

/// How soon after its packet a name has to show.
const LIMIT: Duration = Duration::from_secs(2);
