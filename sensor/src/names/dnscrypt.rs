//! DNSCrypt, version 2: what proves it.
//!
//! A query begins with octets that the resolver chose and a key, which nothing tells from noise. A
//! response begins with a magic that all resolvers have, so it is the response that proves the
//! protocol, over UDP: triage lets no answer pass over TCP once it is seen that the client's octets hold
//! no name. That the client fetched the resolver's certificate before, in DNS in clear, is read as
//! any other DNS.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

/// Whether a datagram is a DNSCrypt response.
///
/// ```text
/// resolver-magic(8) client-nonce(12) resolver-nonce(12) encrypted-response(at least 16)
/// ```
///
/// DNSCrypt version 2 protocol specification, section "Server response".
#[must_use]
pub fn is_response(datagram: &[u8]) -> bool {
    datagram.starts_with(RESOLVER_MAGIC) && datagram.len() >= MIN_RESPONSE
}

/// `resolver-magic`.
const RESOLVER_MAGIC: &[u8; 8] = b"r6fnvWj8";
/// Octets of the shortest response: magic, two halves of a nonce, and the tag of the cipher.
const MIN_RESPONSE: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    fn response(len: usize) -> Vec<u8> {
        let mut octets = RESOLVER_MAGIC.to_vec();
        octets.resize(len, 0xa5);
        octets
    }

    #[test]
    fn a_response_is_known_by_its_magic_and_its_length() {
        assert!(is_response(&response(48)));
        assert!(is_response(&response(300)));
        for len in 0..48 {
            let octets = response(300);
            assert!(!is_response(&octets[..len]), "{len} octets");
        }
        let mut other = response(300);
        other[7] ^= 1;
        assert!(!is_response(&other));
    }
}
