//! The authority of a URI: user, host and port (RFC 3986 section 3.2).

use crate::names::Name;

/// The authority of a target in absolute form.
pub(super) fn of_target(target: &[u8]) -> Option<&[u8]> {
    let behind_scheme = SCHEMES.into_iter().find_map(|scheme| {
        let (begin, rest) = target.split_at_checked(scheme.len())?;
        begin.eq_ignore_ascii_case(scheme).then_some(rest)
    })?;
    behind_scheme
        .split(|it| matches!(it, b'/' | b'?' | b'#'))
        .next()
}

/// Reads `[userinfo "@"] host [":" port]` (RFC 3986 section 3.2), without the user.
///
/// An IPv6 address comes without its brackets. One that has none already has no port.
pub(super) fn host_and_port(authority: &[u8]) -> (Option<Name>, Option<u16>) {
    let authority = authority.trim_ascii();
    let behind_user = authority.rsplit(|&it| it == b'@').next();
    let authority = behind_user.unwrap_or(authority);
    let (host, port) = match authority.strip_prefix(b"[") {
        Some(literal) => {
            let (address, rest) = split_once(literal, b']').unwrap_or((literal, b""));
            (address, rest.strip_prefix(b":").unwrap_or_default())
        }
        None => match split_once(authority, b':') {
            Some((host, port)) if port.iter().all(u8::is_ascii_digit) => (host, port),
            _ => (authority, &b""[..]),
        },
    };
    let name = (host.len() <= MAX_HOST).then(|| Name::from_text(host));
    let port = std::str::from_utf8(port).ok();
    (name.flatten(), port.and_then(|it| it.parse().ok()))
}

/// What stands before and behind the first `at`.
pub(super) fn split_once(octets: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let len = octets.iter().position(|&it| it == at)?;
    let (before, from) = octets.split_at_checked(len)?;
    Some((before, from.get(1..)?))
}

/// Longest host: that of a domain name as text (RFC 1035 section 2.3.4).
const MAX_HOST: usize = 255;
/// Schemes of absolute targets that a proxy forwards as HTTP (RFC 9110 section 4.2, RFC 6455
/// section 3).
const SCHEMES: [&[u8]; 4] = [b"http://", b"https://", b"ws://", b"wss://"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_in_absolute_form_has_an_authority() {
        let authority = |target: &'static str| of_target(target.as_bytes());
        assert_eq!(authority("http://a.example/b"), Some(&b"a.example"[..]));
        assert_eq!(
            authority("HTTPS://a.example:80"),
            Some(&b"a.example:80"[..])
        );
        assert_eq!(authority("ws://a.example?b/c"), Some(&b"a.example"[..]));
        assert_eq!(
            authority("wss://u:p@a.example#b"),
            Some(&b"u:p@a.example"[..])
        );
        assert_eq!(authority("http:///b"), Some(&b""[..]));
    }

    #[test]
    fn a_target_in_another_form_has_none() {
        for target in [
            "/http://a.example/",
            "*",
            "a.example:443",
            "ftp://a.example/",
            "http:/",
        ] {
            assert_eq!(of_target(target.as_bytes()), None, "{target}");
        }
    }

    #[test]
    fn the_host_is_what_stands_between_user_and_port() {
        assert_eq!(split("a.example"), ("a.example".into(), None));
        assert_eq!(split("A.Example.:8443"), ("a.example".into(), Some(8443)));
        assert_eq!(split(" a.example \t"), ("a.example".into(), None));
        assert_eq!(split("a.example:"), ("a.example".into(), None));
        assert_eq!(
            split("user:secret@a.example:80"),
            ("a.example".into(), Some(80))
        );
        assert_eq!(split("a@b@a.example"), ("a.example".into(), None));
        assert_eq!(split("192.0.2.1:80"), ("192.0.2.1".into(), Some(80)));
    }

    #[test]
    fn an_ipv6_address_has_no_brackets_and_keeps_its_colons() {
        assert_eq!(split("[2001:DB8::1]:80"), ("2001:db8::1".into(), Some(80)));
        assert_eq!(split("[2001:db8::1]"), ("2001:db8::1".into(), None));
        assert_eq!(split("[2001:db8::1"), ("2001:db8::1".into(), None));
        assert_eq!(split("2001:db8::1"), ("2001:db8::1".into(), None));
    }

    #[test]
    fn what_is_no_port_is_not_cut_off() {
        assert_eq!(split("a.example:b"), ("a.example:b".into(), None));
        assert_eq!(split("a.example:99999"), ("a.example".into(), None));
    }

    #[test]
    fn there_may_be_no_host() {
        for authority in ["", " ", ":80", "user@", "[]", "."] {
            assert_eq!(host_and_port(authority.as_bytes()).0, None, "{authority}");
        }
        assert!(host_and_port(&[b'a'; MAX_HOST]).0.is_some());
        assert!(host_and_port(&[b'a'; MAX_HOST + 1]).0.is_none());
    }

    fn split(authority: &str) -> (String, Option<u16>) {
        let (host, port) = host_and_port(authority.as_bytes());
        (host.unwrap().to_string(), port)
    }
}
