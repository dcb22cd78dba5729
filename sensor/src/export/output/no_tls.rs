//! Stands for [`tls`](super::tls) in a build without the feature `tls`: what asks for it is refused.

use std::io::{self, Write};
use std::net::TcpStream;
use std::path::Path;

/// Encryption, which this build does not have: there is no value of it.
#[derive(Debug)]
pub(super) enum Tls {}

/// An encrypted connection: there is none.
#[derive(Debug)]
pub(super) enum Secured {}

/// Why connections cannot be encrypted.
#[derive(Debug, thiserror::Error)]
#[error("syslog.address: this build has no TLS; build it with the feature tls")]
pub struct TlsError;

impl Tls {
    pub(super) fn new(_authorities: &Path, _name: &str) -> Result<Self, TlsError> {
        Err(TlsError)
    }

    pub(super) fn connect(&self, _stream: TcpStream) -> io::Result<Secured> {
        match *self {}
    }
}

impl Secured {
    pub(super) fn is_gone(&mut self) -> bool {
        match *self {}
    }

    pub(super) fn say_end(&mut self) {
        match *self {}
    }
}

impl Write for Secured {
    fn write(&mut self, _octets: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match *self {}
    }
}
