//! Findings as everyone but the ledger sees them: written by one thread, read by others at any
//! time, without waiting for each other for longer than it takes to copy a finding.

use dashmap::DashMap;
use phonehome_signatures::VendorId;

use crate::findings::Finding;
use crate::host::Address;

/// The shared view of all findings.
#[derive(Debug, Default)]
pub struct Inventory {
    findings: DashMap<(VendorId, Address), Finding>,
}

impl Inventory {
    /// Puts the newest state of a finding, or takes it out if there is none any more.
    pub fn put(&self, key: (VendorId, Address), finding: Option<Finding>) {
        match finding {
            Some(finding) => {
                self.findings.insert(key, finding);
            }
            None => {
                self.findings.remove(&key);
            }
        }
    }

    /// A copy of all findings, in order of vendor and host.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            self.findings.iter().map(|it| it.value().clone()).collect();
        findings.sort_unstable_by_key(|it| (it.vendor, it.host));
        findings
    }
}
