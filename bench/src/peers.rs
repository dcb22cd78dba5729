//! The programs that are compared, and how each is called.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::capture;
use crate::error::Error;
use crate::measure;

/// A program of the comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Peer {
    /// The sensor, every feature on
    Phonehome,
    /// Reads each packet and writes it again
    Tcpdump,
    /// Classifies flows by deep inspection and names their hosts
    Ndpi,
    /// Reads the file and does nothing: the floor
    Dd,
    /// Dissects fully and prints server names; only the first packets, once
    Tshark,
}

impl Peer {
    /// All of them, in the order in which they run.
    pub(crate) const ALL: [Self; 5] = [
        Self::Phonehome,
        Self::Tcpdump,
        Self::Ndpi,
        Self::Dd,
        Self::Tshark,
    ];

    /// The name of its row.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Phonehome => "phonehome read",
            Self::Tcpdump => "tcpdump",
            Self::Ndpi => "ndpiReader",
            Self::Dd => "dd bs=1M",
            Self::Tshark => "tshark (sample)",
        }
    }

    /// How to install it on Debian.
    pub(crate) const fn install(self) -> &'static str {
        match self {
            Self::Phonehome => "cargo build --release -p phonehome",
            Self::Tcpdump => "apt-get install tcpdump",
            Self::Ndpi => "apt-get install libndpi-bin",
            Self::Dd => "apt-get install coreutils",
            Self::Tshark => "apt-get install tshark",
        }
    }

    /// How many packets it reads, if not the whole capture: what takes minutes is sampled.
    pub(crate) const fn sample(self) -> Option<u64> {
        match self {
            Self::Tshark => Some(100_000),
            Self::Phonehome | Self::Tcpdump | Self::Ndpi | Self::Dd => None,
        }
    }

    /// The command that reads `capture`; `sensor` is phonehome's program.
    pub(crate) fn command(self, sensor: &Path, capture: &Path) -> Vec<String> {
        let capture = capture.display().to_string();
        let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        match self {
            Self::Phonehome => words(&[&sensor.display().to_string(), "read", &capture]),
            Self::Tcpdump => words(&["tcpdump", "-r", &capture, "-w", "/dev/null"]),
            // -d: no guesses from ports, so that it names what it has read.
            Self::Ndpi => words(&["ndpiReader", "-q", "-d", "-i", &capture]),
            Self::Dd => words(&["dd", &format!("if={capture}"), "of=/dev/null", "bs=1M"]),
            Self::Tshark => words(&[
                "tshark",
                "-n",
                "-r",
                &capture,
                "-c",
                &self.sample().unwrap_or_default().to_string(),
                "-T",
                "fields",
                "-e",
                "tls.handshake.extensions_server_name",
                "-e",
                "dns.qry.name",
                "-e",
                "http.host",
            ]),
        }
    }

    /// Its version, as it states it; `None` if it is not installed.
    pub(crate) fn version(self, sensor: &Path) -> Option<String> {
        let (program, flag) = match self {
            Self::Phonehome => (sensor, "--version"),
            Self::Tcpdump => (Path::new("tcpdump"), "--version"),
            Self::Ndpi => (Path::new("ndpiReader"), "-h"),
            Self::Dd => (Path::new("dd"), "--version"),
            Self::Tshark => (Path::new("tshark"), "--version"),
        };
        let output = Command::new(program)
            .arg(flag)
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().map(str::trim).find(|it| !it.is_empty());
        let line = line.unwrap_or("version unknown");
        Some(line.strip_prefix("Welcome to ").unwrap_or(line).to_owned())
    }
}

/// The sensor's release build; built if it is missing.
///
/// # Errors
///
/// [`Error::Failed`] with cargo's last line if it cannot be built.
pub(crate) fn sensor() -> Result<PathBuf, Error> {
    let target = capture::target_folder()?;
    let sensor = target.join("release/phonehome");
    if sensor.exists() {
        return Ok(sensor);
    }
    let cargo = "cargo build --release -p phonehome";
    let mut words = cargo.split(' ');
    let output = Command::new(words.next().unwrap_or_default())
        .args(words)
        .arg("--target-dir")
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|source| Error::Program {
            program: cargo.to_owned(),
            source,
        })?;
    if output.status.success() {
        Ok(sensor)
    } else {
        Err(Error::Failed {
            program: cargo.to_owned(),
            status: output.status.to_string(),
            message: measure::last_line(&output.stderr),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_names_the_capture_once() {
        for peer in Peer::ALL {
            let command = peer.command(Path::new("/bin/sensor"), Path::new("/tmp/x.pcap"));
            let naming = command.iter().filter(|it| it.contains("/tmp/x.pcap"));
            assert_eq!(naming.count(), 1, "{command:?}");
        }
    }
}
