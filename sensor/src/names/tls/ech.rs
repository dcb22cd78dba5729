//! Encrypted Client Hello (RFC 9849): what a hello shows of it, and the configs that DNS offers.
//!
//! Both are read in place and compared elsewhere: nothing here tells a decoy from the real one.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use crate::names::{Malformed, Name};
use crate::reader::Reader;

/// An `HpkeSymmetricCipherSuite`: KDF and AEAD by their code points (RFC 9180 section 7).
pub type Suite = [u16; 2];

/// What the ECH extension of a ClientHelloOuter shows (RFC 9849 section 5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outer {
    /// Which key the inner hello is encrypted to; a random octet in a decoy.
    pub config_id: u8,
    /// What it is encrypted with.
    pub suite: Suite,
    /// Octets of the encapsulated key; none in the hello after a HelloRetryRequest (section 6.1.5).
    pub enc_len: u16,
}

impl Outer {
    /// Reads the body of the extension behind its type, which is `outer`.
    ///
    /// ```text
    /// kdf_id(2) aead_id(2) config_id(1) enc<0..2^16-1> payload<1..2^16-1>
    /// ```
    pub(super) fn read(mut data: Reader<'_>) -> Option<Self> {
        let suite = [data.u16()?, data.u16()?];
        let config_id = data.u8()?;
        let enc = data.sub_u16()?;
        let payload = data.sub_u16()?;
        let is_whole = !payload.is_empty() && data.is_empty();
        is_whole.then_some(Self {
            config_id,
            suite,
            enc_len: u16::try_from(enc.len()).ok()?,
        })
    }
}

/// An `ECHConfig` that a client may encrypt its hello by (RFC 9849 section 4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EchConfig {
    /// What the hello names the key by.
    pub config_id: u8,
    /// The key encapsulation mechanism, by its code point (RFC 9180 section 7.1).
    pub kem: u16,
    /// What the hello may be encrypted with, at most [`MAX_SUITES`]; empty if there are more.
    pub suites: Vec<Suite>,
    /// The name that stands in clear in the hello.
    pub public_name: Name,
}

impl EchConfig {
    /// Whether a hello may have been encrypted by it, but for the config id: its suite is on offer,
    /// and its encapsulated key is as long as the mechanism makes it.
    #[must_use]
    pub fn allows(&self, outer: &Outer) -> bool {
        let suite = self.suites.is_empty() || self.suites.contains(&outer.suite);
        let enc = outer.enc_len == 0 || enc_len(self.kem).is_none_or(|it| it == outer.enc_len);
        suite && enc
    }
}

/// Reads an `ECHConfigList`, as the SvcParam `ech` holds it (RFC 9848 section 3).
///
/// ```text
/// length(2) { version(2) length(2) contents }...                 RFC 9849 section 4
/// contents of version 0xfe0d:
/// config_id(1) kem_id(2) public_key<1..2^16-1> cipher_suites<4..2^16-4>
/// maximum_name_length(1) public_name<1..255> extensions<0..2^16-1>
/// ```
///
/// Configs of other versions are passed over: no hello that is read here goes by them.
///
/// # Errors
///
/// [`Malformed`] if the list, or a config in it, breaks off: clients are to ignore such a list. And
/// if it has more than [`MAX_CONFIGS`], which nobody lists.
pub fn ech_configs(list: &[u8]) -> Result<Vec<EchConfig>, Malformed> {
    let mut outside = Reader::new(list);
    let configs = outside.sub_u16().filter(|_| outside.is_empty());
    let mut configs = configs.ok_or(Malformed::at("ECHConfigList"))?;
    let mut read = Vec::new();
    while !configs.is_empty() {
        let version = configs.u16();
        let contents = configs.sub_u16();
        let (Some(version), Some(contents)) = (version, contents) else {
            return Err(Malformed::at("ECHConfig"));
        };
        if version != VERSION {
            continue;
        }
        let config = config(contents).ok_or(Malformed::at("ECHConfigContents"))?;
        if read.len() >= MAX_CONFIGS {
            return Err(Malformed::at("ECHConfigList"));
        }
        read.push(config);
    }
    Ok(read)
}

fn config(mut contents: Reader<'_>) -> Option<EchConfig> {
    let config_id = contents.u8()?;
    let kem = contents.u16()?;
    let _public_key = contents.sub_u16()?;
    let mut listed = contents.sub_u16()?;
    let _maximum_name_length = contents.u8()?;
    let name_len = contents.u8()?;
    let public_name = Name::from_text(contents.take(usize::from(name_len))?)?;
    let _extensions = contents.sub_u16()?;
    let mut suites = Vec::new();
    if listed.len() <= MAX_SUITES.saturating_mul(size_of::<Suite>()) {
        while !listed.is_empty() {
            suites.push([listed.u16()?, listed.u16()?]);
        }
    }
    contents.is_empty().then_some(EchConfig {
        config_id,
        kem,
        suites,
        public_name,
    })
}

/// Octets of an encapsulated key; `None` for a mechanism that is not known here.
const fn enc_len(kem: u16) -> Option<u16> {
    // RFC 9180 section 7.1.
    match kem {
        0x0010 => Some(65),
        0x0011 => Some(97),
        0x0012 => Some(133),
        0x0020 => Some(32),
        0x0021 => Some(56),
        _ => None,
    }
}

/// Configs of one list. Providers list one for each mechanism, and while keys are being changed one
/// more.
pub const MAX_CONFIGS: usize = 16;

/// Suites of one config that are kept. There are nine pairs of a KDF and an AEAD in RFC 9180.
pub const MAX_SUITES: usize = 16;

/// `ECHConfig.version`, the number of the extension (RFC 9849 section 4).
const VERSION: u16 = 0xfe0d;

#[cfg(test)]
mod tests {
    use super::*;

    // One config, with a key that is made up: X25519, HKDF-SHA256 with AES-128-GCM, and the public
    // name cloudflare-ech.com.
    const LIST: &[u8] = b"\x00\x45\xfe\x0d\x00\x41\x44\x00\x20\x00\x20\
        \xb1\x6c\x1e\x4d\x12\xaa\x5d\x30\x49\x14\x80\xc9\x1f\x2e\x15\xb5\
        \x26\x33\x0d\x7f\xae\x29\x0b\xd1\x55\x28\x38\x7d\x5a\x52\x0c\x51\
        \x00\x04\x00\x01\x00\x01\x00\x12cloudflare-ech.com\x00\x00";

    #[test]
    fn a_list_holds_its_configs() {
        let configs = ech_configs(LIST).unwrap();
        assert_eq!(configs, [config_of("cloudflare-ech.com")]);
    }

    #[test]
    fn a_list_that_breaks_off_is_malformed() {
        for len in 0..LIST.len() {
            assert!(ech_configs(&LIST[..len]).is_err(), "prefix of {len} octets");
        }
        let longer = [LIST, &[0]].concat();
        assert_eq!(ech_configs(&longer), Err(Malformed::at("ECHConfigList")));
    }

    #[test]
    fn a_length_within_a_config_that_contradicts_another_is_malformed() {
        // Lengths of the config, its key, its suites, its name and its extensions.
        for at in [5, 10, 44, 50, 70] {
            let mut list = LIST.to_vec();
            list[at] += 1;
            assert!(ech_configs(&list).is_err(), "octet {at}");
        }
    }

    #[test]
    fn configs_of_other_versions_are_passed_over() {
        let list = [&[0, 0x49 + 1, 0xfe, 0x0a, 0, 1, 7][..], &LIST[2..]].concat();
        assert_eq!(ech_configs(&list).unwrap().len(), 1);
        let only = [0, 5, 0xfe, 0x0a, 0, 1, 7];
        assert_eq!(ech_configs(&only), Ok(vec![]));
    }

    #[test]
    fn configs_and_suites_are_bounded() {
        let list = |count| {
            let many = LIST[2..].repeat(count);
            let len = u16::try_from(many.len()).unwrap().to_be_bytes();
            [&len[..], &many].concat()
        };
        let read = ech_configs(&list(MAX_CONFIGS));
        assert_eq!(read.map(|it| it.len()), Ok(MAX_CONFIGS));
        assert!(ech_configs(&list(MAX_CONFIGS + 1)).is_err());

        let suites = [0, 1, 0, 1].repeat(MAX_SUITES + 1);
        let mut contents = vec![
            0x44,
            0,
            0x20,
            0,
            1,
            9,
            0,
            u8::try_from(suites.len()).unwrap(),
        ];
        contents.extend(suites);
        contents.extend(b"\0\x09a.example\0\0");
        let read = config(Reader::new(&contents)).unwrap();
        assert!(read.suites.is_empty());
        assert!(read.allows(&outer([7, 7], 32)));
    }

    #[test]
    fn suite_and_length_of_the_encapsulated_key_must_be_on_offer() {
        let config = config_of("a.example");
        assert!(config.allows(&outer([1, 1], 32)));
        assert!(!config.allows(&outer([1, 3], 32)));
        assert!(!config.allows(&outer([2, 1], 32)));
        assert!(!config.allows(&outer([1, 1], 65)));
        // After a HelloRetryRequest.
        assert!(config.allows(&outer([1, 1], 0)));
        let unknown = EchConfig {
            kem: 0x647a,
            ..config
        };
        assert!(unknown.allows(&outer([1, 1], 1120)));
    }

    fn config_of(public_name: &str) -> EchConfig {
        EchConfig {
            config_id: 0x44,
            kem: 0x20,
            suites: vec![[1, 1]],
            public_name: Name::from_text(public_name.as_bytes()).unwrap(),
        }
    }

    fn outer(suite: Suite, enc_len: u16) -> Outer {
        Outer {
            config_id: 0x44,
            suite,
            enc_len,
        }
    }
}
