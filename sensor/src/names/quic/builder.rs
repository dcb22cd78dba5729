//! Builds datagrams for tests, with keys by rustls.

pub(crate) use rustls::Side;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::quic::{Keys, Version};

/// An Initial in clear.
#[derive(Clone)]
pub(crate) struct Plain {
    pub(crate) version: u32,
    pub(crate) side: Side,
    /// Connection id the keys are made of: the first that the client sent to.
    pub(crate) first_dcid: Vec<u8>,
    pub(crate) dcid: Vec<u8>,
    pub(crate) scid: Vec<u8>,
    pub(crate) token: Vec<u8>,
    pub(crate) number: u32,
    pub(crate) number_len: usize,
    pub(crate) frames: Vec<u8>,
    pub(crate) fixed_bit: bool,
    /// Length to pad the packet to with PADDING frames, if shorter.
    pub(crate) padded_to: usize,
}

impl Plain {
    /// The first Initial of a client, version 1, padded as it must be.
    pub(crate) fn client(dcid: &[u8], frames: &[u8]) -> Self {
        Self {
            version: 1,
            side: Side::Client,
            first_dcid: dcid.to_vec(),
            dcid: dcid.to_vec(),
            scid: vec![0xc5; 3],
            token: Vec::new(),
            number: 0,
            number_len: 1,
            frames: frames.to_vec(),
            fixed_bit: true,
            padded_to: 1200,
        }
    }

    pub(crate) fn number(mut self, number: u32, len: usize) -> Self {
        (self.number, self.number_len) = (number, len);
        self
    }

    pub(crate) fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    pub(crate) fn padded_to(mut self, len: usize) -> Self {
        self.padded_to = len;
        self
    }

    /// The packet as it goes on the wire.
    pub(crate) fn seal(&self) -> Vec<u8> {
        let (rules, type_bits) = match self.version {
            0x6b33_43cf => (Version::V2, 0x10),
            0xff00_001d..=0xff00_0020 => (Version::V1Draft, 0),
            _ => (Version::V1, 0),
        };
        let form_bits = if self.fixed_bit { 0xc0 } else { 0x80 };
        let mut header = vec![form_bits | type_bits | u8::try_from(self.number_len - 1).unwrap()];
        header.extend(self.version.to_be_bytes());
        for id in [&self.dcid, &self.scid] {
            header.push(u8::try_from(id.len()).unwrap());
            header.extend(id);
        }
        header.extend(varint(self.token.len()));
        header.extend(&self.token);

        let mut payload = self.frames.clone();
        let least = self
            .padded_to
            .saturating_sub(header.len() + 2 + self.number_len + TAG_LEN);
        payload.resize(payload.len().max(least).max(4), 0);
        let len = self.number_len + payload.len() + TAG_LEN;
        header.extend((0x4000 | u16::try_from(len).unwrap()).to_be_bytes());
        let number_at = header.len();
        header.extend(&self.number.to_be_bytes()[4 - self.number_len..]);

        let keys = keys(rules, &self.first_dcid, self.side);
        let number = u64::from(self.number);
        let tag = keys
            .local
            .packet
            .encrypt_in_place(number, &header, &mut payload)
            .unwrap();
        let mut packet = [&header[..], &payload, tag.as_ref()].concat();
        let sample = packet[number_at + 4..number_at + 20].to_vec();
        let (first, rest) = packet.split_first_mut().unwrap();
        let number = &mut rest[number_at - 1..number_at - 1 + self.number_len];
        let header = &keys.local.header;
        header.encrypt_in_place(&sample, first, number).unwrap();
        packet
    }
}

/// A CRYPTO frame.
pub(crate) fn crypto(offset: usize, octets: &[u8]) -> Vec<u8> {
    [&[6][..], &varint(offset), &varint(octets.len()), octets].concat()
}

/// A 0-RTT (1) or Handshake (2) packet of version 1 that no one can open.
pub(crate) fn opaque(kind: u8, dcid: &[u8], len: usize) -> Vec<u8> {
    let mut packet = vec![0xc0 | kind << 4, 0, 0, 0, 1];
    packet.push(u8::try_from(dcid.len()).unwrap());
    packet.extend(dcid);
    packet.push(0);
    packet.extend(varint(len));
    packet.extend((0..len).map(|it| it as u8));
    packet
}

fn keys(version: Version, dcid: &[u8], side: Side) -> Keys {
    let suite = TLS13_AES_128_GCM_SHA256.tls13().unwrap();
    suite.quic_suite().unwrap().keys(dcid, side, version)
}

/// An integer below 2^14 (RFC 9000 section 16).
fn varint(value: usize) -> Vec<u8> {
    match u8::try_from(value) {
        Ok(value) if value < 0x40 => vec![value],
        _ => (0x4000 | u16::try_from(value).unwrap())
            .to_be_bytes()
            .to_vec(),
    }
}

const TAG_LEN: usize = 16;
