//! Encryption of syslog (RFC 5425): whom the sensor takes for the receiver.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::socket::{MsgFlags, recv};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::stream::SCRATCH;

/// Encrypts connections to one server.
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// An encrypted connection.
pub(super) struct Secured(StreamOwned<ClientConnection, TcpStream>);

/// Why connections cannot be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of authorities cannot be read.
    #[error("syslog.ca: cannot read {path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system or the reader of PEM says.
        why: String,
    },
    /// The file has no certificate that is of use.
    #[error("syslog.ca: {0} holds no certificate of an authority in PEM")]
    Empty(PathBuf),
    /// The name is none.
    #[error("syslog.server-name = {0:?}: write a DNS name or an IP address")]
    Name(String),
    /// The library refuses.
    #[error("syslog: cannot set up TLS: {0}")]
    Setup(String),
}

impl Tls {
    /// Takes those for the server of that name whose certificate leads to one of the file.
    pub(super) fn new(authorities: &Path, name: &str) -> Result<Self, TlsError> {
        let unreadable = |it: &dyn fmt::Display| TlsError::Unreadable {
            path: authorities.to_owned(),
            why: it.to_string(),
        };
        let mut roots = RootCertStore::empty();
        let octets = std::fs::read(authorities).map_err(|it| unreadable(&it))?;
        for certificate in CertificateDer::pem_slice_iter(&octets) {
            let certificate = certificate.map_err(|it| unreadable(&it))?;
            // A bundle of a system may hold some that the library does not take.
            let _ = roots.add(certificate);
        }
        if roots.is_empty() {
            return Err(TlsError::Empty(authorities.to_owned()));
        }
        let server = ServerName::try_from(name.to_owned());
        let server = server.map_err(|_| TlsError::Name(name.to_owned()))?;
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|it| TlsError::Setup(it.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
            name: server,
        })
    }

    /// Shakes hands, and makes sure of the server.
    pub(super) fn connect(&self, mut stream: TcpStream) -> io::Result<Secured> {
        let connection = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        let mut connection = connection.map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(Secured(StreamOwned::new(connection, stream)))
    }
}

impl Secured {
    /// Whether the server has closed it. What it says is read and forgotten.
    pub(super) fn is_gone(&mut self) -> bool {
        let StreamOwned { conn, sock } = &mut self.0;
        while has_octets(sock) {
            let read = conn.read_tls(sock);
            match (read, conn.process_new_packets()) {
                (Ok(1..), Ok(state)) if !state.peer_has_closed() => {
                    let mut said = [0; SCRATCH];
                    while matches!(conn.reader().read(&mut said), Ok(1..)) {}
                }
                _ => return true,
            }
        }
        false
    }

    /// Says that nothing follows.
    pub(super) fn say_end(&mut self) {
        self.0.conn.send_close_notify();
        // The server has all lines; whether it hears this does not matter.
        let _ = self.0.flush();
    }
}

impl Write for Secured {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured").finish_non_exhaustive()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Whether something has come, or the end.
fn has_octets(stream: &impl AsFd) -> bool {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_PEEK;
    recv(stream.as_fd().as_raw_fd(), &mut [0], flags).is_ok()
}
