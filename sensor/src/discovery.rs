//! Vendor devices on the local network, by what they say there without a name.
//!
//! In come datagrams of search and announcement protocols, and the first segments of Kasa; out goes a
//! [`Device`], which is the sender: who searches is none. Which vendor and product it is, signatures
//! say: here are only the [`Payload`]s that they claim. [`Servers`] recognises a management server by
//! its ports in combination.
//!
//! Hikvision's SADP and Dahua's DHIP answer searches on the local network, TP-Link's Kasa answers
//! whoever asks, Tuya's devices announce themselves, in clear up to protocol 3.1. Newer ones encrypt
//! the announcement with a key that all share; their frame is recognised, and its content is not read.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use phonehome_signatures::Payload;
use serde::Deserialize;

use crate::identity::{Mac, PlainText};
use crate::names::Malformed;
use crate::reader::Reader;

pub use servers::Servers;

mod servers;

/// What a device says of itself; all may be absent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Device {
    /// Its type, in the words of its maker.
    pub model: Option<PlainText>,
    /// Its serial number, or another number of its own.
    pub serial: Option<PlainText>,
    /// Version of its firmware.
    pub firmware: Option<PlainText>,
    /// Its hardware address.
    pub mac: Option<Mac>,
}

/// The payload that the device speaks which sent something from a port to a port; `None` for ports of
/// no protocol that is read.
#[must_use]
pub const fn payload_of(src_port: u16, dst_port: u16) -> Option<Payload> {
    match (src_port, dst_port) {
        (SADP_PORT, _) | (_, SADP_PORT) => Some(Payload::Sadp),
        (DHIP_PORT, _) => Some(Payload::Dhip),
        (KASA_PORT, _) => Some(Payload::Kasa),
        (_, TUYA_PORT | TUYA_ENCRYPTED_PORT) => Some(Payload::Tuya),
        _ => None,
    }
}

/// Reads what may be a device's answer or announcement; `None` if it is something else, such as a
/// search.
///
/// # Errors
///
/// [`Malformed`] if it begins like one and is none.
pub fn device(payload: Payload, octets: &[u8]) -> Result<Option<Device>, Malformed> {
    match payload {
        Payload::Sadp => Ok(sadp(octets)),
        Payload::Dhip => dhip(octets),
        Payload::Kasa => Ok(kasa(octets)),
        Payload::Tuya => tuya(octets),
        Payload::Ksc => Ok(None),
    }
}

/// The answer of a device to a search of SADP: XML with `ProbeMatch` as its root.
fn sadp(octets: &[u8]) -> Option<Device> {
    let text = std::str::from_utf8(octets).ok()?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let root = match text.strip_prefix("<?") {
        Some(rest) => rest.split_once("?>")?.1.trim_start(),
        None => text,
    };
    let body = root.strip_prefix("<ProbeMatch")?;
    body.starts_with(['>', ' ', '\r', '\n']).then(|| Device {
        model: element(body, "DeviceDescription"),
        serial: element(body, "DeviceSN"),
        firmware: element(body, "SoftwareVersion"),
        mac: element(body, "MAC").and_then(|it| mac(it.as_str())),
    })
}

/// The text of the first element of a name, which has no other inside.
fn element(body: &str, name: &str) -> Option<PlainText> {
    let mut rest = body;
    loop {
        let (_, after) = rest.split_once('<')?;
        rest = after;
        let Some(text) = after.strip_prefix(name).and_then(|it| it.strip_prefix('>')) else {
            continue;
        };
        let (text, _) = text.split_once('<')?;
        return PlainText::new(text.trim().as_bytes());
    }
}

/// The notice of a device in DHIP: a header of 32 octets, then JSON.
///
/// ```text
/// | 20 00 00 00 | "DHIP" | session (4) | request (4) | length (4, little-endian) | 0 (4) | length (4) | 0 (4) |
/// ```
fn dhip(octets: &[u8]) -> Result<Option<Device>, Malformed> {
    let mut reader = Reader::new(octets);
    if reader.take(8) != Some(DHIP_MAGIC) {
        return Ok(None);
    }
    let cut = Malformed::at("length");
    reader.skip(8).ok_or(cut)?;
    let len = reader.array().map(u32::from_le_bytes).ok_or(cut)?;
    reader.skip(12).ok_or(cut)?;
    let len = usize::try_from(len).map_err(|_| cut)?;
    let text = trimmed(reader.take(len).ok_or(cut)?);
    let said: Dhip = serde_json::from_slice(text).map_err(|_| Malformed::at("JSON"))?;
    if said.method != "client.notifyDevInfo" {
        return Ok(None);
    }
    let info = said.params.and_then(|it| it.info).unwrap_or_default();
    Ok(Some(Device {
        model: text_of(info.model),
        serial: text_of(info.serial),
        firmware: text_of(info.firmware),
        mac: said.mac.and_then(|it| mac(&it)),
    }))
}

#[derive(Deserialize)]
struct Dhip {
    #[serde(default)]
    method: String,
    mac: Option<String>,
    params: Option<DhipParams>,
}

#[derive(Deserialize)]
struct DhipParams {
    #[serde(rename = "deviceInfo")]
    info: Option<DhipInfo>,
}

#[derive(Default, Deserialize)]
struct DhipInfo {
    #[serde(rename = "DeviceType")]
    model: Option<String>,
    #[serde(rename = "SerialNo")]
    serial: Option<String>,
    #[serde(rename = "Version")]
    firmware: Option<String>,
}

/// The answer of a Kasa device to `get_sysinfo`. Each octet is the one before, as it was sent, and
/// the plain one; before the first stands 171. Over TCP, four octets of length go before.
fn kasa(octets: &[u8]) -> Option<Device> {
    let sent = match octets {
        // What is sent for an opening brace.
        [first, ..] if *first == KASA_KEY ^ b'{' => octets,
        [0, 0, high, low, rest @ ..] => {
            rest.get(..usize::from(u16::from_be_bytes([*high, *low])))?
        }
        _ => return None,
    };
    let keys = std::iter::once(&KASA_KEY).chain(sent);
    let plain: Vec<u8> = sent.iter().zip(keys).map(|(it, key)| it ^ key).collect();
    if !plain.starts_with(b"{\"") {
        return None;
    }
    let said: Kasa = serde_json::from_slice(&plain).ok()?;
    let info = said.system?.info?;
    // Whoever asks sends the same without any value.
    let model = text_of(info.model)?;
    Some(Device {
        model: Some(model),
        serial: text_of(info.serial),
        firmware: text_of(info.firmware),
        mac: info.mac.and_then(|it| mac(&it)),
    })
}

#[derive(Deserialize)]
struct Kasa {
    system: Option<KasaSystem>,
}

#[derive(Deserialize)]
struct KasaSystem {
    #[serde(rename = "get_sysinfo")]
    info: Option<KasaInfo>,
}

#[derive(Deserialize)]
struct KasaInfo {
    model: Option<String>,
    #[serde(rename = "deviceId")]
    serial: Option<String>,
    #[serde(rename = "sw_ver")]
    firmware: Option<String>,
    #[serde(alias = "mic_mac")]
    mac: Option<String>,
}

/// The announcement of a Tuya device: a frame, in which up to protocol 3.1 is JSON in clear.
///
/// ```text
/// | 00 00 55 aa | sequence (4) | command (4) | length (4) | body | checksum (4) | 00 00 aa 55 |
/// ```
///
/// The length covers all behind it. The frame of protocol 3.5 begins with `00 00 66 99` and ends with
/// `00 00 99 66`.
fn tuya(octets: &[u8]) -> Result<Option<Device>, Malformed> {
    let mut reader = Reader::new(octets);
    match (reader.u32(), octets.last_chunk()) {
        (Some(TUYA_PREFIX), Some(&TUYA_SUFFIX)) => {}
        (Some(TUYA_PREFIX_35), Some(&TUYA_SUFFIX_35)) => return Ok(Some(Device::default())),
        _ => return Ok(None),
    }
    let cut = Malformed::at("length");
    reader.skip(8).ok_or(cut)?;
    let len = reader.u32().ok_or(cut)?;
    if usize::try_from(len) != Ok(reader.len()) {
        return Err(cut);
    }
    let body = reader.rest();
    let clear = body
        .iter()
        .take(5)
        .position(|it| *it == b'{')
        .and_then(|it| body.get(it..))
        .and_then(|it| it.get(..it.iter().rposition(|it| *it == b'}')?.checked_add(1)?));
    let Some(text) = clear else {
        return Ok(Some(Device::default()));
    };
    let Ok(said) = serde_json::from_slice::<Tuya>(text) else {
        // What happens to begin like JSON is encrypted.
        return Ok(Some(Device::default()));
    };
    Ok(said.serial.map(|serial| Device {
        model: text_of(said.model),
        serial: text_of(Some(serial)),
        firmware: None,
        mac: None,
    }))
}

#[derive(Deserialize)]
struct Tuya {
    #[serde(rename = "gwId")]
    serial: Option<String>,
    #[serde(rename = "productKey")]
    model: Option<String>,
}

fn text_of(text: Option<String>) -> Option<PlainText> {
    text.and_then(|it| PlainText::new(it.trim().as_bytes()))
}

/// A hardware address with colons or hyphens between.
fn mac(text: &str) -> Option<Mac> {
    Mac::of_text(&text.trim().replace('-', ":"))
}

/// JSON without the line feed and zero behind it.
fn trimmed(mut octets: &[u8]) -> &[u8] {
    while let [rest @ .., 0 | b'\n' | b'\r' | b' '] = octets {
        octets = rest;
    }
    octets
}

const SADP_PORT: u16 = 37_020;
const DHIP_PORT: u16 = 37_810;
/// The port of Kasa, over UDP and TCP.
pub const KASA_PORT: u16 = 9_999;
const TUYA_PORT: u16 = 6_666;
const TUYA_ENCRYPTED_PORT: u16 = 6_667;
const DHIP_MAGIC: &[u8] = b"\x20\0\0\0DHIP";
const KASA_KEY: u8 = 171;
const TUYA_PREFIX: u32 = 0x0000_55aa;
const TUYA_SUFFIX: [u8; 4] = [0, 0, 0xaa, 0x55];
const TUYA_PREFIX_35: u32 = 0x0000_6699;
const TUYA_SUFFIX_35: [u8; 4] = [0, 0, 0x99, 0x66];

#[cfg(test)]
mod tests;
