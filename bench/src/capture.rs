//! Generated captures on disk.
//!
//! A capture is kept in `target/bench` with its summary beside it. It is used again when the
//! summary states the same parameters and the file still has the checksum; reading it for that also
//! brings it into the page cache.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use ring::digest;

use crate::error::Error;
use crate::generate::{self, Spec, Summary, hex};
use crate::report;

/// A capture file and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it holds.
    pub(crate) summary: Summary,
}

impl Capture {
    /// The kept capture of these parameters; generates it if there is none.
    ///
    /// # Errors
    ///
    /// Those of reading and writing the files.
    pub(crate) fn cached(spec: Spec) -> Result<Self, Error> {
        Self::cached_in(&target_folder()?.join("bench"), spec)
    }

    fn cached_in(folder: &Path, spec: Spec) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        let path = folder.join(format!("{}.pcap", spec.kind.as_str()));
        let summary_path = beside(&path, ".json");
        if let Some(summary) = kept(&summary_path)
            && summary.spec == spec
            && checksum(&path).is_ok_and(|it| it == summary.sha256)
        {
            return Ok(Self { path, summary });
        }
        // Without its summary a file that is cut short by an interruption is never trusted.
        if summary_path.exists() {
            fs::remove_file(&summary_path).map_err(Error::file("remove", &summary_path))?;
        }
        let summary = generate::generate(spec, &path, &truth_of(&path))?;
        let text = report::json(&summary)?;
        fs::write(&summary_path, text).map_err(Error::file("write", &summary_path))?;
        Ok(Self { path, summary })
    }
}

/// Where the names of a capture are: beside it.
pub(crate) fn truth_of(capture: &Path) -> PathBuf {
    beside(capture, ".truth.jsonl")
}

/// The folder that cargo builds into: two above this program.
///
/// # Errors
///
/// [`Error::File`] if this program's own path is not known.
pub(crate) fn target_folder() -> Result<PathBuf, Error> {
    let program = Path::new("phonehome-bench");
    let own = std::env::current_exe().map_err(Error::file("find", program))?;
    Ok(own
        .ancestors()
        .nth(2)
        .map_or_else(|| PathBuf::from("target"), Path::to_owned))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn kept(path: &Path) -> Option<Summary> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn checksum(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let len = file.read(&mut buffer)?;
        if len == 0 {
            return Ok(hex(digest.finish().as_ref()));
        }
        digest.update(&buffer[..len]);
    }
}

#[cfg(test)]
mod tests {
    use crate::generate::Kind;

    use super::*;

    #[test]
    fn a_damaged_capture_is_generated_again() {
        let folder = tempfile::tempdir().unwrap();
        let spec = Spec::new(Kind::Dns, 20_000, 7);
        let first = Capture::cached_in(folder.path(), spec).unwrap();
        let whole = fs::read(&first.path).unwrap();
        fs::write(&first.path, &whole[..whole.len() - 1]).unwrap();
        let second = Capture::cached_in(folder.path(), spec).unwrap();
        assert_eq!(fs::read(&second.path).unwrap(), whole);
    }

    #[test]
    fn a_kept_capture_is_used_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let spec = Spec::new(Kind::Dns, 20_000, 7);
        let first = Capture::cached_in(folder.path(), spec).unwrap();
        let truth = truth_of(&first.path);
        fs::write(&truth, "kept").unwrap();
        Capture::cached_in(folder.path(), spec).unwrap();
        assert_eq!(fs::read(&truth).unwrap(), b"kept");
        Capture::cached_in(folder.path(), Spec::new(Kind::Dns, 20_000, 8)).unwrap();
        assert_ne!(fs::read(&truth).unwrap(), b"kept");
    }
}
