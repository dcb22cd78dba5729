//! Whom a finding is of, in words and as rows of documents.
//!
//! Names and classes come from the wire: they are printable ASCII, and each form escapes what would
//! end a field of it.

use serde::Serialize;

use super::{iso_seconds, rfc3339};
use crate::discovery::Device;
use crate::findings::{Earlier, Finding, Who};
use crate::identity::Identity;

/// What is known of the device behind a finding, in a line; `None` where nothing is.
pub(super) fn line(finding: &Finding) -> Option<String> {
    let who = finding.who.as_ref()?;
    let mut line = words(&who.identity);
    if !who.former.is_empty() {
        let names: Vec<&str> = who.former.iter().map(|it| it.as_str()).collect();
        line.push_str(&format!("; called {} before", names.join(", ")));
    }
    Some(line)
}

/// What other devices had that had the address before, a line each, the newest first.
pub(super) fn earlier_lines(finding: &Finding) -> impl Iterator<Item = String> {
    finding.earlier.iter().rev().map(|it| {
        let products = match it.products.as_slice() {
            [] => String::new(),
            products => format!(" ({})", products.join(", ")),
        };
        format!(
            "before, the address was that of {}: {}{products} from {} to {}",
            words(&it.who.identity),
            it.verdict.as_str(),
            iso_seconds(it.first_seen),
            iso_seconds(it.last_seen)
        )
    })
}

/// All of that.
pub(super) fn lines(finding: &Finding) -> Vec<String> {
    line(finding)
        .into_iter()
        .chain(earlier_lines(finding))
        .collect()
}

/// `laptop-7 (dhcp), 02:00:00:00:00:01, MSFT 5.0, since 2017-10-02T08:00:00Z`.
fn words(identity: &Identity) -> String {
    let name = identity
        .name
        .as_ref()
        .map(|(name, source)| format!("{name} ({})", source.as_str()));
    let device = identity.device.map(|it| it.to_string());
    let class = identity.class.as_ref().map(|it| it.as_str().to_owned());
    let since = format!("since {}", iso_seconds(identity.since));
    let parts = [name, device, class, Some(since)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

/// An identity in a document.
#[derive(Serialize)]
pub(super) struct IdentityRow<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// Where the name was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'a str>,
    since: String,
    last_said: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    former_names: Vec<&'a str>,
}

/// What a device said of itself, in a document.
#[derive(Serialize)]
pub(super) struct DeviceRow<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    firmware: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
}

impl<'a> DeviceRow<'a> {
    pub(super) fn of(device: &'a Device) -> Self {
        Self {
            model: device.model.as_ref().map(|it| it.as_str()),
            serial: device.serial.as_ref().map(|it| it.as_str()),
            firmware: device.firmware.as_ref().map(|it| it.as_str()),
            mac: device.mac.map(|it| it.to_string()),
        }
    }
}

/// What another device had, in a document.
#[derive(Serialize)]
pub(super) struct EarlierRow<'a> {
    identity: IdentityRow<'a>,
    verdict: &'static str,
    products: &'a [String],
    first_seen: String,
    last_seen: String,
}

impl<'a> IdentityRow<'a> {
    pub(super) fn of(who: &'a Who) -> Self {
        Self {
            former_names: who.former.iter().map(|it| it.as_str()).collect(),
            ..Self::of_identity(&who.identity)
        }
    }

    pub(super) fn of_identity(identity: &'a Identity) -> Self {
        let name = identity.name.as_ref();
        Self {
            mac: identity.device.map(|it| it.to_string()),
            name: name.map(|it| it.0.as_str()),
            source: name.map(|it| it.1.as_str()),
            class: identity.class.as_ref().map(|it| it.as_str()),
            since: rfc3339(identity.since),
            last_said: rfc3339(identity.said),
            former_names: Vec::new(),
        }
    }
}

impl<'a> EarlierRow<'a> {
    pub(super) fn of(earlier: &'a Earlier) -> Self {
        Self {
            identity: IdentityRow::of(&earlier.who),
            verdict: earlier.verdict.as_str(),
            products: &earlier.products,
            first_seen: rfc3339(earlier.first_seen),
            last_seen: rfc3339(earlier.last_seen),
        }
    }
}
