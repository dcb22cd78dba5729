//! What the sensor looks for and why, as files: signature packs, directives and waivers.
//!
//! A pack ([`pack`]) holds what is known of one vendor's names, with sources. A [`Catalogue`] is
//! made of packs and says which signature, if any, claims a name. A [`Directive`] is a legal
//! instrument with its dates and with what counts under it; a [`Waiver`] lets a finding stand until
//! a day; [`Resolvers`] says who answers DNS for anyone. The package does no more: it reads no traffic and judges no host.

pub mod catalogue;
pub mod day;
pub mod directive;
mod document;
mod matcher;
mod name;
pub mod pack;
pub mod pattern;
pub mod resolvers;
pub mod service;
pub mod signature;
pub mod waiver;

pub use catalogue::{Base, Catalogue, PackInfo};
pub use day::Day;
pub use directive::{
    Authority, Citation, Countable, Directive, Directives, Element, Filler, Milestone, Profile,
    Step,
};
pub use document::{FileError, LoadError};
pub use name::normalise;
pub use pattern::Pattern;
pub use resolvers::{Resolver, Resolvers};
pub use service::{PortRange, Service, Transport};
pub use signature::{
    Category, Confidence, Evidence, Example, Payload, Signature, SignatureId, Source, Vendor,
    VendorId,
};
pub use waiver::Waiver;
