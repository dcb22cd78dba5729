//! The report as one HTML file: no script, nothing from elsewhere, and a policy that allows neither.
//!
//! What stands where is in `templates/report.html`. It fits a telephone and a page of paper. Fields
//! that people have to fill in are lines in print.

use askama::Template;
use ring::digest;

use super::Report;
use super::elements::ByHand;
use super::page::Page;
use crate::export::events::community::base64;

/// Writes the report; `None` if that fails.
#[must_use]
pub fn html(report: &Report<'_>) -> Option<String> {
    let page = Page::of(report);
    let policy = format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src \
         'sha256-{}'",
        base64(digest::digest(&digest::SHA256, STYLE.as_bytes()).as_ref())
    );
    Html {
        page: &page,
        style: STYLE,
        policy,
    }
    .render()
    .ok()
}

#[derive(Template)]
#[template(path = "report.html")]
struct Html<'a> {
    page: &'a Page,
    style: &'static str,
    policy: String,
}

/// The style sheet: that of the status page, and what reports have beside.
pub const STYLE: &str = concat!(
    include_str!("../../../templates/status.css"),
    include_str!("../../../templates/report.css")
);
