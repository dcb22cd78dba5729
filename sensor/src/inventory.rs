//! Findings as everyone but the ledger sees them: written by one thread, read by others at any
//! time, without waiting for each other for longer than it takes to put a finding.

use std::sync::Arc;

use dashmap::DashMap;
use phonehome_signatures::VendorId;

use crate::findings::Finding;
use crate::host::Address;

/// The shared view of all findings.
#[derive(Debug, Default)]
pub struct Inventory {
    findings: DashMap<(VendorId, Address), Arc<Finding>>,
}

impl Inventory {
    /// Puts the newest state of a finding, or takes it out if there is none any more.
    pub fn put(&self, key: (VendorId, Address), finding: Option<Finding>) {
        match finding {
            Some(finding) => {
                self.findings.insert(key, Arc::new(finding));
            }
            None => {
                self.findings.remove(&key);
            }
        }
    }

    /// All findings, in order of vendor and host. They are shared, not copied.
    #[must_use]
    pub fn findings(&self) -> Vec<Arc<Finding>> {
        let findings = self.findings.iter();
        let mut findings: Vec<Arc<Finding>> = findings.map(|it| Arc::clone(&it)).collect();
        findings.sort_unstable_by_key(|it| (it.vendor, it.host));
        findings
    }
}
