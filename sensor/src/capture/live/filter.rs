//! An operator's filter: whether it is right, and which kinds of frames it leaves out unawares.
//!
//! An expression such as `tcp or udp` speaks of what follows the Ethernet header directly. Frames
//! with a tag, a label or a tunnel header in between fall through without a word, so the expression is
//! tried on samples: a kind of which nothing passes, though the same packet without wrapping does, is
//! named.

use pcap::{Activated, Active, Capture, Dead, Linktype};

use super::classic::Program;
use crate::capture::samples::{FrameKind, Packet};

/// What trying an expression on samples showed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Tried {
    /// It passes none of these kinds.
    LeavesOut(Vec<FrameKind>),
    /// It passes none of the samples, not even plain ones, so nothing can be said: it asks for
    /// particular hosts or ports.
    Unknown,
}

/// Why an expression is wrong, in the library's words; `None` if it is right, or says something that
/// only an open interface can tell.
pub(super) fn check(expression: &str) -> Option<String> {
    let dead = Capture::dead(Linktype::ETHERNET).ok()?;
    match dead.compile(expression, true) {
        Ok(_) => None,
        // "inbound" and its like are known to open interfaces alone.
        Err(error) if error.to_string().contains("not supported on") => None,
        Err(error) => Some(words_of(error)),
    }
}

/// Tries an expression on samples, as it would work on that open interface.
pub(super) fn try_on(handle: &Capture<Active>, expression: &str) -> Tried {
    tried(handle, expression)
}

/// The library's words for what is wrong.
pub(super) fn words_of(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text,
        other => other.to_string(),
    }
}

/// An expression that is asked outside the kernel, of whole frames.
pub(super) fn compile_for(link: i32, expression: &str) -> Result<pcap::BpfProgram, pcap::Error> {
    let dead: Capture<Dead> = Capture::dead(Linktype(link))?;
    dead.compile(expression, true)
}

fn tried<T: Activated + ?Sized>(handle: &Capture<T>, expression: &str) -> Tried {
    let Ok(compiled) = handle.compile(expression, true) else {
        return Tried::Unknown;
    };
    let instructions = compiled.get_instructions().iter();
    let Some(program) = Program::read(instructions.map(ToString::to_string)) else {
        return Tried::Unknown;
    };
    let passing: Vec<Packet> = Packet::all()
        .filter(|it| program.passes(&it.plain()))
        .collect();
    if passing.is_empty() {
        return Tried::Unknown;
    }
    let leaves_out = |kind: &FrameKind| {
        let mut samples = passing.iter().map(|it| it.wrapped(*kind));
        !samples.any(|it| program.passes(&it))
    };
    let kinds = FrameKind::ALL.into_iter();
    Tried::LeavesOut(kinds.filter(leaves_out).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_expression_is_refused_in_the_words_of_the_library() {
        let why = check("tcp port htpps").unwrap();
        assert!(why.contains("htpps"), "{why}");
        assert!(check("tcp prt 443").is_some());
        assert_eq!(check("tcp port 443 or vlan"), None);
        assert_eq!(check("inbound and tcp"), None);
    }

    #[test]
    fn what_an_expression_forgets_is_named() {
        let all_but = |passed: &[FrameKind]| {
            let kinds = FrameKind::ALL.into_iter();
            Tried::LeavesOut(kinds.filter(|it| !passed.contains(it)).collect())
        };
        let try_it = |expression| {
            let dead = Capture::dead(Linktype::ETHERNET).unwrap();
            tried(&dead, expression)
        };
        assert_eq!(try_it(""), Tried::LeavesOut(vec![]));
        // The single tag is not in the frame when the kernel asks.
        let passed = [FrameKind::Vlan, FrameKind::Fragment, FrameKind::Ipv6];
        let plain = [
            FrameKind::Vlan,
            FrameKind::Vxlan,
            FrameKind::Fragment,
            FrameKind::Ipv6,
        ];
        assert_eq!(try_it("tcp or udp"), all_but(&plain));
        assert_eq!(try_it("tcp"), all_but(&passed));
        assert_eq!(
            try_it("port 443"),
            all_but(&[FrameKind::Vlan, FrameKind::Ipv6])
        );
        let ipv4 = [
            FrameKind::Vlan,
            FrameKind::Gre,
            FrameKind::Vxlan,
            FrameKind::Fragment,
        ];
        assert_eq!(try_it("ip"), all_but(&ipv4));
        assert_eq!(try_it("host 203.0.113.9"), Tried::Unknown);
    }
}
