//! The types of single values.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::{Kind, Plural, Value};
use crate::capture::settings::Prefilter;
use crate::log::{Format, Level};

/// A size in octets of memory, written with a unit: `64MiB`.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Octets(pub u64);

impl Octets {
    /// That many times 2^20.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }
}

impl Value for Octets {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "a size in KiB, MiB or GiB such as \"64MiB\"";

    fn parse(text: &str) -> Option<Self> {
        Some(Self(with_unit(text, &SIZES)?))
    }

    fn text(&self) -> String {
        in_units(self.0, &SIZES)
    }

    fn amount(&self) -> Option<u64> {
        Some(self.0)
    }

    fn amount_text(amount: u64) -> Option<String> {
        Some(in_units(amount, &SIZES))
    }
}

/// A time, to the millisecond.
impl Value for Duration {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "a time in ms, s, m, h or d such as \"30s\"";

    fn parse(text: &str) -> Option<Self> {
        with_unit(text, &TIMES).map(Self::from_millis)
    }

    fn text(&self) -> String {
        in_units(self.amount().unwrap_or_default(), &TIMES)
    }

    fn amount(&self) -> Option<u64> {
        u64::try_from(self.as_millis()).ok()
    }

    fn amount_text(amount: u64) -> Option<String> {
        Some(in_units(amount, &TIMES))
    }
}

impl Value for usize {
    const KIND: Kind = Kind::Integer;
    const NOUN: &'static str = "a whole number";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn text(&self) -> String {
        self.to_string()
    }

    fn amount(&self) -> Option<u64> {
        Some(*self as u64)
    }

    fn amount_text(amount: u64) -> Option<String> {
        Some(amount.to_string())
    }
}

impl Value for bool {
    const KIND: Kind = Kind::Boolean;
    const NOUN: &'static str = "true or false";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn text(&self) -> String {
        self.to_string()
    }

    fn switch(&self) -> Option<bool> {
        Some(*self)
    }
}

impl Value for Prefilter {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "one of \"off\", \"flow\" and \"flow-required\"";

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    fn text(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Value for String {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "a text that is not empty";

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn text(&self) -> String {
        self.clone()
    }
}

impl Value for PathBuf {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "a path";
    const PLURAL: Plural = Plural::Repeated;

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.into())
    }

    fn text(&self) -> String {
        self.to_string_lossy().into_owned()
    }

    fn move_into(&mut self, folder: &Path) {
        if self.as_os_str() != STANDARD_INPUT {
            *self = folder.join(&*self);
        }
    }
}

impl Value for SocketAddr {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str =
        "an address and a port such as \"127.0.0.1:14663\" or \"[::1]:14663\"";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Value for IpAddr {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "an address such as \"192.0.2.1\"";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Value for IpNet {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "an address block such as \"10.0.0.0/8\"";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Value for Level {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "error, warn, info, debug or trace";

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    fn text(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Value for Format {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "auto, text or json";

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    fn text(&self) -> String {
        self.as_str().to_owned()
    }
}

/// Whether something is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shown {
    /// Where nobody can see it who should not.
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

impl Value for Shown {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "\"auto\", \"always\" or \"never\"";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "always" => Some(Self::Always),
            "never" => Some(Self::Never),
            _ => None,
        }
    }

    fn text(&self) -> String {
        let word = match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        };
        word.to_owned()
    }
}

/// Whether a protection is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// Where the system has it.
    Auto,
    /// Without it, do not start.
    Require,
    /// Not at all.
    Off,
}

impl Value for Wanted {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "\"auto\", \"require\" or \"off\"";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "require" => Some(Self::Require),
            "off" => Some(Self::Off),
            _ => None,
        }
    }

    fn text(&self) -> String {
        let word = match self {
            Self::Auto => "auto",
            Self::Require => "require",
            Self::Off => "off",
        };
        word.to_owned()
    }
}

/// Reads a whole number with a unit behind it.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|it: char| !it.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let factor = units.iter().find(|it| it.0 == unit.trim_start())?.1;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Writes an amount in the largest unit that needs no fraction.
fn in_units(amount: u64, units: &[(&str, u64)]) -> String {
    let mut fitting = units
        .iter()
        .filter(|it| amount.is_multiple_of(it.1) && amount >= it.1);
    match fitting.next().or(units.last()) {
        Some((unit, factor)) => format!("{}{unit}", amount / factor),
        None => amount.to_string(),
    }
}

/// Units of sizes, the largest first.
const SIZES: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// Units of times in milliseconds, the largest first.
const TIMES: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// What stands for standard input where a capture file is asked for.
const STANDARD_INPUT: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_written_as_they_are_read() {
        for text in ["64MiB", "1GiB", "3KiB", "5B", "1025KiB", "0B"] {
            assert_eq!(Octets::parse(text).unwrap().text(), text);
        }
        for text in ["30s", "5m", "90s", "2h", "1d", "250ms", "0ms"] {
            assert_eq!(Duration::parse(text).unwrap().text(), text);
        }
        assert_eq!(Octets::parse("64 MiB"), Some(Octets::mib(64)));
        assert_eq!(Duration::parse("60s").unwrap().text(), "1m");
    }

    #[test]
    fn a_number_without_a_unit_or_with_another_is_none() {
        for text in [
            "64",
            "",
            "MiB",
            "-1MiB",
            "64MB",
            "1.5MiB",
            "99999999999999999999B",
        ] {
            assert_eq!(Octets::parse(text), None, "{text}");
        }
        for text in ["30", "30sec", "s", "1h30m", "18446744073709551615d"] {
            assert_eq!(Duration::parse(text), None, "{text}");
        }
    }
}
