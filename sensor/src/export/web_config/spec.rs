//! What the web file says of encryption, before it is put to use.

use std::path::PathBuf;

use serde_saphyr::Spanned;

/// What `tls_server_config` says.
pub(super) struct Spec {
    pub(super) certificate: Pem,
    pub(super) key: Pem,
    /// Certificates of the authorities that clients' certificates are from.
    pub(super) authority: Option<Pem>,
    pub(super) client_auth: ClientAuth,
    /// Names of which a client's certificate must have one.
    pub(super) allowed_sans: Option<Spanned<Vec<String>>>,
    /// The oldest and the newest version that is spoken.
    pub(super) versions: [Option<Spanned<String>>; 2],
    pub(super) cipher_suites: Option<Spanned<Vec<String>>>,
    pub(super) curves: Option<Spanned<Vec<String>>>,
    pub(super) prefers_own_order: bool,
}

/// Certificates or a key in PEM (RFC 7468), and where they are from.
pub(super) struct Pem {
    /// The key of the web file.
    pub(super) key: String,
    /// Line in the web file, if they stand there.
    pub(super) line: Option<u64>,
    /// The file, if they stand in one.
    pub(super) path: Option<PathBuf>,
    pub(super) octets: Vec<u8>,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ClientAuth {
    /// They are not.
    None,
    /// They may show one; it must be right.
    IfGiven,
    /// They must show one.
    Required,
}

/// What is wrong.
pub(super) struct Wrong {
    /// The file, unless it is the web file itself.
    pub(super) path: Option<PathBuf>,
    pub(super) line: Option<u64>,
    pub(super) message: String,
}

impl Pem {
    /// What is wrong with them.
    pub(super) fn wrong(&self, what: &str) -> Wrong {
        Wrong {
            path: self.path.clone(),
            line: self.line,
            message: format!("tls_server_config.{}: {what}", self.key),
        }
    }
}

/// What is wrong in the web file itself.
pub(super) fn wrong(line: Option<u64>, message: String) -> Wrong {
    Wrong {
        path: None,
        line,
        message,
    }
}
