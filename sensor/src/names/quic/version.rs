//! Versions of QUIC, and how their Initials differ.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use std::sync::LazyLock;

use ring::hkdf::{HKDF_SHA256, Salt};

/// A family of QUIC versions.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// Version 1 (RFC 9000).
    V1,
    /// Version 2 (RFC 9369).
    V2,
    /// A draft of version 1, from 22 on, or of version 2.
    Draft,
    /// A variant by one maker: Facebook's mvfst, or Google's T050 and T051.
    Other,
}

/// How Initials of a version number are read.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) version: Version,
    pub(super) protection: &'static Protection,
    /// Packet type of an Initial. The others follow it, wrapping, in the same order in all
    /// versions.
    initial_type: u8,
    /// Frame type of CRYPTO frames.
    pub(super) crypto_frame: u8,
}

impl Rules {
    /// The rules of a version number; `None` if its Initials are not read.
    pub(super) fn of(number: u32) -> Option<Self> {
        let (version, protection) = match number {
            0x0000_0001 => (Version::V1, &V1),
            0x6b33_43cf => (Version::V2, &V2),
            0xff00_0016 => (Version::Draft, &DRAFT_22),
            0xff00_0017..=0xff00_001c => (Version::Draft, &DRAFT_23),
            0xff00_001d..=0xff00_0020 => (Version::Draft, &DRAFT_29),
            0xff00_0021..=0xff00_0022 => (Version::Draft, &V1),
            0x709a_50c4 => (Version::Draft, &V2_DRAFT),
            0xface_b001 => (Version::Other, &DRAFT_22),
            0xface_b002 | 0xface_b00e => (Version::Other, &DRAFT_23),
            T050_NUMBER => (Version::Other, &T050),
            T051_NUMBER => (Version::Other, &T051),
            _ => return None,
        };
        let is_second = matches!(number, 0x6b33_43cf | 0x709a_50c4);
        let is_google = matches!(number, T050_NUMBER | T051_NUMBER);
        Some(Self {
            version,
            protection,
            initial_type: u8::from(is_second),
            crypto_frame: if is_google { GOOGLE_CRYPTO } else { CRYPTO },
        })
    }

    /// Packet type in the first octet of a long header, by its value in version 1
    /// (RFC 9000 section 17.2, RFC 9369 section 3.2).
    pub(super) const fn packet_type(self, first: u8) -> u8 {
        (first >> 4).wrapping_sub(self.initial_type) & 3
    }
}

/// What the keys of Initials are derived with (RFC 9001 section 5).
pub(super) struct Protection {
    /// Salt of the initial secret. Kept in the form HMAC wants it, which saves an eighth of the
    /// derivation.
    pub(super) salt: LazyLock<Salt>,
    pub(super) labels: &'static Labels,
}

/// Arguments of HKDF-Expand-Label as they are hashed: output length, label after its length,
/// empty context (RFC 8446 section 7.1).
pub(super) struct Labels {
    pub(super) key: &'static [u8],
    pub(super) iv: &'static [u8],
    pub(super) header_key: &'static [u8],
}

/// Labels of RFC 9001 section 5.1.
static LABELS_V1: Labels = Labels {
    key: b"\x00\x10\x0etls13 quic key\x00",
    iv: b"\x00\x0c\x0dtls13 quic iv\x00",
    header_key: b"\x00\x10\x0dtls13 quic hp\x00",
};

/// Labels of RFC 9369 section 3.3.2.
static LABELS_V2: Labels = Labels {
    key: b"\x00\x10\x10tls13 quicv2 key\x00",
    iv: b"\x00\x0c\x0ftls13 quicv2 iv\x00",
    header_key: b"\x00\x10\x0ftls13 quicv2 hp\x00",
};

/// RFC 9001 section 5.2; drafts 33 and 34 have the same salt.
static V1: Protection = Protection {
    salt: LazyLock::new(|| {
        Salt::new(
            HKDF_SHA256,
            &[
                0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8,
                0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a,
            ],
        )
    }),
    labels: &LABELS_V1,
};

/// RFC 9369 section 3.3.1.
static V2: Protection = Protection {
    salt: LazyLock::new(|| {
        Salt::new(
            HKDF_SHA256,
            &[
                0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26,
                0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9,
            ],
        )
    }),
    labels: &LABELS_V2,
};

/// draft-ietf-quic-v2-01 section 3.3.1.
static V2_DRAFT: Protection = Protection {
    salt: LazyLock::new(|| {
        Salt::new(
            HKDF_SHA256,
            &[
                0xa7, 0x07, 0xc2, 0x03, 0xa5, 0x9b, 0x47, 0x18, 0x4a, 0x1d, 0x62, 0xca, 0x57, 0x04,
                0x06, 0xea, 0x7a, 0xe3, 0xe5, 0xd3,
            ],
        )
    }),
    labels: &LABELS_V2,
};

/// draft-ietf-quic-tls-22 section 5.2; mvfst kept it.
static DRAFT_22: Protection = Protection {
    salt: LazyLock::new(|| {
        Salt::new(
            HKDF_SHA256,
            &[
                0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a, 0x96, 0xcd, 0x21, 0x51,
                0x9e, 0xbd, 0x7a, 0x02, 0x64, 0x4a,
            ],
        )
    }),
    labels: &LABELS_V1,
};

/// draft-ietf-quic-tls-23 section 5.2, to draft 28; mvfst kept it.
static DRAFT_23: Protection = Protection {
    salt: LazyLock::new(|| {
        Salt::new(
            HKDF_SHA256,
            &[
                0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4,
                0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02,
            ],
        )
    }),
    labels: &LABELS_V1,
};

/// draft-ietf-quic-tls-29 section 5.2, to draft 32.
static DRAFT_29: Protection = Protection {
    salt: LazyLock::new(|| {
        Salt::new(
            HKDF_SHA256,
            &[
                0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61,
                0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99,
            ],
        )
    }),
    labels: &LABELS_V1,
};

/// Google's T050, as Wireshark's `packet-quic.c` has it.
static T050: Protection = Protection {
    salt: LazyLock::new(|| {
        Salt::new(
            HKDF_SHA256,
            &[
                0x7f, 0xf5, 0x79, 0xe5, 0xac, 0xd0, 0x72, 0x91, 0x55, 0x80, 0x30, 0x4c, 0x43, 0xa2,
                0x36, 0x7c, 0x60, 0x48, 0x83, 0x10,
            ],
        )
    }),
    labels: &LABELS_V1,
};

/// Google's T051, as Wireshark's `packet-quic.c` has it.
static T051: Protection = Protection {
    salt: LazyLock::new(|| {
        Salt::new(
            HKDF_SHA256,
            &[
                0x7a, 0x4e, 0xde, 0xf4, 0xe7, 0xcc, 0xee, 0x5f, 0xa4, 0x50, 0x6c, 0x19, 0x12, 0x4f,
                0xc8, 0xcc, 0xda, 0x6e, 0x03, 0x3d,
            ],
        )
    }),
    labels: &LABELS_V1,
};

/// Frame type of CRYPTO frames (RFC 9000 section 19.6).
pub(super) const CRYPTO: u8 = 0x06;
/// The same in Google's versions, as Wireshark's `packet-quic.c` has it.
const GOOGLE_CRYPTO: u8 = 0x08;
/// "T050".
const T050_NUMBER: u32 = 0x5430_3530;
/// "T051".
const T051_NUMBER: u32 = 0x5430_3531;
