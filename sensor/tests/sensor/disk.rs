//! A file system that can be full.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A file system of its own in memory, at that place; it is gone when this is dropped. Needs root.
pub(crate) struct Disk(pub(crate) PathBuf);

impl Disk {
    /// Mounts it with options such as `size=64k` at a place where nothing is yet.
    pub(crate) fn new(path: PathBuf, options: &str) -> Self {
        fs::create_dir(&path).unwrap();
        let disk = Self(path);
        disk.mount(&["-t", "tmpfs", "-o", options, "tmpfs"]);
        disk
    }

    pub(crate) fn remount(&self, options: &str) {
        self.mount(&["-o", &format!("remount,{options}")]);
    }

    fn mount(&self, arguments: &[&str]) {
        let status = Command::new("mount").args(arguments).arg(&self.0).status();
        assert!(status.unwrap().success(), "mount {arguments:?}: needs root");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
