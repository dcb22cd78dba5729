//! TLS hellos.

use serde::Serialize;

/// What a hello says of Encrypted Client Hello (RFC 9849).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ech {
    /// No such extension: the name is the real one.
    None,
    /// The extension is a decoy: the name is the real one.
    Grease,
    /// The extension is real: the name is only the public one of the provider.
    Real,
    /// The extension is there, and nothing seen in DNS tells which of the two it is.
    Unknown,
}
