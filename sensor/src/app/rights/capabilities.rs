//! Gives up capabilities, all of them or all but the right to open interfaces.

use caps::{CapSet, Capability, CapsHashSet};

use crate::export::protection::Standing;

/// Takes every capability out of the bounding set, where that is allowed; so no program that is
/// started can have one. Must come before the user changes.
pub(super) fn bound() {
    // Needs CAP_SETPCAP. Without it the set stays as a service manager made it, and there is no way
    // to get anything from it: no program can be started, and none could gain rights.
    let _ = caps::clear(None, CapSet::Bounding);
}

/// Clears the other sets of this thread; says how that stands.
pub(super) fn clear(keep_net_raw: bool) -> Standing {
    let kept: CapsHashSet = caps::read(None, CapSet::Permitted)
        .unwrap_or_default()
        .into_iter()
        .filter(|it| keep_net_raw && *it == Capability::CAP_NET_RAW)
        .collect();
    // Old kernels have no ambient set, and nothing to clear.
    let _ = caps::clear(None, CapSet::Ambient);
    let none = CapsHashSet::new();
    let cleared = caps::set(None, CapSet::Inheritable, &none)
        .and_then(|()| caps::set(None, CapSet::Effective, &none))
        .and_then(|()| caps::set(None, CapSet::Permitted, &kept))
        .and_then(|()| caps::set(None, CapSet::Effective, &kept));
    match cleared {
        // A filter of the service manager may forbid the call; what counts is what is there.
        Err(error) if !has_none() => Standing::Refused(error.to_string()),
        Ok(()) if !kept.is_empty() => {
            Standing::Off("rights.keep-net-raw keeps CAP_NET_RAW, and no other".to_owned())
        }
        Ok(()) | Err(_) => Standing::InForce,
    }
}

fn has_none() -> bool {
    [
        CapSet::Effective,
        CapSet::Permitted,
        CapSet::Inheritable,
        CapSet::Ambient,
    ]
    .into_iter()
    .all(|it| caps::read(None, it).is_ok_and(|it| it.is_empty()))
}
