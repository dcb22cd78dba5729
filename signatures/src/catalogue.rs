//! The compiled catalogue of all loaded packs.

use crate::signature::{Signature, SignatureId, Vendor, VendorId};

/// All loaded signatures, compiled for matching. Immutable once made; share it in an `Arc`.
#[derive(Debug, Default)]
pub struct Catalogue {
    vendors: Vec<Vendor>,
    signatures: Vec<Signature>,
}

impl Catalogue {
    /// The signature that claims a name, if any: exact beats glob beats the longest suffix.
    ///
    /// `name` is lower case without a trailing dot, as `phonehome::names::Name` writes it.
    #[must_use]
    pub fn claim(&self, _name: &str, _service: Service) -> Option<SignatureId> {
        None
    }

    /// The signature with that id. Ids of another catalogue give another signature or `None`.
    #[must_use]
    pub fn signature(&self, id: SignatureId) -> Option<&Signature> {
        self.signatures.get(id.0 as usize)
    }

    /// The vendor with that id.
    #[must_use]
    pub fn vendor(&self, id: VendorId) -> Option<&Vendor> {
        self.vendors.get(usize::from(id.0))
    }

    /// All vendors, in the order of their ids.
    #[must_use]
    pub fn vendors(&self) -> &[Vendor] {
        &self.vendors
    }

    /// All signatures, in the order of vendor and signature id.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }
}

/// Where a name was used; signatures may be limited to ports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// Asked in DNS; no port limits apply, except that port-limited signatures rank last.
    Dns,
    /// A TCP connection to that port.
    Tcp(u16),
    /// UDP to that port.
    Udp(u16),
}
