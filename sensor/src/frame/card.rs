//! What a network card does to frames before anybody can capture them.

/// Settings of an interface that change what is captured, as the system tells them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Card {
    /// Whether each of [`Offload::ALL`] is on; absent where the system does not tell.
    pub offloads: [Option<bool>; Offload::ALL.len()],
    /// Frames that the card's receive ring holds, and the most that it could; absent where it has
    /// none, or does not tell.
    pub ring: Option<(u32, u32)>,
    /// Octets of the longest packet that the interface takes, its link header left out.
    pub mtu: Option<u32>,
}

/// Work that a card, or the driver, does in place of the system.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Offload {
    /// Generic receive offload: merges segments of a flow that arrive together.
    Gro,
    /// Large receive offload: the same, without keeping to the rules of forwarding.
    Lro,
    /// The same, done by the card.
    HardwareGro,
    /// Generic segmentation offload, of what the interface sends.
    Gso,
    /// TCP segmentation offload, of what the interface sends.
    Tso,
    /// Takes the outer VLAN tag out of received frames. It is put back.
    Vlan,
}

impl Offload {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Gro,
        Self::Lro,
        Self::HardwareGro,
        Self::Gso,
        Self::Tso,
        Self::Vlan,
    ];

    /// Its name on the command line of `ethtool -K`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gro => "gro",
            Self::Lro => "lro",
            Self::HardwareGro => "rx-gro-hw",
            Self::Gso => "gso",
            Self::Tso => "tso",
            Self::Vlan => "rxvlan",
        }
    }

    /// The name of the system's own switch for it.
    #[must_use]
    pub const fn feature(self) -> &'static str {
        match self {
            Self::Gro => "rx-gro",
            Self::Lro => "rx-lro",
            Self::HardwareGro => "rx-gro-hw",
            Self::Gso => "tx-generic-segmentation",
            Self::Tso => "tx-tcp-segmentation",
            Self::Vlan => "rx-vlan-hw-parse",
        }
    }

    /// Whether it changes the number and lengths of frames that are captured.
    #[must_use]
    pub const fn hurts(self) -> bool {
        match self {
            Self::Gro | Self::Lro | Self::HardwareGro => true,
            // These two touch only what this machine sends.
            Self::Gso | Self::Tso | Self::Vlan => false,
        }
    }

    /// What it is in words.
    const fn words(self) -> &'static str {
        match self {
            Self::Gro => "generic receive offload",
            Self::Lro => "large receive offload",
            Self::HardwareGro => "receive offload in the card",
            Self::Gso => "generic segmentation offload",
            Self::Tso => "TCP segmentation offload",
            Self::Vlan => "VLAN tag offload",
        }
    }
}

impl Card {
    /// What hurts a capture on the interface of that name, each with the command that mends it.
    #[must_use]
    pub fn advice(&self, interface: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let hurting: Vec<Offload> = Offload::ALL
            .into_iter()
            .zip(self.offloads)
            .filter(|(it, is_on)| it.hurts() && *is_on == Some(true))
            .map(|(it, _)| it)
            .collect();
        if !hurting.is_empty() {
            let words: Vec<&str> = hurting.iter().map(|it| it.words()).collect();
            let switches: Vec<String> = hurting
                .iter()
                .map(|it| format!(" {} off", it.as_str()))
                .collect();
            let merge = if hurting.len() > 1 { "merge" } else { "merges" };
            let change = if hurting.len() > 1 {
                "change"
            } else {
                "changes"
            };
            lines.push(format!(
                "interface {interface}: {} {merge} segments and {change} lengths; mend it with: \
                 ethtool -K {interface}{}",
                words.join(" and "),
                switches.concat()
            ));
        }
        if let Some((frames, most)) = self.ring
            && frames < most
        {
            lines.push(format!(
                "interface {interface}: the card's receive ring holds {frames} frames and could \
                 hold {most}; mend it with: ethtool -G {interface} rx {most}"
            ));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hurts_is_named_with_the_command_that_mends_it() {
        let card = Card {
            offloads: [
                Some(true),
                Some(true),
                None,
                Some(true),
                Some(true),
                Some(true),
            ],
            ring: Some((256, 4096)),
            mtu: Some(1500),
        };
        let lines = [
            "interface eth1: generic receive offload and large receive offload merge segments and \
             change lengths; mend it with: ethtool -K eth1 gro off lro off",
            "interface eth1: the card's receive ring holds 256 frames and could hold 4096; mend it \
             with: ethtool -G eth1 rx 4096",
        ];
        assert_eq!(card.advice("eth1"), lines);
    }

    #[test]
    fn a_card_that_does_no_harm_or_does_not_tell_gets_no_advice() {
        let mended = Card {
            offloads: [Some(false), None, None, Some(true), Some(true), Some(true)],
            ring: Some((4096, 4096)),
            mtu: None,
        };
        assert!(mended.advice("eth1").is_empty());
        assert!(Card::default().advice("eth1").is_empty());
    }
}
