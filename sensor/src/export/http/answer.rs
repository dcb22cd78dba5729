//! Answers: a status, a body, and the headers that every answer has.

use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::Response;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HeaderName, HeaderValue, REFERRER_POLICY, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use hyper::http::StatusCode;
use ring::digest;

use crate::export::events::community::base64;
use crate::export::metrics;

/// An answer as it goes to the client.
pub(super) type Reply = Response<Octets>;

/// An answer, to be sent to one client or to many: a copy shares the body.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Its status code.
    pub(super) code: u16,
    kind: Kind,
    body: Bytes,
    is_packed: bool,
    /// What a browser may load for it.
    policy: Arc<str>,
}

/// Kind of a body.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    Html,
    Json,
    Csv,
    Markdown,
    Metrics,
}

impl Answer {
    pub(super) fn new(code: u16, kind: Kind, body: Vec<u8>) -> Self {
        Self {
            code,
            kind,
            body: body.into(),
            is_packed: false,
            policy: POLICY.into(),
        }
    }

    pub(super) fn text(code: u16, text: &str) -> Self {
        Self::new(code, Kind::Text, text.as_bytes().to_vec())
    }

    /// A page whose only style sheet is `style`; the policy allows that one, by its digest.
    pub(super) fn page(html: String, style: &str) -> Self {
        let hash = base64(digest::digest(&digest::SHA256, style.as_bytes()).as_ref());
        let mut page = Self::new(200, Kind::Html, html.into_bytes());
        page.policy = format!("{POLICY}; img-src data:; style-src 'sha256-{hash}'").into();
        page
    }

    /// Packs the body with gzip, if it is long enough to be worth it.
    pub(super) fn packed(mut self) -> Self {
        if self.body.len() >= WORTH_PACKING
            && !self.is_packed
            && let Ok(packed) = gzip(&self.body)
        {
            self.body = packed.into();
            self.is_packed = true;
        }
        self
    }

    /// Octets of the body.
    pub(super) fn len(&self) -> usize {
        self.body.len()
    }

    /// The answer to one request; `is_head` leaves the body out and keeps its length. `sending` is
    /// told how the sending goes on.
    pub(super) fn into_reply(self, is_head: bool, sending: Option<Arc<dyn Sending>>) -> Reply {
        let length = self.body.len();
        let mut reply = Response::new(Octets {
            rest: if is_head { Bytes::new() } else { self.body },
            sending,
        });
        *reply.status_mut() =
            StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = reply.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        let mut insert = |name: HeaderName, value| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        insert(CONTENT_TYPE, self.kind.content_type());
        insert(CACHE_CONTROL, "no-store");
        insert(X_CONTENT_TYPE_OPTIONS, "nosniff");
        insert(X_FRAME_OPTIONS, "DENY");
        insert(REFERRER_POLICY, "no-referrer");
        insert(CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
        insert(VARY, "accept-encoding");
        if self.is_packed {
            insert(CONTENT_ENCODING, "gzip");
        }
        if self.code == 405 {
            insert(ALLOW, "GET, HEAD");
        }
        if self.code == 401 {
            insert(
                WWW_AUTHENTICATE,
                "Basic realm=\"phonehome\", charset=\"UTF-8\"",
            );
        }
        if let Ok(policy) = HeaderValue::try_from(&*self.policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        reply
    }
}

/// Is told how the sending of an answer goes on. It is dropped when the last octet has been taken.
pub(super) trait Sending: Send + Sync {
    /// A piece of the body has been taken.
    fn goes_on(&self);
}

/// The octets of a body, given out in pieces: that the client takes them shows by piece.
pub(super) struct Octets {
    rest: Bytes,
    sending: Option<Arc<dyn Sending>>,
}

impl Body for Octets {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(sending) = &self.sending {
            sending.goes_on();
        }
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(piece);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

impl Kind {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Metrics => metrics::CONTENT_TYPE,
        }
    }
}

/// Whether an `Accept-Encoding` header takes gzip (RFC 9110 section 12.5.3).
///
/// A weight of zero refuses; `*` stands for gzip unless gzip is named.
pub(super) fn takes_gzip(accept: &str) -> bool {
    let mut any = false;
    for part in accept.split(',') {
        let mut fields = part.split(';').map(str::trim);
        let coding = fields.next().unwrap_or_default();
        let refused = fields
            .filter_map(|it| it.strip_prefix("q="))
            .any(|it| it.parse::<f32>().is_ok_and(|weight| weight <= 0.0));
        if coding.eq_ignore_ascii_case("gzip") {
            return !refused;
        }
        any |= coding == "*" && !refused;
    }
    any
}

fn gzip(octets: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(octets)?;
    encoder.finish()
}

/// A browser may load nothing, run nothing, and show it in no frame.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// Octets of a body that are given out at once.
const PIECE: usize = 64 << 10;

/// Bodies shorter than this are sent as they are.
const WORTH_PACKING: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_only_where_it_is_asked_for() {
        for yes in [
            "gzip",
            "deflate, gzip;q=0.5",
            "GZIP",
            "*",
            "br;q=1.0, *;q=0.1",
        ] {
            assert!(takes_gzip(yes), "{yes}");
        }
        for no in [
            "",
            "br",
            "gzip;q=0",
            "gzip; q=0.000",
            "*;q=0",
            "gzip;q=0, *",
            "xgzip",
        ] {
            assert!(!takes_gzip(no), "{no}");
        }
    }
}
