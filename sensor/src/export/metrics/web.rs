//! Metrics of the web server.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::proto::Metric;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts};

use super::page::{Page, encode};

/// Counters of the web server: requests, the time that answers take, and what was refused.
#[derive(Clone, Debug)]
pub struct Web {
    requests: IntCounterVec,
    durations: HistogramVec,
    connections: IntGauge,
    ended: IntCounterVec,
    config_loads: IntCounterVec,
    config_good: IntGauge,
}

/// Why the server ended a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// Another connection needed its place, or the room for its answer.
    Displaced,
    /// The handshake of TLS failed.
    Handshake,
    /// It came too soon after others of its address.
    Pace,
    /// No request came, or its answer was not taken, in time.
    Timeout,
}

impl Ended {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::Displaced, Self::Handshake, Self::Pace, Self::Timeout];

    /// The word for it in labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Displaced => "displaced",
            Self::Handshake => "handshake",
            Self::Pace => "pace",
            Self::Timeout => "timeout",
        }
    }
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
        let connections = IntGauge::new("phonehome_http_connections", "HTTP connections open.");
        let ended = IntCounterVec::new(
            Opts::new(
                "phonehome_http_connections_ended_total",
                "HTTP connections that the sensor ended, by why.",
            ),
            &["reason"],
        );
        let config_loads = IntCounterVec::new(
            Opts::new(
                "phonehome_web_config_loads_total",
                "Versions of the web file that came while the sensor ran.",
            ),
            &["result"],
        );
        let config_good = IntGauge::new(
            "phonehome_web_config_last_load_successful",
            "Whether the newest version of the web file holds; also 1 without such a file.",
        );
        let web = Self {
            requests: requests.ok()?,
            durations: durations.ok()?,
            connections: connections.ok()?,
            ended: ended.ok()?,
            config_loads: config_loads.ok()?,
            config_good: config_good.ok()?,
        };
        web.config_good.set(1);
        for reason in Ended::ALL {
            web.ended.with_label_values(&[reason.as_str()]);
        }
        for result in RESULTS {
            web.config_loads.with_label_values(&[result]);
        }
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

    /// Counts connections that the server ended.
    pub fn ended(&self, why: Ended, count: usize) {
        let ended = self.ended.with_label_values(&[why.as_str()]);
        ended.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Notes how many connections are open.
    pub fn open(&self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.connections.set(count);
    }

    /// Counts another version of the web file.
    pub fn config_loaded(&self, is_good: bool) {
        let result = RESULTS[usize::from(!is_good)];
        self.config_loads.with_label_values(&[result]).inc();
        self.config_good.set(i64::from(is_good));
    }

    /// Writes the counters, rows in order of their labels. `not_after` is the end of the server's
    /// certificate, if it has one, in seconds since 1970.
    #[must_use]
    pub fn text(&self, not_after: Option<i64>) -> String {
        let mut families = self.requests.collect();
        families.extend(self.durations.collect());
        families.extend(self.connections.collect());
        families.extend(self.ended.collect());
        families.extend(self.config_loads.collect());
        families.extend(self.config_good.collect());
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
        let mut page = Page::default();
        page.gauge(
            "phonehome_web_certificate_not_after_timestamp_seconds",
            "When the certificate of the web server expires; absent without one.",
            [],
            not_after.map(|it| ([], it as f64)),
        );
        encode(&families) + &page.into_text()
    }
}

/// What can come of a new version of the web file.
const RESULTS: [&str; 2] = ["success", "failure"];

/// Upper bounds of the buckets of answer times, in seconds.
const DURATION_BOUNDS: [f64; 7] = [0.000_5, 0.001, 0.005, 0.02, 0.1, 0.5, 2.0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_from_zero() {
        let web = Web::new(&[("metrics", &[200, 405])]).unwrap();
        web.answered("metrics", 200, Duration::from_millis(3));
        web.ended(Ended::Pace, 2);
        web.config_loaded(false);
        let text = web.text(None);
        let expected = [
            "phonehome_http_requests_total{code=\"200\",handler=\"metrics\"} 1",
            "phonehome_http_requests_total{code=\"405\",handler=\"metrics\"} 0",
            "phonehome_http_request_duration_seconds_count{handler=\"metrics\"} 1",
            "phonehome_http_connections_ended_total{reason=\"pace\"} 2",
            "phonehome_http_connections_ended_total{reason=\"timeout\"} 0",
            "phonehome_web_config_loads_total{result=\"failure\"} 1",
            "phonehome_web_config_last_load_successful 0",
        ];
        for line in expected {
            assert!(text.lines().any(|it| it == line), "no {line}");
        }
    }
}
