//! Probes on the wire: known exchanges among all others, to see that they are found.

use std::fs;
use std::path::{Path, PathBuf};

use super::frames::BLOCKS;
use super::sender::{self};
use super::sensor::Page;
use super::socket::Socket;
use super::wire::Wire;
use crate::error::Error;
use crate::generate::probe;

/// Sends probes, in turn from so many hosts.
#[derive(Debug)]
pub(crate) struct Probes {
    socket: Socket,
    hosts: u32,
    sent: u32,
    frames: u64,
}

impl Probes {
    /// Opens the wire for them.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if raw frames may not be sent on the wire.
    pub(crate) fn new(wire: &Wire, hosts: u32) -> Result<Self, Error> {
        Ok(Self {
            socket: sender::open(wire)?,
            hosts,
            sent: 0,
            frames: 0,
        })
    }

    /// Opens the wire anew, after its interfaces were made anew.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if raw frames may not be sent on the wire.
    pub(crate) fn reopen(&mut self, wire: &Wire) -> Result<(), Error> {
        self.socket = sender::open(wire)?;
        Ok(())
    }

    /// Sends the next; gives whether the system took all its frames. One that is refused in part
    /// is not counted, and its ports not used again soon.
    pub(crate) fn send(&mut self) -> bool {
        let (mut octets, mut ends) = (Vec::new(), Vec::new());
        let turn = self.sent / self.hosts % u32::from(PORTS);
        let port = FIRST_PORT + u16::try_from(turn).unwrap_or_default();
        for frame in probe::frames(self.sent % self.hosts, port) {
            octets.extend_from_slice(&frame);
            ends.push(octets.len());
        }
        let refused = sender::send_all(&self.socket, &octets, &ends);
        self.frames += ends.len() as u64 - refused;
        self.sent += 1;
        refused == 0
    }

    /// Frames of probes that the system took.
    pub(crate) const fn frames(&self) -> u64 {
        self.frames
    }
}

/// Writes the pack that probes are found by; gives the folder that it is in.
///
/// # Errors
///
/// Those of writing the file.
pub(crate) fn pack_in(folder: &Path) -> Result<PathBuf, Error> {
    let folder = folder.join("packs");
    fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    let path = folder.join("probe.toml");
    fs::write(&path, probe::PACK).map_err(Error::file("write", &path))?;
    Ok(folder)
}

/// Probes that were found: each is one connection with a flagged name.
pub(crate) fn found(page: &Page) -> u64 {
    let vendor = format!("vendor=\"{}\"", probe::VENDOR);
    page.count(
        "phonehome_sighting_sources_total",
        &[&vendor, "source=\"tls-sni\""],
    )
}

/// First port of a host's connections, and how many there are.
const FIRST_PORT: u16 = 40_000;
const PORTS: u16 = 20_000;

// Generated hosts move up to 10.219.0.0/16, below those of the probes.
const _: () = assert!(20 + BLOCKS as usize - 1 < 224);
