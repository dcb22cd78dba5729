//! Signature packs of flagged vendors: their format, validator and matcher.

pub mod catalogue;
pub mod signature;

pub use catalogue::{Catalogue, Service};
pub use signature::{Category, Confidence, Evidence, Signature, SignatureId, Vendor, VendorId};
