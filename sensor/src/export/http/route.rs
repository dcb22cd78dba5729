//! What can be asked for.

use hyper::Method;

/// What a path stands for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Route {
    Page,
    Metrics,
    Hosts,
    Report,
    Healthy,
    Ready,
    Findings,
    HostList,
    Visibility,
    Directives,
    Signatures,
    Status,
    Reload,
    Unknown,
}

impl Route {
    pub(super) const ALL: [Self; 14] = [
        Self::Page,
        Self::Metrics,
        Self::Hosts,
        Self::Report,
        Self::Healthy,
        Self::Ready,
        Self::Findings,
        Self::HostList,
        Self::Visibility,
        Self::Directives,
        Self::Signatures,
        Self::Status,
        Self::Reload,
        Self::Unknown,
    ];

    /// The route of a path, where `metrics` is the path of the metrics.
    pub(super) fn of(path: &str, metrics: &str) -> Self {
        if path == metrics {
            return Self::Metrics;
        }
        if path.strip_prefix(metrics) == Some("/hosts") {
            return Self::Hosts;
        }
        match path {
            "/" => Self::Page,
            "/report" => Self::Report,
            "/-/healthy" => Self::Healthy,
            "/-/ready" => Self::Ready,
            "/api/v1/findings" => Self::Findings,
            "/api/v1/hosts" => Self::HostList,
            "/api/v1/visibility" => Self::Visibility,
            "/api/v1/directives" => Self::Directives,
            "/api/v1/signatures" => Self::Signatures,
            "/api/v1/status" => Self::Status,
            "/-/reload" => Self::Reload,
            _ => Self::Unknown,
        }
    }

    /// The word for it in metrics.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Page => "status",
            Self::Metrics => "metrics",
            Self::Hosts => "hosts",
            Self::Report => "report",
            Self::Healthy => "healthy",
            Self::Ready => "ready",
            Self::Findings => "findings",
            Self::HostList => "hosts-api",
            Self::Visibility => "visibility",
            Self::Directives => "directives",
            Self::Signatures => "signatures",
            Self::Status => "status-api",
            Self::Reload => "reload",
            Self::Unknown => "other",
        }
    }

    /// The status codes it can give.
    pub(super) const fn codes(self) -> &'static [u16] {
        match self {
            Self::Hosts | Self::Findings | Self::HostList => &[200, 401, 403, 405, 421, 429, 503],
            Self::Report => &[200, 400, 401, 403, 404, 405, 421, 429, 503],
            Self::Ready
            | Self::Page
            | Self::Metrics
            | Self::Healthy
            | Self::Visibility
            | Self::Directives
            | Self::Signatures
            | Self::Status => &[200, 401, 405, 421, 429, 503],
            Self::Reload => &[200, 401, 403, 405, 421, 429, 500, 503],
            Self::Unknown => &[401, 404, 421, 429, 503],
        }
    }

    /// Whether it takes a method.
    pub(super) fn takes(self, method: &Method) -> bool {
        match self {
            Self::Reload => *method == Method::POST,
            _ => matches!(*method, Method::GET | Method::HEAD),
        }
    }

    /// What is said to whom it does not take.
    pub(super) const fn refusal(self) -> &'static str {
        match self {
            Self::Reload => "only POST is answered\n",
            _ => "only GET and HEAD are answered\n",
        }
    }

    /// Whether all of it is about single hosts.
    pub(super) const fn shows_hosts(self) -> bool {
        matches!(
            self,
            Self::Hosts | Self::Findings | Self::HostList | Self::Report
        )
    }
}

/// Why a path cannot be that of the metrics; `None` if it can.
pub(super) fn refuse_metrics_path(path: &str) -> Option<&'static str> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "/-_.~".contains(it);
    if !path.starts_with('/') || path.len() < 2 || path.ends_with('/') {
        Some("it must begin with a slash and go on, such as /metrics")
    } else if !path.chars().all(is_plain) {
        Some("it may hold letters, digits, and the signs / - _ . ~ only")
    } else if Route::of(path, "/metrics") != Route::Metrics
        && Route::of(path, "/metrics") != Route::Unknown
        || path.starts_with("/-/")
        || path.starts_with("/api/")
    {
        Some("something else has this path")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_metrics_can_be_chosen() {
        assert_eq!(Route::of("/metrics", "/metrics"), Route::Metrics);
        assert_eq!(Route::of("/metrics/hosts", "/metrics"), Route::Hosts);
        assert_eq!(Route::of("/m", "/m"), Route::Metrics);
        assert_eq!(Route::of("/m/hosts", "/m"), Route::Hosts);
        assert_eq!(Route::of("/metrics", "/m"), Route::Unknown);
        assert_eq!(Route::of("/metrics/", "/metrics"), Route::Unknown);
    }

    #[test]
    fn paths_that_are_taken_or_no_paths_are_refused() {
        for good in ["/metrics", "/m", "/probe/phone-home_1"] {
            assert_eq!(refuse_metrics_path(good), None, "{good}");
        }
        for bad in [
            "",
            "/",
            "metrics",
            "/m/",
            "/a b",
            "/a?b",
            "/-/healthy",
            "/-/reload",
            "/api/v1/findings",
            "/metrics/hosts",
            "/report",
        ] {
            assert!(refuse_metrics_path(bad).is_some(), "{bad}");
        }
    }
}
