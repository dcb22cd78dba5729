//! Metrics of the web server.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::proto::Metric;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts};

use super::page::encode;

/// Counters of the web server: requests, and the time that answers take.
#[derive(Clone, Debug)]
pub struct Web {
    requests: IntCounterVec,
    durations: HistogramVec,
}

impl Web {
    /// Starts all counters at zero, for these handlers and the status codes each can give.
    ///
    /// `None` if a handler is there twice or the library refuses a name.
    #[must_use]
    pub fn new(handlers: &[(&str, &[u16])]) -> Option<Self> {
        let requests = IntCounterVec::new(
            Opts::new("phonehome_http_requests_total", "HTTP requests answered."),
            &["handler", "code"],
        );
        let durations = HistogramVec::new(
            HistogramOpts::new(
                "phonehome_http_request_duration_seconds",
                "Time taken to answer.",
            )
            .buckets(DURATION_BOUNDS.to_vec()),
            &["handler"],
        );
        let web = Self {
            requests: requests.ok()?,
            durations: durations.ok()?,
        };
        for (handler, codes) in handlers {
            web.durations.with_label_values(&[handler]);
            for code in *codes {
                web.requests
                    .with_label_values(&[*handler, &code.to_string()]);
            }
        }
        Some(web)
    }

    /// Counts an answer.
    pub fn answered(&self, handler: &str, code: u16, duration: Duration) {
        let code = code.to_string();
        self.requests.with_label_values(&[handler, &code]).inc();
        let durations = self.durations.with_label_values(&[handler]);
        durations.observe(duration.as_secs_f64());
    }

    /// Writes the counters, rows in order of their labels.
    #[must_use]
    pub fn text(&self) -> String {
        let mut families = self.requests.collect();
        families.extend(self.durations.collect());
        for family in &mut families {
            let mut rows = family.take_metric();
            rows.sort_by(|one, other| {
                let labels = |it: &Metric| -> Vec<String> {
                    it.get_label()
                        .iter()
                        .map(|it| it.value().to_owned())
                        .collect()
                };
                labels(one).cmp(&labels(other))
            });
            family.set_metric(rows);
        }
        encode(&families)
    }
}

/// Upper bounds of the buckets of answer times, in seconds.
const DURATION_BOUNDS: [f64; 7] = [0.000_5, 0.001, 0.005, 0.02, 0.1, 0.5, 2.0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_from_zero() {
        let web = Web::new(&[("metrics", &[200, 405])]).unwrap();
        web.answered("metrics", 200, Duration::from_millis(3));
        let text = web.text();
        let expected = [
            "phonehome_http_requests_total{code=\"200\",handler=\"metrics\"} 1",
            "phonehome_http_requests_total{code=\"405\",handler=\"metrics\"} 0",
            "phonehome_http_request_duration_seconds_count{handler=\"metrics\"} 1",
        ];
        for line in expected {
            assert!(text.lines().any(|it| it == line), "no {line}");
        }
    }
}
