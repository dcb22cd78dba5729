//! HTTP/1 request heads (RFC 9110, RFC 9112): which host a client asks for.
//!
//! [`may_begin_request`] tells from a few octets whether a payload is worth keeping. [`request`]
//! takes the beginning of a client's stream and gives the host of the `Host` field, of an absolute
//! URI (as a proxy gets it) and of a CONNECT. [`host_of_partial`] takes what can be had of a head
//! that will not become complete.
//!
//! Heads on real networks break the rules: raw octets in the target, null octets in a field,
//! hundreds of fields, no target. What `httparse` refuses is read line by line instead, as long as
//! the request line has a method and names HTTP/1. Not read: responses, bodies, requests without a
//! version (HTTP/0.9), other protocols with the same grammar (RTSP, SIP, SSDP), and HTTP/2.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use httparse::{EMPTY_HEADER, ParserConfig, Status};

use crate::names::{Malformed, Name, Parse, Parsed};
use crate::reader::Reader;

use authority::{host_and_port, split_once};

mod authority;

/// What a request head says of its destination.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// Host of the first `Host` field, without port; `None` if there is none or it is empty.
    pub host: Option<Name>,
    /// Host of a target in absolute form, without user and port (RFC 9112 section 3.2.2).
    pub absolute: Option<Name>,
    /// Host of the target of a CONNECT, without port (RFC 9112 section 3.2.3).
    pub connect: Option<Name>,
    /// Port of the target of a CONNECT.
    pub connect_port: Option<u16>,
    /// Octets up to the end of the head: what follows a CONNECT belongs to the tunnelled stream.
    /// Of a head that is not complete, octets of its complete lines.
    pub head_len: usize,
}

/// Whether the octets may be the beginning of a request: a method of 3 to 20 capital letters
/// (`RPC_IN_DATA` and `VERSION-CONTROL` are methods too, the M-SEARCH of SSDP is not one), a space,
/// and the first octet of a fitting target; or less, if the payload ends before. Empty lines may
/// stand before the method.
///
/// Meant to be asked of any payload: it looks at one octet of most.
#[inline]
#[must_use]
pub fn may_begin_request(payload: &[u8]) -> bool {
    match payload {
        [b'A'..=b'Z', ..] => has_method_and_target(payload),
        [b'\r' | b'\n', ..] => {
            let head = without_empty_lines(payload);
            matches!(head, [b'A'..=b'Z', ..]) && has_method_and_target(head)
        }
        _ => false,
    }
}

/// Reads the request head at the beginning of a client's stream.
///
/// `prefix` grows from call to call; no state is kept between calls. Empty lines before the request
/// are passed over (RFC 9112 section 2.2), and lines may end with LF alone.
///
/// Returns [`Parse::Incomplete`] while `prefix` is the beginning of a head of less than
/// [`MAX_HEAD`] octets. A complete head may name no host.
///
/// # Errors
///
/// [`Malformed`] if this is no request, or its head is too long; of the latter,
/// [`host_of_partial`] may still find the host.
pub fn request(prefix: &[u8]) -> Parsed<Request> {
    let head = without_empty_lines(prefix);
    if !head.is_empty() && !may_begin_request(head) {
        return Err(Malformed::at("method"));
    }
    let mut fields = [EMPTY_HEADER; MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    let status = ParserConfig::default()
        .ignore_invalid_headers_in_requests(true)
        .parse_request(&mut parsed, head);
    match (status, parsed.method, parsed.path) {
        (Ok(Status::Complete(len)), Some(method), Some(target)) => {
            let line = RequestLine {
                method: method.as_bytes(),
                target: target.as_bytes(),
            };
            let host = parsed.headers.iter().find(|it| is_host(it.name.as_bytes()));
            let rest = head.len().saturating_sub(len);
            let head_len = prefix.len().saturating_sub(rest);
            Ok(Parse::Done(line.request(host.map(|it| it.value), head_len)))
        }
        (Ok(_), _, _) => incomplete(prefix),
        (Err(_), _, _) => match by_lines(prefix)? {
            Some(lines) if lines.are_complete => Ok(Parse::Done(lines.request)),
            Some(_) | None => incomplete(prefix),
        },
    }
}

/// Reads the complete lines of a head that is cut off, or too long for [`request`].
///
/// For callers that will get no more of the stream. `None` if `prefix` does not begin with a
/// complete request line; `head_len` is that of the complete lines.
#[must_use]
pub fn host_of_partial(prefix: &[u8]) -> Option<Request> {
    let lines = by_lines(prefix).ok()??;
    Some(lines.request)
}

/// Most octets of a head. Servers take 8 to 64 KiB.
pub const MAX_HEAD: usize = 64 * 1024;

/// Fields that `httparse` has room for; a head with more is read line by line.
const MAX_FIELDS: usize = 64;
/// Longest method in the registry is `UPDATEREDIRECTREF`, of 17 letters.
const MAX_METHOD: usize = 20;
/// Shortest method in the registry.
const MIN_METHOD: usize = 3;
fn has_method_and_target(payload: &[u8]) -> bool {
    let mut letters = payload.iter().take(MAX_METHOD.saturating_add(1));
    let is_letter = |it: &u8| it.is_ascii_uppercase() || matches!(it, b'_' | b'-');
    let Some(len) = letters.position(|it| !is_letter(it)) else {
        return payload.len() <= MAX_METHOD;
    };
    let Some((method, rest)) = payload.split_at_checked(len) else {
        return false;
    };
    // Some clients put two spaces before the target.
    let rest = match rest {
        [b' ', behind @ ..] if behind.first() == Some(&b' ') => behind,
        rest => rest,
    };
    let is_fitting = match rest {
        [b' '] | [b' ', b'/' | b'*' | b'h' | b'H' | b'w' | b'W', ..] => true,
        [b' ', first, ..] => method == b"CONNECT" && is_host_begin(*first),
        _ => false,
    };
    is_fitting && len >= MIN_METHOD && method != b"M-SEARCH"
}

const fn is_host_begin(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'[' | b'_')
}

fn without_empty_lines(prefix: &[u8]) -> &[u8] {
    let mut rest = prefix;
    while let [b'\n', behind @ ..] | [b'\r', b'\n', behind @ ..] = rest {
        rest = behind;
    }
    // Of the next empty line, the end may be missing.
    if rest == b"\r" { &[] } else { rest }
}

fn incomplete(prefix: &[u8]) -> Parsed<Request> {
    if prefix.len() < MAX_HEAD {
        Ok(Parse::Incomplete)
    } else {
        Err(Malformed::at("head"))
    }
}

fn is_host(field_name: &[u8]) -> bool {
    field_name.eq_ignore_ascii_case(b"host")
}

/// What the lines of a head say.
struct Lines {
    request: Request,
    /// Whether the empty line is there that ends the head.
    are_complete: bool,
}

/// Reads complete lines as far as they go, whatever is in the fields. `None` if not even the
/// request line is complete.
fn by_lines(prefix: &[u8]) -> Result<Option<Lines>, Malformed> {
    let mut rest = Reader::new(without_empty_lines(prefix));
    let Some(line) = next_line(&mut rest) else {
        let line = rest.rest();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        return if line.iter().any(u8::is_ascii_control) {
            Err(Malformed::at("request-line"))
        } else {
            Ok(None)
        };
    };
    let line = RequestLine::read(line).ok_or(Malformed::at("request-line"))?;
    let mut host = None;
    let mut are_complete = false;
    while let Some(field) = next_line(&mut rest) {
        if field.is_empty() {
            are_complete = true;
            break;
        }
        host = host.or_else(|| host_value(field));
    }
    Ok(Some(Lines {
        request: line.request(host, prefix.len().saturating_sub(rest.len())),
        are_complete,
    }))
}

/// Takes a line, and gives it without its end.
fn next_line<'p>(rest: &mut Reader<'p>) -> Option<&'p [u8]> {
    let len = rest.rest().iter().position(|&it| it == b'\n')?;
    let line = rest.take(len)?;
    rest.skip(1)?;
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

fn host_value(field: &[u8]) -> Option<&[u8]> {
    let (name, value) = split_once(field, b':')?;
    is_host(name).then_some(value)
}

/// The parts of a request line that matter.
#[derive(Clone, Copy)]
struct RequestLine<'p> {
    method: &'p [u8],
    target: &'p [u8],
}

impl<'p> RequestLine<'p> {
    /// Splits a line at its first and last space, so that a target may hold others; a line with one
    /// space has no target.
    fn read(line: &'p [u8]) -> Option<Self> {
        if !may_begin_request(line) || line.iter().any(u8::is_ascii_control) {
            return None;
        }
        let (method, rest) = split_once(line, b' ')?;
        let last_space = rest.iter().rposition(|&it| it == b' ');
        let (target, version) = rest.split_at_checked(last_space.unwrap_or(0))?;
        let target = target.trim_ascii_start();
        let version = version.strip_prefix(b" ").unwrap_or(version);
        let is_version_1 = matches!(version, [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor]
            if minor.is_ascii_digit());
        is_version_1.then_some(Self { method, target })
    }

    fn request(self, host: Option<&[u8]>, head_len: usize) -> Request {
        let is_host = self.target.first().is_some_and(|it| is_host_begin(*it));
        let is_connect = self.method == b"CONNECT" && is_host;
        let tunnel = is_connect.then(|| host_and_port(self.target));
        Request {
            host: host.and_then(|it| host_and_port(it).0),
            absolute: authority::of_target(self.target).and_then(|it| host_and_port(it).0),
            connect: tunnel.as_ref().and_then(|it| it.0.clone()),
            connect_port: tunnel.and_then(|it| it.1),
            head_len,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A browser's request, with the first lines of what browsers send.
    const GET: &[u8] = b"GET /a/b?c=http://not.example/ HTTP/1.1\r\n\
        User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
        Host: Www.Example.com:8080\r\n\
        Accept: */*\r\n\
        X-Forwarded-Host: not.example\r\n\
        \r\n";

    const CONNECT: &[u8] = b"CONNECT ds.example.net:443 HTTP/1.1\r\n\
        Host: proxy.example:3128\r\n\
        \r\n";

    #[test]
    fn a_connect_to_no_host_has_the_host_of_its_field() {
        let request = done(b"CONNECT / HTTP/1.1\nHost: a.example\n\n");
        assert_eq!(request.connect, None);
        assert_eq!(request.host.unwrap().as_str(), "a.example");
    }

    #[test]
    fn two_spaces_before_the_target_do_no_harm() {
        let request = done(b"GET  /  HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert_eq!(request.host.unwrap().as_str(), "a.example");
    }

    #[test]
    fn the_host_field_is_read_without_its_port() {
        let expected = Request {
            host: name("www.example.com"),
            absolute: None,
            connect: None,
            connect_port: None,
            head_len: GET.len(),
        };
        assert_eq!(request(GET), Ok(Parse::Done(expected)));
    }

    #[test]
    fn every_prefix_is_incomplete_and_may_begin_a_request() {
        for head in [GET, CONNECT, b"\r\n\nGET / HTTP/1.0\nhost:a\n\n"] {
            for len in 0..head.len() {
                assert_eq!(request(&head[..len]), Ok(Parse::Incomplete), "{len} octets");
                let begin = &head[..len];
                let is_empty = without_empty_lines(begin).is_empty();
                assert_eq!(may_begin_request(begin), !is_empty, "{len} octets");
            }
        }
    }

    #[test]
    fn what_follows_the_head_is_not_read() {
        let stream = [CONNECT, b"\x16\x03\x01\nHost: not.example\r\n\r\n"].concat();
        let request = done(&stream);
        assert_eq!(request.connect, name("ds.example.net"));
        assert_eq!(request.connect_port, Some(443));
        assert_eq!(request.host, name("proxy.example"));
        assert_eq!(request.absolute, None);
        assert_eq!(request.head_len, CONNECT.len());
    }

    #[test]
    fn an_absolute_target_and_the_host_field_are_told_apart() {
        let request = done(b"GET http://u@a.example:80/ HTTP/1.1\r\nHost: b.example\r\n\r\n");
        assert_eq!(request.absolute, name("a.example"));
        assert_eq!(request.host, name("b.example"));
        assert_eq!((request.connect, request.connect_port), (None, None));
    }

    #[test]
    fn a_target_has_one_form_by_its_method() {
        let request = done(b"POST http://a.example:80/ HTTP/1.1\r\n\r\n");
        assert_eq!((request.connect, request.connect_port), (None, None));
        let request = done(b"CONNECT a.example HTTP/1.1\r\n\r\n");
        assert_eq!(
            (request.connect, request.connect_port),
            (name("a.example"), None)
        );
        assert_eq!((request.absolute, request.host), (None, None));
    }

    #[test]
    fn only_the_first_host_counts() {
        let head = b"GET / HTTP/1.1\r\nHost:\r\nHost: second.example\r\n\r\n";
        assert_eq!(done(head).host, None);
        assert_eq!(host_of_partial(head).unwrap().host, None);
        let head = b"GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n";
        assert_eq!(done(head).host, name("a.example"));
        assert_eq!(host_of_partial(head).unwrap().host, name("a.example"));
    }

    #[test]
    fn lines_may_end_with_lf_and_field_names_have_any_case() {
        let head = b"\r\n\nPOST / HTTP/1.0\nhOST: a.example\n\nbody";
        let request = done(head);
        assert_eq!(request.host, name("a.example"));
        assert_eq!(request.head_len, head.len() - 4);
    }

    #[test]
    fn fields_that_break_the_rules_do_not_hide_the_host() {
        for odd in [
            &b"X: a\0b"[..],
            b"\x01: a",
            b"no colon",
            b" folded",
            b"Host : not.example",
            b"X: \xff\x01",
            b"X: a\rb",
            b": a",
        ] {
            let head = [b"GET / HTTP/1.1\r\n", odd, b"\r\nHost: a.example\r\n\r\n"].concat();
            assert_eq!(done(&head).host, name("a.example"), "{odd:?}");
            assert_eq!(done(&head).head_len, head.len(), "{odd:?}");
            for len in 0..head.len() {
                assert_eq!(
                    request(&head[..len]),
                    Ok(Parse::Incomplete),
                    "{odd:?}, {len}"
                );
            }
        }
    }

    #[test]
    fn targets_that_break_the_rules_do_not_hide_the_host() {
        for odd in [
            &b"/a b"[..],
            b"/caf\xe9",
            b"/a HTTP/1.1 b",
            b"http://b.example/a b",
        ] {
            let head = [b"GET ", odd, b" HTTP/1.1\r\nHost: a.example\r\n\r\n"].concat();
            assert_eq!(done(&head).host, name("a.example"), "{odd:?}");
            for len in 0..head.len() {
                assert_eq!(
                    request(&head[..len]),
                    Ok(Parse::Incomplete),
                    "{odd:?}, {len}"
                );
            }
        }
    }

    #[test]
    fn a_request_line_without_a_target_does_not_hide_the_host() {
        for line in ["GET HTTP/1.1", "GET  HTTP/1.0", "CONNECT HTTP/1.1"] {
            let head = format!("{line}\r\nno colon\r\nHost: a.example\r\n\r\n");
            let expected = Request {
                host: name("a.example"),
                absolute: None,
                connect: None,
                connect_port: None,
                head_len: head.len(),
            };
            assert_eq!(done(head.as_bytes()), expected, "{line}");
            for len in 0..head.len() {
                let prefix = &head.as_bytes()[..len];
                assert_eq!(request(prefix), Ok(Parse::Incomplete), "{line}, {len}");
            }
        }
        for line in [
            "GET /HTTP/1.1",
            "GET HTTP/2.0",
            "GET HTTP/1.1x",
            "GETHTTP/1.1",
        ] {
            let head = format!("{line}\r\nHost: a.example\r\n\r\n");
            assert!(request(head.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn a_head_with_many_fields_is_read() {
        let fields = "X-Filler: 1\r\n".repeat(MAX_FIELDS + 1);
        let head = format!("GET / HTTP/1.1\r\n{fields}Host: a.example\r\n\r\n");
        assert_eq!(done(head.as_bytes()).host, name("a.example"));
        assert_eq!(done(head.as_bytes()).head_len, head.len());
    }

    #[test]
    fn a_head_that_is_too_long_is_malformed_and_keeps_its_host() {
        let begin = "GET / HTTP/1.1\r\nHost: a.example\r\nCookie: ";
        let filler = "x".repeat(MAX_HEAD - begin.len());
        let head = format!("{begin}{filler}");
        assert_eq!(
            request(&head.as_bytes()[..MAX_HEAD - 1]),
            Ok(Parse::Incomplete)
        );
        assert_eq!(request(head.as_bytes()), Err(Malformed::at("head")));
        let partial = host_of_partial(head.as_bytes()).unwrap();
        assert_eq!(partial.host, name("a.example"));
    }

    #[test]
    fn of_a_head_that_is_cut_off_complete_lines_are_read() {
        let line_end = GET.iter().position(|&it| it == b'\n').unwrap() + 1;
        let host_end = GET.len() - "Accept: */*\r\nX-Forwarded-Host: not.example\r\n\r\n".len();
        for len in 0..GET.len() {
            let partial = host_of_partial(&GET[..len]);
            assert_eq!(partial.is_some(), len >= line_end, "{len} octets");
            let host = partial.and_then(|it| it.host);
            assert_eq!(host.is_some(), len >= host_end, "{len} octets");
        }
        let partial = host_of_partial(&GET[..host_end + 3]).unwrap();
        assert_eq!(partial.head_len, host_end);
        let connect = host_of_partial(&CONNECT[..CONNECT.len() - 5]).unwrap();
        assert_eq!(connect.connect, name("ds.example.net"));
    }

    #[test]
    fn other_protocols_are_malformed() {
        for other in [
            &b"GET /\r\n"[..],
            b"GET / HTTP/2.0\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
            b"OPTIONS rtsp://a.example/ RTSP/1.0\r\nCSeq: 1\r\n\r\n",
            b"INVITE sip:a@b.example SIP/2.0\r\n\r\n",
            b"M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"get / HTTP/1.1\r\n\r\n",
            b"GET /\x01 HTTP/1.1\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"EHLO a.example\r\n",
            b"\x16\x03\x01\x02\x00\x01",
            b"\r\r\n",
        ] {
            assert!(request(other).is_err(), "{other:?}");
            assert_eq!(host_of_partial(other), None, "{other:?}");
        }
    }

    #[test]
    fn methods_of_capital_letters_may_begin_a_request() {
        for begin in [
            &b"GET /"[..],
            b"PUT *",
            b"POST http://",
            b"PROPFIND /dav",
            b"REPORT /",
            b"RPC_IN_DATA /rpc",
            b"VERSION-CONTROL /",
            b"NOTIFY /event",
            b"OPTIONS *",
            b"GET WS://",
            b"UPDATEREDIRECTREF /",
            b"CONNECT a.example:443",
            b"CONNECT [::1]:443",
            b"GE",
            b"GET ",
            b"\r\nGET /",
            b"\n\r\n\nPOST /",
        ] {
            assert!(may_begin_request(begin), "{begin:?}");
        }
    }

    #[test]
    fn other_octets_do_not_begin_a_request() {
        for other in [
            &b""[..],
            b"\x16\x03\x01",
            b"GE /",
            b"get /",
            b"GET   /",
            b"GET\t/",
            b"GET x",
            b"USER anonymous",
            b"M-SEARCH * HTTP/1.1",
            b"ABCDEFGHIJKLMNOPQRSTU /",
            b"ABCDEFGHIJKLMNOPQRSTUV",
            b"\r\n",
            b"\rGET /",
            b"\r\n GET /",
            b"\r\n\x16\x03\x01",
        ] {
            assert!(!may_begin_request(other), "{other:?}");
        }
    }

    #[test]
    fn no_change_of_one_octet_makes_a_partial_head_tell_another_host_than_the_whole() {
        for at in 0..GET.len() {
            for value in 0..=u8::MAX {
                let mut head = GET.to_vec();
                head[at] = value;
                let Ok(Parse::Done(whole)) = request(&head) else {
                    continue;
                };
                let partial = host_of_partial(&head).unwrap();
                assert_eq!(partial.absolute, whole.absolute);
                assert_eq!(partial.head_len, whole.head_len);
                if whole.host.is_some() {
                    assert_eq!(partial.host, whole.host, "octet {at} is {value}");
                }
            }
        }
    }

    proptest! {
        /// Whatever `httparse` itself takes for a request is one, with the same host.
        #[test]
        fn heads_that_follow_the_rules_are_read_as_httparse_reads_them(
            method in "[A-Z]{3,20}",
            target in "/[!-~]{0,20}",
            fields in proptest::collection::vec(("(?i)(host|x|hos|hosts)", "[a-z.]{0,20}"), 0..8),
            lf in prop_oneof![Just("\n"), Just("\r\n")],
        ) {
            let mut head = format!("{method} {target} HTTP/1.1{lf}");
            for (name, value) in &fields {
                head.push_str(&format!("{name}: {value}{lf}"));
            }
            head.push_str(lf);
            let host = fields.iter().find(|it| it.0.eq_ignore_ascii_case("host"));
            let expected = host.and_then(|it| Name::from_text(it.1.as_bytes()));
            let request = done(head.as_bytes());
            prop_assert_eq!(&request.host, &expected);
            prop_assert_eq!(request.head_len, head.len());
            prop_assert_eq!(host_of_partial(head.as_bytes()), Some(request));
        }

        #[test]
        fn a_longer_prefix_never_undoes_a_decision(
            parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..20),
        ) {
            let octets = [b"GET /", &parts.concat()[..]].concat();
            let mut decision = None;
            for len in 0..=octets.len() {
                let outcome = request(&octets[..len]);
                if let Some(before) = &decision {
                    prop_assert_eq!(before, &outcome, "{} octets of {:?}", len, octets);
                } else if outcome != Ok(Parse::Incomplete) {
                    decision = Some(outcome);
                }
            }
        }
    }

    /// Pieces of heads, right and wrong.
    const PARTS: &[&[u8]] = &[
        b"GET ",
        b"CONNECT ",
        b"/",
        b" HTTP/1.1",
        b"\r\n",
        b"\n",
        b"Host:",
        b"a.b",
        b"\0",
        b"\r",
        b"\xff",
        b" ",
        b":",
    ];

    fn name(text: &str) -> Option<Name> {
        Name::from_text(text.as_bytes())
    }

    fn done(octets: &[u8]) -> Request {
        match request(octets) {
            Ok(Parse::Done(request)) => request,
            other => panic!("{other:?}"),
        }
    }
}
