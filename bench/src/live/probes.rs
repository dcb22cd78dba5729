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

/// Sends probes, each from a host of its own.
#[derive(Debug)]
pub(crate) struct Probes {
    socket: Socket,
    sent: u32,
    frames: u64,
}

impl Probes {
    /// Opens the wire for them.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if raw frames may not be sent on the wire.
    pub(crate) fn new(wire: &Wire) -> Result<Self, Error> {
        Ok(Self {
            socket: sender::open(wire)?,
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
    /// is not counted, and its host not used again.
    pub(crate) fn send(&mut self) -> bool {
        let (mut octets, mut ends) = (Vec::new(), Vec::new());
        for frame in probe::frames(self.sent, FIRST_PORT) {
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

/// Probes that were found.
pub(crate) fn found(page: &Page) -> u64 {
    let vendor = format!("vendor=\"{}\"", probe::VENDOR);
    page.count("phonehome_open_findings", &[&vendor])
}

/// Port of a probe's connection.
const FIRST_PORT: u16 = 40_000;

// Generated hosts move up to 10.219.0.0/16, below those of the probes.
const _: () = assert!(20 + BLOCKS as usize - 1 < 224);
