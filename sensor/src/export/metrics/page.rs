//! A page of metric families, built row by row.
//!
//! Rows come with their labels as arrays, so that a row with a label too few does not compile.

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

/// Families in the order in which they are written.
#[derive(Debug, Default)]
pub(super) struct Page {
    families: Vec<MetricFamily>,
}

impl Page {
    /// Adds a counter. Rows with the same labels are added up, so that zeros may come first.
    pub(super) fn counter<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: [&str; N],
        rows: impl IntoIterator<Item = ([&'a str; N], u64)>,
    ) {
        let rows = sums(rows).into_iter().map(|(values, count)| {
            let mut metric = labelled(labels, values);
            metric.set_counter(counter_of(float(count)));
            metric
        });
        self.family(MetricType::COUNTER, name, help, rows.collect());
    }

    /// Adds a counter of seconds. Rows with the same labels are added up.
    pub(super) fn seconds<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: [&str; N],
        rows: impl IntoIterator<Item = ([&'a str; N], Duration)>,
    ) {
        let mut sums: BTreeMap<[&str; N], Duration> = BTreeMap::new();
        for (values, duration) in rows {
            let sum = sums.entry(values).or_default();
            *sum = sum.saturating_add(duration);
        }
        let rows = sums.into_iter().map(|(values, duration)| {
            let mut metric = labelled(labels, values);
            metric.set_counter(counter_of(duration.as_secs_f64()));
            metric
        });
        self.family(MetricType::COUNTER, name, help, rows.collect());
    }

    /// Adds a gauge that counts. Rows with the same labels are added up.
    pub(super) fn count<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: [&str; N],
        rows: impl IntoIterator<Item = ([&'a str; N], u64)>,
    ) {
        let rows = sums(rows).into_iter();
        self.gauge(
            name,
            help,
            labels,
            rows.map(|(values, it)| (values, float(it))),
        );
    }

    /// Adds a gauge. Of rows with the same labels, as a file given twice makes them, the largest
    /// value is kept.
    pub(super) fn gauge<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: [&str; N],
        rows: impl IntoIterator<Item = ([&'a str; N], f64)>,
    ) {
        let mut largest: BTreeMap<[&str; N], f64> = BTreeMap::new();
        for (values, value) in rows {
            let kept = largest.entry(values).or_insert(value);
            *kept = kept.max(value);
        }
        let rows = largest.into_iter().map(|(values, value)| {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            let mut metric = labelled(labels, values);
            metric.set_gauge(gauge);
            metric
        });
        self.family(MetricType::GAUGE, name, help, rows.collect());
    }

    /// Adds a histogram of seconds without labels: the counts are by the first bound that was kept, the
    /// last are those beyond.
    pub(super) fn histogram(
        &mut self,
        name: &str,
        help: &str,
        bounds: &[Duration],
        counts: &[u64],
        sum: Duration,
    ) {
        let mut total = 0_u64;
        let buckets = bounds.iter().zip(counts).map(|(bound, count)| {
            total = total.saturating_add(*count);
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound.as_secs_f64());
            bucket.set_cumulative_count(total);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(sum.as_secs_f64());
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        self.family(MetricType::HISTOGRAM, name, help, vec![metric]);
    }

    fn family(&mut self, kind: MetricType, name: &str, help: &str, rows: Vec<Metric>) {
        // The format has no way to show a family without a row.
        if rows.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(rows);
        self.families.push(family);
    }

    pub(super) fn into_text(self) -> String {
        encode(&self.families)
    }
}

/// Adds up the counts of rows with the same labels.
fn sums<'a, const N: usize>(
    rows: impl IntoIterator<Item = ([&'a str; N], u64)>,
) -> BTreeMap<[&'a str; N], u64> {
    let mut sums = BTreeMap::new();
    for (values, count) in rows {
        let sum: &mut u64 = sums.entry(values).or_default();
        *sum = sum.saturating_add(count);
    }
    sums
}

fn labelled<const N: usize>(labels: [&str; N], values: [&str; N]) -> Metric {
    let pairs = labels.into_iter().zip(values).map(|(label, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(label.to_owned());
        pair.set_value(value.to_owned());
        pair
    });
    Metric::from_label(pairs.collect())
}

fn counter_of(value: f64) -> Counter {
    let mut counter = Counter::default();
    counter.set_value(value);
    counter
}

/// Writes families as text. The library refuses only families without a name or a row, of which
/// there are none.
pub(super) fn encode(families: &[MetricFamily]) -> String {
    TextEncoder::new()
        .encode_to_string(families)
        .unwrap_or_default()
}

/// A count as the format has it.
#[expect(
    clippy::cast_precision_loss,
    reason = "samples are floating point; counts are whole up to 2^53"
)]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}
