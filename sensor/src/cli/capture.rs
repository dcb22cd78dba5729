//! Options about how interfaces are listened on.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Failure;
use crate::capture::settings::{Prefilter, Settings};

/// What may be chosen about a live capture.
#[derive(Args, Debug)]
pub(super) struct Capture {
    /// Look only at what this expression in the language of libpcap lets pass
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "replay")]
    filter: Option<String>,
    /// Memory of an interface's ring, in MiB [default: 64]
    #[arg(long = "capture.ring", value_name = "MIB", conflicts_with = "replay")]
    ring: Option<u32>,
    /// Octets kept of a frame [default: 65600]
    #[arg(
        long = "capture.snaplen",
        value_name = "OCTETS",
        conflicts_with = "replay"
    )]
    snaplen: Option<u32>,
    /// Whether to ask for frames that are not addressed to the interface [default: true]
    #[arg(
        long = "capture.promiscuous",
        value_name = "BOOL",
        conflicts_with = "replay"
    )]
    promiscuous: Option<bool>,
    /// How long the kernel may hold frames back, in milliseconds [default: 100]
    #[arg(long = "capture.hold", value_name = "MS", conflicts_with = "replay")]
    hold: Option<u64>,
    /// Have the kernel cut flows off once they can tell no more names
    #[arg(
        long = "capture.prefilter",
        value_name = "WHICH",
        default_value = "off",
        conflicts_with = "replay"
    )]
    prefilter: Which,
}

/// A prefilter.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    /// None
    Off,
    /// By flow; where the kernel refuses, say so and go on without
    Flow,
    /// By flow; where the kernel refuses, do not start
    FlowRequired,
}

impl Capture {
    /// What they mean.
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        let default = Settings::default();
        let settings = Settings {
            ring_bytes: self
                .ring
                .map_or(default.ring_bytes, |it| it.saturating_mul(1 << 20)),
            snaplen_octets: self.snaplen.unwrap_or(default.snaplen_octets),
            promiscuous: self.promiscuous.unwrap_or(default.promiscuous),
            hold: self.hold.map_or(default.hold, Duration::from_millis),
            filter: self.filter.clone(),
            prefilter: match self.prefilter {
                Which::Off => Prefilter::Off,
                Which::Flow => Prefilter::Flow,
                Which::FlowRequired => Prefilter::FlowRequired,
            },
            ..default
        };
        let wrong: Vec<String> = settings.check().iter().map(ToString::to_string).collect();
        if wrong.is_empty() {
            Ok(settings)
        } else {
            Err(Failure::usage(wrong.join("; ")))
        }
    }
}
