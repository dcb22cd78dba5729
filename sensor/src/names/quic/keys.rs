//! Keys of Initials, and the opening of packets with them (RFC 9001 section 5).
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use std::fmt;

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk};

use super::packet::Initial;
use super::version::Rules;

/// What protects the Initials of a client.
///
/// Kept as they are derived: the form AES wants them in is quickly made, and ten times as large.
pub(super) struct Keys {
    key: [u8; KEY_LEN],
    iv: [u8; IV_LEN],
    header_key: [u8; KEY_LEN],
}

impl Keys {
    /// Derives the keys of a client whose first Initial goes to `dcid`.
    pub(super) fn of_client(rules: Rules, dcid: &[u8]) -> Option<Self> {
        let labels = rules.protection.labels;
        let secret: Prk = rules
            .protection
            .salt
            .extract(dcid)
            .expand(&[CLIENT_IN], HKDF_SHA256)
            .ok()?
            .into();
        Some(Self {
            key: expand(&secret, labels.key)?,
            iv: expand(&secret, labels.iv)?,
            header_key: expand(&secret, labels.header_key)?,
        })
    }

    /// Decrypts a packet into `scratch` and returns its payload; `None` if its tag is not right.
    pub(super) fn open<'s>(
        &self,
        packet: &Initial<'_>,
        scratch: &'s mut Vec<u8>,
    ) -> Option<&'s [u8]> {
        let sample_at = packet.number_at.checked_add(MAX_NUMBER_LEN)?;
        let sample = packet.octets.get(sample_at..)?.get(..SAMPLE_LEN)?;
        let mask = HeaderProtectionKey::new(&AES_128, &self.header_key)
            .and_then(|it| it.new_mask(sample))
            .ok()?;

        scratch.clear();
        scratch.extend_from_slice(packet.octets);
        let [first_mask, number_mask @ ..] = mask;
        let first = scratch.first_mut()?;
        *first ^= first_mask & FIRST_PROTECTED;
        let number_len = usize::from(*first & NUMBER_LEN_BITS).checked_add(1)?;
        let payload_at = packet.number_at.checked_add(number_len)?;
        let (header, payload) = scratch.split_at_mut_checked(payload_at)?;

        // The number is taken as it stands, not completed from those before it: a hello that went
        // beyond what its one to four octets hold would have been sent many times over.
        let mut nonce = self.iv;
        let number = header.get_mut(packet.number_at..)?;
        for (octet, mask) in number.iter_mut().zip(number_mask) {
            *octet ^= mask;
        }
        for (octet, number) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *octet ^= number;
        }
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &self.key).ok()?);
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.open_in_place(nonce, Aad::from(&*header), payload)
            .ok()
            .map(|it| &*it)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

fn expand<const N: usize>(secret: &Prk, label: &[u8]) -> Option<[u8; N]> {
    let mut key = [0; N];
    secret
        .expand(&[label], Len(N))
        .and_then(|it| it.fill(&mut key))
        .ok()?;
    Some(key)
}

/// Octets to derive.
struct Len(usize);

impl KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// Label of the client's secret, as [`super::version::Labels`] are written.
const CLIENT_IN: &[u8] = b"\x00\x20\x0ftls13 client in\x00";
/// Octets of a key of AES-128.
const KEY_LEN: usize = 16;
/// Octets of a nonce of AES-GCM.
const IV_LEN: usize = 12;
/// Octets of the tag of AES-GCM, which stays behind the payload.
pub(super) const TAG_LEN: usize = 16;
/// Octets of ciphertext that the header mask is made of (RFC 9001 section 5.4.2).
const SAMPLE_LEN: usize = 16;
/// The sample begins where it would if the packet number were this long.
const MAX_NUMBER_LEN: usize = 4;
/// Bits of the first octet of a long header that are masked (RFC 9001 section 5.4.1).
const FIRST_PROTECTED: u8 = 0x0f;
/// Bits of the first octet that hold the length of the packet number, less one.
const NUMBER_LEN_BITS: u8 = 0x03;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_rfcs() {
        let dcid = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
        // RFC 9001 appendix A.1, RFC 9369 appendix A.1.
        for (number, key, iv, header_key) in [
            (
                1,
                0x1f36_9613_dd76_d546_7730_efcb_e3b1_a22d_u128,
                0xfa04_4b2f_42a3_fd3b_46fb_255c_u128,
                0x9f50_449e_04a0_e810_283a_1e99_33ad_edd2_u128,
            ),
            (
                0x6b33_43cf,
                0x8b1a_0bc1_2128_4290_a29e_0971_b5cd_045d,
                0x91f7_3e23_51d8_fa91_660e_909f,
                0x45b9_5e15_235d_6f45_a6b1_9cbc_b029_4ba9,
            ),
        ] {
            let keys = Keys::of_client(Rules::of(number).unwrap(), &dcid).unwrap();
            assert_eq!(keys.key, key.to_be_bytes());
            assert_eq!(keys.iv, iv.to_be_bytes()[4..]);
            assert_eq!(keys.header_key, header_key.to_be_bytes());
        }
    }
}
