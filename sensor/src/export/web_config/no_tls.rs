//! Stands for [`tls`](super::tls) in a build without the feature `tls`: what asks for it is refused.

use std::io;

use tokio::net::TcpStream;

use super::spec::{Spec, Wrong, wrong};

/// Encryption, which this build does not have: there is no value of it.
#[derive(Debug)]
pub(in crate::export) enum Tls {}

/// An encrypted connection.
pub(in crate::export) type Secured = TcpStream;

impl Tls {
    pub(super) fn build(_spec: Spec) -> Result<Self, Wrong> {
        let message = "tls_server_config: this build has no TLS; build it with the feature tls";
        Err(wrong(None, message.to_owned()))
    }

    pub(in crate::export) fn requires_certificate(&self) -> bool {
        match *self {}
    }

    pub(in crate::export) fn same_clients(&self, _other: &Self) -> bool {
        match *self {}
    }

    pub(in crate::export) fn not_after(&self) -> Option<i64> {
        match *self {}
    }

    pub(in crate::export) async fn accept(&self, _stream: TcpStream) -> io::Result<Secured> {
        match *self {}
    }
}
