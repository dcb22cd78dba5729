//! A small disk that can be filled: a tmpfs of 1 MiB.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::measure;

/// A small disk; it goes away when the value is dropped.
#[derive(Debug)]
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// Mounts it, open to every user, at a path.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with what `mount` says.
    pub(crate) fn mount(path: &Path) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(Error::file("create", path))?;
        let program = format!("mount {}", path.display());
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m,mode=1777", "tmpfs"])
            .arg(path)
            .output()
            .map_err(|source| Error::Program {
                program: program.clone(),
                source,
            })?;
        if output.status.success() {
            Ok(Self(path.to_owned()))
        } else {
            Err(Error::Failed {
                program,
                status: output.status.to_string(),
                message: measure::last_line(&output.stderr),
            })
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Fills it to the last octet.
    ///
    /// # Errors
    ///
    /// Those of writing other than that it is full.
    pub(crate) fn fill(&self) -> Result<(), Error> {
        let path = self.filler();
        let mut file = File::create(&path).map_err(Error::file("create", &path))?;
        let octets = [0; 512];
        loop {
            match file.write_all(&octets) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(Error::file("write", &path)(error)),
            }
        }
    }

    /// Makes room again.
    ///
    /// # Errors
    ///
    /// Those of removing a file.
    pub(crate) fn free(&self) -> Result<(), Error> {
        let path = self.filler();
        fs::remove_file(&path).map_err(Error::file("remove", &path))
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

/// Options that have this build of the sensor write to a folder `{}` while it runs.
pub(crate) fn options_of(program: &Path) -> Vec<String> {
    let help = Command::new(program).args(["run", "--help"]).output();
    let help = help.map_or_else(|_| Vec::new(), |it| it.stdout);
    if String::from_utf8_lossy(&help).contains("--events.file ") {
        vec![
            "--events.file".to_owned(),
            "{}/events.json".to_owned(),
            "--events.kinds=all".to_owned(),
        ]
    } else {
        Vec::new()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // -l: a sensor that is being killed may still hold it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}
