//! Signature packs of flagged vendors: their format, validator and matcher.
//!
//! A pack ([`pack`]) holds what is known of one vendor's names, with sources. A [`Catalogue`] is
//! made of packs and says which signature, if any, claims a name. The package does no more: it
//! reads no traffic and judges no host.

pub mod catalogue;
mod matcher;
mod name;
pub mod pack;
pub mod pattern;
pub mod service;
pub mod signature;

pub use catalogue::{Base, Catalogue, LoadError, PackInfo};
pub use name::normalise;
pub use pack::PackError;
pub use pattern::Pattern;
pub use service::{PortRange, Service, Transport};
pub use signature::{
    Category, Confidence, Evidence, Example, Signature, SignatureId, Source, Vendor, VendorId,
};
