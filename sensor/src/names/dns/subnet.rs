//! EDNS Client Subnet (RFC 7871): which network a question is asked for.

use std::fmt;

use super::record::Cursor;
use super::{Message, TYPE_OPT};
use crate::host::Address;
use crate::reader::Reader;

/// A network, of which a resolver says that its client is in it.
///
/// It is what the sender of a question chose to say, and so a hint at most: a forwarder may give the
/// client's own address, any network that it likes, or that of its site.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Subnet {
    /// The first address; the bits behind the prefix are zero.
    pub address: Address,
    /// SOURCE PREFIX-LENGTH: bits that are known, 1 to 32 of IPv4 and 1 to 128 of IPv6.
    pub len: u8,
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

impl Message<'_> {
    /// The network that the message is said to be asked for, by the first such option of its OPT
    /// record; `None` without one, with one that asks not to be told on, and with a broken one.
    #[must_use]
    pub fn client_subnet(&self) -> Option<Subnet> {
        let mut cursor = Cursor::behind_header(self.octets);
        cursor.skip_questions(self.question_count).ok()?;
        let before = u32::from(self.answer_count).saturating_add(self.authority_count.into());
        for _ in 0..before {
            cursor.record().ok()?;
        }
        for _ in 0..self.additional_count {
            let (record, data) = cursor.record_and_data().ok()?;
            if record.rtype == TYPE_OPT && record.owner.is_root() {
                return subnet_among(data);
            }
        }
        None
    }
}

/// Reads the options of an OPT record up to the first about the client's subnet (RFC 6891 section
/// 6.1.2).
fn subnet_among(mut options: Reader<'_>) -> Option<Subnet> {
    while !options.is_empty() {
        let code = options.u16()?;
        let value = options.sub_u16()?;
        if code == OPTION_CLIENT_SUBNET {
            return subnet(value);
        }
    }
    None
}

/// Reads the option.
///
/// ```text
/// FAMILY(2) SOURCE PREFIX-LENGTH(1) SCOPE PREFIX-LENGTH(1) ADDRESS(as many octets as bits need)
/// ```
///
/// RFC 7871 section 6: the scope of a question is zero, and so are the bits behind the prefix.
fn subnet(mut option: Reader<'_>) -> Option<Subnet> {
    let family = option.u16()?;
    let len = option.u8()?;
    let _scope = option.u8()?;
    let prefix = option.rest();
    if len == 0 || prefix.len() != usize::from(len).div_ceil(8) {
        return None;
    }
    let behind = 8_u8
        .saturating_mul(u8::try_from(prefix.len()).ok()?)
        .saturating_sub(len);
    if prefix.last()?.trailing_zeros() < u32::from(behind) {
        return None;
    }
    let address = match family {
        FAMILY_IPV4 => Address::from_v4(filled(prefix)?),
        FAMILY_IPV6 => Address::from_v6(filled(prefix)?),
        _ => return None,
    };
    Some(Subnet { address, len })
}

/// An address of `N` octets that begins with these; `None` if there are too many.
fn filled<const N: usize>(prefix: &[u8]) -> Option<[u8; N]> {
    let mut octets = [0; N];
    octets.get_mut(..prefix.len())?.copy_from_slice(prefix);
    Some(octets)
}

/// Option code of the client's subnet (RFC 7871 section 6).
const OPTION_CLIENT_SUBNET: u16 = 8;
/// Address family number of IPv4 (IANA).
const FAMILY_IPV4: u16 = 1;
/// Address family number of IPv6 (IANA).
const FAMILY_IPV6: u16 = 2;

#[cfg(test)]
mod tests {
    use super::super::message;
    use super::super::samples::QUERY_WITH_EDNS;

    /// A query for `www.Example.com` with these options in its OPT record.
    fn query(options: &[u8]) -> Vec<u8> {
        let mut octets = QUERY_WITH_EDNS.to_vec();
        let len = u16::try_from(options.len()).unwrap().to_be_bytes();
        let at = octets.len() - 2;
        octets[at..].copy_from_slice(&len);
        octets.extend_from_slice(options);
        octets
    }

    fn subnet_of(options: &[u8]) -> Option<String> {
        let octets = query(options);
        let subnet = message(&octets).unwrap().client_subnet()?;
        Some(subnet.to_string())
    }

    #[test]
    fn the_subnet_is_read_behind_other_options() {
        let cookie = b"\0\x0a\0\x08\x01\x02\x03\x04\x05\x06\x07\x08";
        let subnet = b"\0\x08\0\x07\0\x01\x18\0\xcb\0\x71";
        let options = [&cookie[..], subnet].concat();
        assert_eq!(subnet_of(&options).as_deref(), Some("203.0.113.0/24"));
        assert_eq!(subnet_of(cookie), None);
        assert_eq!(subnet_of(b""), None);
    }

    #[test]
    fn any_length_of_either_family_is_read() {
        let read = |option: &[u8]| subnet_of(option);
        let v4_32 = b"\0\x08\0\x08\0\x01\x20\0\xcb\0\x71\x05";
        assert_eq!(read(v4_32).as_deref(), Some("203.0.113.5/32"));
        let v4_20 = b"\0\x08\0\x07\0\x01\x14\0\xcb\0\x70";
        assert_eq!(read(v4_20).as_deref(), Some("203.0.112.0/20"));
        let v6_56 = b"\0\x08\0\x0b\0\x02\x38\0\x20\x01\x0d\xb8\0\x20\xaa";
        assert_eq!(read(v6_56).as_deref(), Some("2001:db8:20:aa00::/56"));
    }

    #[test]
    fn a_broken_option_and_one_that_hides_the_client_say_nothing() {
        for option in [
            &b"\0\x08\0\x04\0\x01\0\0"[..],
            b"\0\x08\0\x06\0\x01\x18\0\xcb\0",
            b"\0\x08\0\x08\0\x01\x18\0\xcb\0\x71\0",
            b"\0\x08\0\x07\0\x01\x14\0\xcb\0\x71",
            b"\0\x08\0\x09\0\x01\x28\0\xcb\0\x71\0\x01",
            b"\0\x08\0\x07\0\x03\x18\0\xcb\0\x71",
            b"\0\x08\0\x03\0\x01\x18",
            b"\0\x08\0\x07\0\x01\x18\0\xcb",
        ] {
            assert_eq!(subnet_of(option), None, "{option:x?}");
        }
    }

    #[test]
    fn no_cut_query_gives_another_subnet() {
        let whole = query(b"\0\x08\0\x07\0\x01\x18\0\xcb\0\x71");
        for len in 12..whole.len() {
            let cut = message(&whole[..len]).unwrap().client_subnet();
            assert_eq!(cut, None, "{len} octets");
        }
    }
}
