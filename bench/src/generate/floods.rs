//! Captures of a steady stream of visits to flagged vendors, with and without a flood around it.
//!
//! The stream and the flood have a source of chance each, so the stream is the same in all captures
//! of a seed.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use serde::Serialize;

use super::bulk::Pool;
use super::savefile::Savefile;
use super::scripts::{Author, FlowKind};
use super::{OpenFlows, START_MICROS};
use crate::error::Error;

/// What floods a capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Flood {
    /// SYNs from random sources
    Syn,
    /// Halves of TLS hellos from random sources
    Hellos,
    /// QUIC Initials with holes from random sources
    Initials,
    /// DNS questions for random names, half of them below a flagged one
    Names,
    /// Flagged questions and SYNs in the name of random hosts of the network
    Hosts,
    /// Fragments that are never completed
    Fragments,
}

/// What was written.
#[derive(Clone, Debug)]
pub(crate) struct Flooded {
    /// Frames in the file, and those of the flood among them.
    pub(crate) packets: u64,
    pub(crate) flood_packets: u64,
    /// Hosts that visited a flagged vendor.
    pub(crate) hosts: BTreeSet<IpAddr>,
}

impl Flood {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Syn,
        Self::Hellos,
        Self::Initials,
        Self::Names,
        Self::Hosts,
        Self::Fragments,
    ];

    /// The word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::Hellos => "hellos",
            Self::Initials => "initials",
            Self::Names => "names",
            Self::Hosts => "hosts",
            Self::Fragments => "fragments",
        }
    }

    const fn kind(self) -> FlowKind {
        match self {
            Self::Syn => FlowKind::Flood,
            Self::Hellos => FlowKind::HalfHello,
            Self::Initials => FlowKind::HalfInitial,
            Self::Names => FlowKind::RandomName,
            Self::Hosts => FlowKind::MadeUpHost,
            Self::Fragments => FlowKind::Fragment,
        }
    }

    /// Flows a second: enough to reach the bound that it aims at within a minute.
    const fn rate(self) -> u64 {
        match self {
            Self::Syn => 60_000,
            Self::Hellos | Self::Names | Self::Hosts | Self::Fragments => 15_000,
            Self::Initials => 5_000,
        }
    }
}

/// Writes a capture of so many seconds; the flood at `per_mille` thousandths of its rate.
///
/// # Errors
///
/// Those of writing the file.
pub(crate) fn write(
    flood: Option<(Flood, u64)>,
    seconds: u64,
    seed: u64,
    capture: &Path,
) -> Result<Flooded, Error> {
    let error = Error::file("write", capture);
    let mut savefile = Savefile::create(capture).map_err(error)?;
    let mut authors = [
        Author::new(seed, false),
        Author::new(seed ^ FLOOD_SEED, false),
    ];
    let pool = Pool::new(&mut authors[0].rng);
    let mut open = [OpenFlows::default(), OpenFlows::default()];
    let gaps = [
        Some(1_000_000_000 / VISITS),
        flood.map(|(it, per_mille)| 1_000_000_000_000 / (it.rate() * per_mille)),
    ];
    let mut next_arrival = [0, 0];
    let mut flooded = Flooded {
        packets: 0,
        flood_packets: 0,
        hosts: BTreeSet::new(),
    };
    let end = seconds * 1_000_000_000;
    let mut frame = Vec::with_capacity(2048);
    loop {
        for who in [0, 1] {
            let Some(gap) = gaps[who] else { continue };
            while next_arrival[who] < end
                && open[who].next_at().is_none_or(|at| next_arrival[who] <= at)
            {
                let kind = match flood {
                    Some((flood, _)) if who == 1 => flood.kind(),
                    _ => FlowKind::Visit,
                };
                let author = &mut authors[who];
                let flow = author.flow(kind)?;
                open[who].add(next_arrival[who], flow, &mut author.rng);
                next_arrival[who] += author.rng.below(2 * gap);
            }
        }
        let first = [0, 1]
            .into_iter()
            .filter_map(|it| Some((open[it].next_at()?, it)))
            .min();
        let Some((_, who)) = first else { break };
        let Some((at, mut flow)) = open[who].take() else {
            break;
        };
        let rng = &mut authors[who].rng;
        let expected = flow.send(&pool, rng, &mut frame);
        let micros = START_MICROS + at / 1000;
        savefile.frame(micros, &frame).map_err(error)?;
        if who == 0 {
            let asked = expected.iter().filter(|it| it.source.is_from_client());
            flooded.hosts.extend(asked.map(|it| it.src.ip()));
        } else {
            flooded.flood_packets += 1;
        }
        open[who].add(at, flow, rng);
    }
    flooded.packets = savefile.finish().map_err(error)?.packets;
    Ok(flooded)
}

/// Visits a second.
const VISITS: u64 = 60;

/// Makes another seed of one.
const FLOOD_SEED: u64 = 0x5bd1_e995_7b93_a1c7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_same_with_and_without_a_flood() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        let alone = write(None, 3, 1, &path).unwrap();
        assert!(alone.hosts.len() > 100 && alone.flood_packets == 0);
        for flood in Flood::ALL {
            let flooded = write(Some((flood, 20)), 3, 1, &path).unwrap();
            assert_eq!(flooded.hosts, alone.hosts, "{flood:?}");
            assert_eq!(flooded.packets - flooded.flood_packets, alone.packets);
            assert!(flooded.flood_packets > 100, "{flood:?}");
        }
    }
}
