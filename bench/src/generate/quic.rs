//! QUIC packets (RFC 9000) with really encrypted Initials (RFC 9001), versions 1 and 2 (RFC 9369).
//!
//! ```text
//! Initial = first octet | version | id lengths and ids | token length | length | packet number
//!           | AES-128-GCM(frames, tag); then the first octet and the packet number are masked
//! ```
//!
//! Handshake and 1-RTT packets are random behind their headers: nobody on the path can open them.

use ring::aead::{self, quic::HeaderProtectionKey};
use ring::hkdf;

use super::rng::Rng;

/// The QUIC versions that the generator speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Version {
    /// RFC 9000.
    V1,
    /// RFC 9369.
    V2,
}

/// The ids of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    /// Destination id of the client's first Initial; the keys come from it.
    pub(crate) original: [u8; 8],
    /// The client's own id; empty, as browsers have it, or eight octets.
    pub(crate) client: Vec<u8>,
    /// The server's own id.
    pub(crate) server: [u8; 8],
}

/// Keys that protect the Initials of one side.
pub(crate) struct InitialKeys {
    packet: aead::LessSafeKey,
    iv: [u8; 12],
    header: HeaderProtectionKey,
}

/// A piece of the CRYPTO stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    /// Offset of its first octet in the stream.
    pub(crate) offset: usize,
    /// Its octets.
    pub(crate) octets: &'a [u8],
}

/// The header of an Initial.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InitialHeader<'a> {
    /// Version of the connection.
    pub(crate) version: Version,
    /// Destination connection id.
    pub(crate) dst: &'a [u8],
    /// Source connection id.
    pub(crate) src: &'a [u8],
    /// Packet number.
    pub(crate) number: u16,
}

/// `ring` refused keys of constant lengths, which it accepts by contract.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("ring refused a key of RFC 9001's length")]
pub(crate) struct KeyRefused;

impl From<ring::error::Unspecified> for KeyRefused {
    fn from(_: ring::error::Unspecified) -> Self {
        Self
    }
}

impl Ids {
    /// Draws the ids of a connection.
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let client = if rng.chance(500) {
            Vec::new()
        } else {
            rng.octets::<8>().to_vec()
        };
        Self {
            original: rng.octets(),
            client,
            server: rng.octets(),
        }
    }

    /// The client's transport parameters (RFC 9000 section 18), for its hello.
    pub(crate) fn transport_parameters(&self) -> Vec<u8> {
        let mut parameters = vec![
            0x01, 4, 0x80, 0x00, 0x75, 0x30, // max_idle_timeout 30 s
            0x03, 2, 0x45, 0xc8, // max_udp_payload_size 1480
            0x04, 4, 0x80, 0xf0, 0x00, 0x00, // initial_max_data
            0x05, 4, 0x80, 0x60, 0x00, 0x00, // initial_max_stream_data_bidi_local
            0x08, 2, 0x40, 0x64, // initial_max_streams_bidi 100
            0x09, 2, 0x40, 0x67, // initial_max_streams_uni 103
            0x0f,
        ];
        parameters.push(self.client.len() as u8);
        parameters.extend_from_slice(&self.client);
        parameters
    }
}

impl InitialKeys {
    /// Derives the keys of the client's Initials.
    ///
    /// # Errors
    ///
    /// [`KeyRefused`], which `ring` gives no cause for.
    pub(crate) fn client(version: Version, original: &[u8]) -> Result<Self, KeyRefused> {
        Self::derive(version, original, "client in")
    }

    /// Derives the keys of the server's Initials.
    ///
    /// # Errors
    ///
    /// [`KeyRefused`], which `ring` gives no cause for.
    pub(crate) fn server(version: Version, original: &[u8]) -> Result<Self, KeyRefused> {
        Self::derive(version, original, "server in")
    }

    /// RFC 9001 section 5.2.
    fn derive(version: Version, original: &[u8], side: &str) -> Result<Self, KeyRefused> {
        let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, version.salt()).extract(original);
        let mut secret = [0; 32];
        expand_label(&initial, side, &mut secret)?;
        let secret = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &secret);
        let [key_label, iv_label, hp_label] = version.labels();
        let (mut key, mut iv, mut hp) = ([0; 16], [0; 12], [0; 16]);
        expand_label(&secret, key_label, &mut key)?;
        expand_label(&secret, iv_label, &mut iv)?;
        expand_label(&secret, hp_label, &mut hp)?;
        Ok(Self {
            packet: aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key)?),
            iv,
            header: HeaderProtectionKey::new(&aead::quic::AES_128, &hp)?,
        })
    }

    /// Builds an Initial around `frames`, which are padded until the packet is `len` octets long.
    ///
    /// # Errors
    ///
    /// [`KeyRefused`], which `ring` gives no cause for.
    pub(crate) fn seal(
        &self,
        header: &InitialHeader<'_>,
        frames: &[u8],
        len: usize,
    ) -> Result<Vec<u8>, KeyRefused> {
        let mut packet = vec![header.version.long_header(Long::Initial) | 0x01];
        packet.extend_from_slice(&header.version.number().to_be_bytes());
        push_ids(header.dst, header.src, &mut packet);
        packet.push(0);
        let protected = len.saturating_sub(packet.len() + 2);
        packet.extend_from_slice(&(0x4000 | protected as u16).to_be_bytes());
        let number_at = packet.len();
        packet.extend_from_slice(&header.number.to_be_bytes());
        let mut content = frames.to_vec();
        content.resize((protected.saturating_sub(2 + TAG)).max(frames.len()), 0);
        let mut nonce = self.iv;
        for (octet, number) in nonce[10..].iter_mut().zip(header.number.to_be_bytes()) {
            *octet ^= number;
        }
        self.packet.seal_in_place_append_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::from(&packet),
            &mut content,
        )?;
        packet.extend_from_slice(&content);
        // The sample starts four octets after the packet number (RFC 9001 section 5.4.2).
        let mask = self
            .header
            .new_mask(&packet[number_at + 4..number_at + 20])?;
        packet[0] ^= mask[0] & 0x0f;
        packet[number_at] ^= mask[1];
        packet[number_at + 1] ^= mask[2];
        Ok(packet)
    }
}

/// Appends a CRYPTO frame (RFC 9000 section 19.6).
pub(crate) fn crypto(piece: Piece<'_>, frames: &mut Vec<u8>) {
    frames.push(0x06);
    varint(piece.offset as u16, frames);
    varint(piece.octets.len() as u16, frames);
    frames.extend_from_slice(piece.octets);
}

/// Octets that a CRYPTO frame adds to its piece, at most.
pub(crate) const CRYPTO_OVERHEAD: usize = 5;

/// Room for frames in an Initial that fills a datagram of [`DATAGRAM`] octets with ids of eight.
pub(crate) const INITIAL_ROOM: usize = DATAGRAM - 1 - 4 - 9 - 9 - 1 - 2 - 2 - TAG;

/// Length of the UDP payload of datagrams that carry Initials.
pub(crate) const DATAGRAM: usize = 1250;

/// A PING frame.
pub(crate) const PING: u8 = 0x01;

/// Acknowledges packet 0 (RFC 9000 section 19.3).
pub(crate) const ACK_OF_FIRST: [u8; 5] = [0x02, 0, 0, 0, 0];

/// Builds a Handshake packet of `len` octets or a little more, random behind its header.
pub(crate) fn handshake(
    version: Version,
    (dst, src): (&[u8], &[u8]),
    len: usize,
    rng: &mut Rng,
) -> Vec<u8> {
    let mut packet = vec![version.long_header(Long::Handshake) | (rng.below(16) as u8)];
    packet.extend_from_slice(&version.number().to_be_bytes());
    push_ids(dst, src, &mut packet);
    let protected = len.saturating_sub(packet.len() + 2).max(20);
    packet.extend_from_slice(&(0x4000 | protected as u16).to_be_bytes());
    let start = packet.len();
    packet.resize(start + protected, 0);
    rng.fill(&mut packet[start..]);
    packet
}

/// Begins a 1-RTT packet: the first octet and the destination id.
pub(crate) fn short_header(dst: &[u8], rng: &mut Rng, packet: &mut Vec<u8>) {
    packet.push(0x40 | (rng.below(64) as u8));
    packet.extend_from_slice(dst);
}

/// Types of packets with a long header.
#[derive(Clone, Copy, Debug)]
enum Long {
    Initial,
    Handshake,
}

impl Version {
    /// The version number on the wire.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 0x6b33_43cf,
        }
    }

    /// First octet of a long header, without its low bits (RFC 9369 section 3.2 renumbers types).
    const fn long_header(self, packet: Long) -> u8 {
        match (self, packet) {
            (Self::V1, Long::Initial) => 0xc0,
            (Self::V1, Long::Handshake) => 0xe0,
            (Self::V2, Long::Initial) => 0xd0,
            (Self::V2, Long::Handshake) => 0xf0,
        }
    }

    const fn salt(self) -> &'static [u8; 20] {
        match self {
            Self::V1 => &SALT_V1,
            Self::V2 => &SALT_V2,
        }
    }

    const fn labels(self) -> [&'static str; 3] {
        match self {
            Self::V1 => ["quic key", "quic iv", "quic hp"],
            Self::V2 => ["quicv2 key", "quicv2 iv", "quicv2 hp"],
        }
    }
}

fn push_ids(dst: &[u8], src: &[u8], packet: &mut Vec<u8>) {
    for id in [dst, src] {
        packet.push(id.len() as u8);
        packet.extend_from_slice(id);
    }
}

/// Variable-length integer in one or two octets (RFC 9000 section 16); `value` is below 2^14.
fn varint(value: u16, out: &mut Vec<u8>) {
    if value < 64 {
        out.push(value as u8);
    } else {
        out.extend_from_slice(&(0x4000 | value).to_be_bytes());
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446 section 7.1).
fn expand_label(secret: &hkdf::Prk, label: &str, out: &mut [u8]) -> Result<(), KeyRefused> {
    let len = (out.len() as u16).to_be_bytes();
    let label_len = [(LABEL_PREFIX.len() + label.len()) as u8];
    let info: [&[u8]; 5] = [&len, &label_len, LABEL_PREFIX, label.as_bytes(), &[0]];
    Ok(secret.expand(&info, Len(out.len()))?.fill(out)?)
}

/// A length, in the form that `ring` asks for.
struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

const LABEL_PREFIX: &[u8] = b"tls13 ";
const TAG: usize = 16;

/// RFC 9001 section 5.2.
const SALT_V1: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad,
    0xcc, 0xbb, 0x7f, 0x0a,
];

/// RFC 9369 section 3.3.1.
const SALT_V2: [u8; 20] = [
    0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb,
    0xf9, 0xbd, 0x2e, 0xd9,
];

#[cfg(test)]
mod tests {
    use rustls::Side;
    use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    use rustls::quic::{Keys, Version as RustlsVersion};

    use super::*;

    /// Opens an Initial without a token with the keys that rustls derives.
    fn opened(packet: &[u8], version: RustlsVersion, original: &[u8], reader: Side) -> Vec<u8> {
        let suite = TLS13_AES_128_GCM_SHA256.tls13().unwrap();
        let keys = Keys::initial(version, suite, suite.quic.unwrap(), original, reader);
        let mut packet = packet.to_vec();
        let dst_len = usize::from(packet[5]);
        let src_len = usize::from(packet[6 + dst_len]);
        let number_at = 7 + dst_len + src_len + 1 + 2;
        let (first, rest) = packet.split_at_mut(1);
        let (head, sample) = rest.split_at_mut(number_at + 3);
        keys.remote
            .header
            .decrypt_in_place(&sample[..16], &mut first[0], &mut head[number_at - 1..])
            .unwrap();
        assert_eq!(first[0] & 0x03, 1, "length of the packet number");
        let (header, content) = packet.split_at_mut(number_at + 2);
        let number = u64::from(u16::from_be_bytes([
            header[number_at],
            header[number_at + 1],
        ]));
        keys.remote
            .packet
            .decrypt_in_place(number, header, content)
            .unwrap()
            .to_vec()
    }

    #[test]
    fn another_implementation_opens_the_initials_of_both_sides() {
        let mut rng = Rng::new(2);
        for (version, theirs) in [
            (Version::V1, RustlsVersion::V1),
            (Version::V2, RustlsVersion::V2),
        ] {
            let ids = Ids::draw(&mut rng);
            let mut frames = Vec::new();
            let piece = Piece {
                offset: 70,
                octets: b"hello",
            };
            crypto(piece, &mut frames);
            assert_eq!(frames, b"\x06\x40\x46\x05hello");
            for (keys, reader, number) in [
                (InitialKeys::client(version, &ids.original), Side::Server, 0),
                (
                    InitialKeys::server(version, &ids.original),
                    Side::Client,
                    300,
                ),
            ] {
                let header = InitialHeader {
                    version,
                    dst: &ids.original,
                    src: &ids.client,
                    number,
                };
                let packet = keys.unwrap().seal(&header, &frames, DATAGRAM).unwrap();
                assert_eq!(packet.len(), DATAGRAM);
                let content = opened(&packet, theirs, &ids.original, reader);
                assert!(content.starts_with(&frames));
                assert!(content[frames.len()..].iter().all(|it| *it == 0), "padding");
            }
        }
    }

    #[test]
    fn an_initial_holds_the_room_it_promises() {
        let mut rng = Rng::new(4);
        let original: [u8; 8] = rng.octets();
        let keys = InitialKeys::client(Version::V1, &original).unwrap();
        let header = InitialHeader {
            version: Version::V1,
            dst: &original,
            src: &original,
            number: 0,
        };
        let full = keys.seal(&header, &[PING; INITIAL_ROOM], DATAGRAM).unwrap();
        assert_eq!(full.len(), DATAGRAM);
        assert!(opened(&full, RustlsVersion::V1, &original, Side::Server).ends_with(&[PING; 9]));
    }
}
