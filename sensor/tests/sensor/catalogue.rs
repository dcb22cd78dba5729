//! The metrics that the sensor exports, with their labels: what rules and dashboards may ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use phonehome_signatures::Category;

use super::{samples, tests};

/// Values by label by metric.
pub(crate) type Metrics = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Metrics that the sensor exports, with their labels and the values of these: those of the golden
/// text, which has a bit of everything, and those of host rows; and what Prometheus adds itself.
pub(crate) fn exported() -> Metrics {
    let golden = fs::read_to_string(tests().join("golden/metrics.txt")).unwrap();
    let mut rows = "up 1\n".to_owned();
    for (metric, source) in ELSEWHERE {
        let source = tests().join("../src/export/metrics").join(source);
        let source = fs::read_to_string(source).unwrap();
        let name = metric.split('{').next().unwrap();
        let name = name.trim_end_matches("_bucket");
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
        rows.push_str(&format!("{metric} 0\n"));
    }
    for metric in OF_THE_LIBRARY {
        rows.push_str(&format!("{metric} 0\n"));
    }
    let mut metrics = Metrics::new();
    for sample in samples(&(golden + &rows)) {
        let labels = metrics.entry(sample.name).or_default();
        for (label, value) in sample.labels {
            labels.entry(label).or_default().insert(value);
        }
    }
    // Rows of hosts have the words of the sums.
    for (word, sums) in [
        ("verdict", "phonehome_open_findings"),
        ("state", "phonehome_findings"),
    ] {
        let values = metrics[sums][word].clone();
        let rows = metrics.get_mut("phonehome_host_finding_info").unwrap();
        rows.insert(word.to_owned(), values);
    }
    // Any category may be in a pack; a live capture is in no golden text.
    let categories = Category::ALL.iter().map(|it| it.as_str().to_owned());
    for labels in metrics.values_mut() {
        if let Some(values) = labels.get_mut("category") {
            values.extend(categories.clone());
        }
        if let Some(values) = labels.get_mut("mode") {
            values.insert("live".to_owned());
        }
    }
    metrics
}

/// Metrics that are not in the golden text, and the sources that write them.
const ELSEWHERE: [(&str, &str); 14] = [
    ("phonehome_config_last_reload_successful", "own.rs"),
    ("phonehome_host_rows_omitted", "hosts.rs"),
    (
        "phonehome_host_first_seen_timestamp_seconds{host=\"\",vendor=\"\",product=\"\"}",
        "hosts.rs",
    ),
    (
        "phonehome_host_last_seen_timestamp_seconds{host=\"\",vendor=\"\",product=\"\"}",
        "hosts.rs",
    ),
    (
        "phonehome_host_sightings_total{host=\"\",vendor=\"\",product=\"\"}",
        "hosts.rs",
    ),
    (
        "phonehome_host_finding_info{host=\"\",vendor=\"\",product=\"\",verdict=\"\",state=\"\"}",
        "hosts.rs",
    ),
    ("phonehome_store_last_save_timestamp_seconds", "store.rs"),
    ("phonehome_store_save_failures_total", "store.rs"),
    (
        "phonehome_store_save_duration_seconds_bucket{le=\"\"}",
        "store.rs",
    ),
    ("phonehome_store_file_bytes", "store.rs"),
    ("phonehome_web_config_last_load_successful", "web.rs"),
    (
        "phonehome_web_certificate_not_after_timestamp_seconds",
        "web.rs",
    ),
    (
        "phonehome_http_requests_total{handler=\"\",code=\"\"}",
        "web.rs",
    ),
    (
        "phonehome_http_request_duration_seconds_bucket{handler=\"\",le=\"\"}",
        "web.rs",
    ),
];

/// Metrics of the process, by the library.
const OF_THE_LIBRARY: [&str; 2] = ["process_cpu_seconds_total", "process_resident_memory_bytes"];
