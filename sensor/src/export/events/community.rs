//! Community ID, version 1: a name for a flow that other tools compute alike.
//!
//! The specification is at <https://github.com/corelight/community-id-spec>. The seed is zero.

use std::net::IpAddr;

use ring::digest;

use crate::host::Address;
use crate::names::{Endpoint, Transport};

/// The Community ID of a flow: `1:` and a digest in base64. The same for both directions.
#[must_use]
pub fn id(transport: Transport, one: Endpoint, other: Endpoint) -> String {
    // Endpoints compare as the specification orders them: by address, then by port.
    let (first, second) = if one <= other {
        (one, other)
    } else {
        (other, one)
    };
    let protocol = match transport {
        Transport::Tcp => 6,
        Transport::Udp => 17,
    };
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(&[0, 0]);
    update(&mut context, first.address);
    update(&mut context, second.address);
    context.update(&[protocol, 0]);
    context.update(&first.port.to_be_bytes());
    context.update(&second.port.to_be_bytes());
    format!("1:{}", base64(context.finish().as_ref()))
}

fn update(context: &mut digest::Context, address: Address) {
    match address.to_ip() {
        IpAddr::V4(ip) => context.update(&ip.octets()),
        IpAddr::V6(ip) => context.update(&ip.octets()),
    }
}

/// Base64 with padding (RFC 4648 section 4).
pub(crate) fn base64(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len().div_ceil(3) * 4);
    for chunk in octets.chunks(3) {
        let mut group = [0; 4];
        for (place, octet) in group.iter_mut().skip(1).zip(chunk) {
            *place = *octet;
        }
        let bits = u32::from_be_bytes(group);
        for place in 0..4 {
            let letter = (bits >> (18 - 6 * place)) & 0x3f;
            text.push(if place <= chunk.len() {
                base64_letter(letter)
            } else {
                '='
            });
        }
    }
    text
}

/// Reads base64 with padding; `None` if it is anything else.
pub(crate) fn unbase64(text: &str) -> Option<Vec<u8>> {
    let letters = text.as_bytes();
    if !letters.len().is_multiple_of(4) {
        return None;
    }
    let mut octets = Vec::with_capacity(letters.len() / 4 * 3);
    for (number, group) in letters.chunks(4).enumerate() {
        let is_last = (number + 1) * 4 == letters.len();
        let padding = group.iter().rev().take_while(|it| **it == b'=').count();
        if padding > 2 || (padding > 0 && !is_last) {
            return None;
        }
        let mut bits = 0_u32;
        for letter in group.iter().take(4 - padding) {
            let value = ALPHABET.iter().position(|it| it == letter)?;
            bits = bits << 6 | u32::try_from(value).ok()?;
        }
        bits <<= 6 * padding;
        octets.extend(bits.to_be_bytes().into_iter().skip(1).take(3 - padding));
    }
    Some(octets)
}

/// The letter for six bits.
fn base64_letter(bits: u32) -> char {
    usize::try_from(bits)
        .ok()
        .and_then(|it| ALPHABET.get(it))
        .map_or('=', |it| char::from(*it))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sample::end;

    #[test]
    fn ids_are_those_of_the_specification() {
        let tcp = (end("128.232.110.120", 34_855), end("66.35.250.204", 80));
        let expected = "1:LQU9qZlK+B5F3KDmev6m5PMibrg=";
        assert_eq!(id(Transport::Tcp, tcp.0, tcp.1), expected);
        assert_eq!(id(Transport::Tcp, tcp.1, tcp.0), expected);
        let udp = (end("192.168.1.52", 54_585), end("8.8.8.8", 53));
        assert_eq!(
            id(Transport::Udp, udp.0, udp.1),
            "1:d/FP5EW3wiY1vCndhwleRRKHowQ="
        );
    }

    #[test]
    fn equal_addresses_are_ordered_by_port() {
        let (one, other) = (end("::1", 80), end("::1", 9_000));
        assert_eq!(
            id(Transport::Udp, one, other),
            id(Transport::Udp, other, one)
        );
    }

    #[test]
    fn base64_is_as_in_the_rfc() {
        let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let expected = [
            "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
        ];
        assert_eq!(texts.map(|it| base64(it.as_bytes())), expected);
        let read = expected.map(|it| unbase64(it).unwrap());
        assert_eq!(read, texts.map(|it| it.as_bytes().to_vec()));
        for wrong in ["Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9 ", "Zm9-"] {
            assert_eq!(unbase64(wrong), None, "{wrong}");
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }
}
