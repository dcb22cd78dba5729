//! The line of an observation: the contract of `phonehome names`.

use std::io::Write;
use std::net::IpAddr;

use crate::host::Address;
use crate::names::Observation;
use crate::names::tls::Ech;

/// Appends an observation as one line of JSON, with the line feed.
///
/// Keys stand in this order: `ts` (seconds, six decimals), `source`, `transport`, `src`,
/// `src_port`, `dst`, `dst_port`, `name`; then `ech` unless the hello has no such extension, `vlan`
/// if the frame was tagged, `alpn` (a list) if the hello offers protocols, `ja4` of any hello, and
/// `ecs` if a question in DNS says which network it is asked for.
pub fn write_observation(out: &mut Vec<u8>, observation: &Observation) {
    out.reserve(USUAL_LINE);
    out.extend_from_slice(b"{\"ts\":");
    push_seconds(out, observation.at.as_nanos());
    out.extend_from_slice(b",\"source\":\"");
    out.extend_from_slice(observation.source.as_str().as_bytes());
    out.extend_from_slice(b"\",\"transport\":\"");
    out.extend_from_slice(observation.transport.as_str().as_bytes());
    out.extend_from_slice(b"\",\"src\":\"");
    push_address(out, observation.src.address);
    out.extend_from_slice(b"\",\"src_port\":");
    push_decimal(out, u64::from(observation.src.port));
    out.extend_from_slice(b",\"dst\":\"");
    push_address(out, observation.dst.address);
    out.extend_from_slice(b"\",\"dst_port\":");
    push_decimal(out, u64::from(observation.dst.port));
    out.extend_from_slice(b",\"name\":\"");
    push_escaped(out, observation.name.as_str());
    out.push(b'"');
    let ech: &[u8] = match observation.ech {
        None | Some(Ech::None) => b"",
        Some(Ech::Grease) => b",\"ech\":\"grease\"",
        Some(Ech::Real) => b",\"ech\":\"real\"",
        Some(Ech::Unknown) => b",\"ech\":\"unknown\"",
    };
    out.extend_from_slice(ech);
    if let Some(vlan) = observation.vlan {
        out.extend_from_slice(b",\"vlan\":");
        push_decimal(out, u64::from(vlan));
    }
    if let Some(traits) = &observation.traits {
        for (place, protocol) in traits.alpn.iter().enumerate() {
            let before: &[u8] = if place == 0 { b",\"alpn\":[\"" } else { b",\"" };
            out.extend_from_slice(before);
            push_escaped(out, protocol);
            out.push(b'"');
        }
        if !traits.alpn.is_empty() {
            out.push(b']');
        }
        out.extend_from_slice(b",\"ja4\":\"");
        push_escaped(out, &traits.ja4);
        out.push(b'"');
    }
    if let Some(subnet) = &observation.ecs {
        // Writing to a vector cannot fail.
        drop(write!(out, ",\"ecs\":\"{subnet}\""));
    }
    out.extend_from_slice(b"}\n");
}

/// Appends nanoseconds as seconds with six decimals, rounded down.
fn push_seconds(out: &mut Vec<u8>, nanos: i64) {
    let micros = nanos.div_euclid(1_000);
    if micros < 0 {
        out.push(b'-');
    }
    let micros = micros.unsigned_abs();
    push_decimal(out, micros / 1_000_000);
    out.push(b'.');
    let mut place = 100_000;
    while place > 0 {
        out.push(digit(micros / place));
        place /= 10;
    }
}

/// Appends a number in decimal.
fn push_decimal(out: &mut Vec<u8>, number: u64) {
    // As many digits as the largest number has.
    let mut digits = [0; 20];
    let mut unused = digits.len();
    let mut rest = number;
    for place in digits.iter_mut().rev() {
        *place = digit(rest);
        rest /= 10;
        unused -= 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(unused..).unwrap_or_default());
}

/// The last decimal digit of a number, in ASCII.
const fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

/// Appends an address as it is written.
fn push_address(out: &mut Vec<u8>, address: Address) {
    match address.to_ip() {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            push_decimal(out, u64::from(a));
            for octet in [b, c, d] {
                out.push(b'.');
                push_decimal(out, u64::from(octet));
            }
        }
        // Writing to a vector cannot fail.
        IpAddr::V6(ip) => drop(write!(out, "{ip}")),
    }
}

/// Appends text inside a JSON string (RFC 8259 section 7).
fn push_escaped(out: &mut Vec<u8>, text: &str) {
    for &octet in text.as_bytes() {
        match octet {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', octet]),
            // Writing to a vector cannot fail.
            0..0x20 => drop(write!(out, "\\u{octet:04x}")),
            _ => out.push(octet),
        }
    }
}

/// Octets that hold nearly every line.
const USUAL_LINE: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::export::json::ECH;
    use crate::export::sample;
    use crate::names::dns::Subnet;
    use crate::names::tls::Traits;
    use crate::names::{Name, Source};
    use crate::time::Timestamp;

    fn line(observation: &Observation) -> String {
        let mut out = Vec::new();
        write_observation(&mut out, observation);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_as_the_contract_has_it() {
        let expected = concat!(
            r#"{"ts":1506931200.123456,"source":"tls-sni","transport":"tcp","src":"10.1.2.3","#,
            r#""src_port":51044,"dst":"77.74.181.1","dst_port":443,"#,
            r#""name":"s00.upd.kaspersky.com"}"#,
            "\n"
        );
        assert_eq!(line(&sample::observation()), expected);
    }

    #[test]
    fn ech_and_vlan_follow_where_there_is_one() {
        let tail = |ech, vlan| {
            let mut observation = sample::observation();
            observation.ech = ech;
            observation.vlan = vlan;
            line(&observation)
                .split_once("kaspersky.com\"")
                .unwrap()
                .1
                .to_owned()
        };
        assert_eq!(tail(Some(Ech::None), None), "}\n");
        assert_eq!(tail(Some(Ech::Real), None), ",\"ech\":\"real\"}\n");
        assert_eq!(
            tail(Some(Ech::Grease), Some(0)),
            ",\"ech\":\"grease\",\"vlan\":0}\n"
        );
        assert_eq!(
            tail(Some(Ech::Unknown), Some(4095)),
            ",\"ech\":\"unknown\",\"vlan\":4095}\n"
        );
    }

    #[test]
    fn traits_follow_where_the_hello_was_read_for_them() {
        let tail = |alpn: &[&str]| {
            let mut observation = sample::observation();
            observation.traits = Some(Arc::new(Traits {
                alpn: alpn.iter().map(|&it| it.to_owned()).collect(),
                ja4: "t13d1516h2_8daaf6152771_e5627efa2ab1".to_owned(),
            }));
            let line = line(&observation);
            serde_json::from_str::<serde_json::Value>(&line).unwrap();
            line.split_once("kaspersky.com\"").unwrap().1.to_owned()
        };
        let ja4 = "\"ja4\":\"t13d1516h2_8daaf6152771_e5627efa2ab1\"}\n";
        assert_eq!(tail(&[]), format!(",{ja4}"));
        assert_eq!(
            tail(&["h2", "x\\255"]),
            format!(",\"alpn\":[\"h2\",\"x\\\\255\"],{ja4}")
        );
    }

    #[test]
    fn the_network_of_a_question_stands_last() {
        let mut observation = sample::observation();
        observation.vlan = Some(7);
        observation.ecs = Some(Box::new(Subnet {
            address: sample::address("192.0.2.0"),
            len: 24,
        }));
        assert!(line(&observation).ends_with(",\"vlan\":7,\"ecs\":\"192.0.2.0/24\"}\n"));
    }

    #[test]
    fn words_are_those_of_the_enums() {
        for (word, ech) in ECH
            .iter()
            .zip([Ech::None, Ech::Grease, Ech::Real, Ech::Unknown])
        {
            assert_eq!(serde_json::to_string(&ech).unwrap(), format!("\"{word}\""));
        }
        for source in Source::ALL {
            let mut observation = sample::observation();
            observation.source = source;
            let parsed: serde_json::Value = serde_json::from_str(&line(&observation)).unwrap();
            assert_eq!(parsed["source"], serde_json::to_value(source).unwrap());
        }
    }

    #[test]
    fn any_name_comes_back_from_its_line() {
        for text in [
            "a\"b.example",
            "a\\255b",
            "back\\\\slash",
            "\u{1}\u{1f}",
            "ü",
        ] {
            let mut observation = sample::observation();
            observation.name = Name::from_normalised(text).unwrap();
            let parsed: serde_json::Value = serde_json::from_str(&line(&observation)).unwrap();
            assert_eq!(parsed["name"], text);
        }
    }

    #[test]
    fn numbers_and_addresses_are_written_as_the_library_does() {
        for nanos in [
            0,
            1,
            999,
            -1,
            999_999_999,
            -1_500_000_000,
            i64::MIN,
            i64::MAX,
        ] {
            let mut out = Vec::new();
            push_seconds(&mut out, nanos);
            let expected = Timestamp::from_nanos(nanos).to_string();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        for number in [0, 9, 10, 99, 65_535, u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            push_decimal(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
        for ip in [
            "0.0.0.0",
            "255.10.9.100",
            "::",
            "2001:db8::1",
            "fe80::aaaa:1",
        ] {
            let mut out = Vec::new();
            push_address(&mut out, sample::address(ip));
            assert_eq!(String::from_utf8(out).unwrap(), ip);
        }
    }
}
