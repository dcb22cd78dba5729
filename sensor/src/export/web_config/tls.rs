//! Encryption of connections, and the certificates of clients.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use ring::digest::{self, SHA256};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring as provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme, SupportedCipherSuite, SupportedProtocolVersion, version,
};
use serde_saphyr::Spanned;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::spec::{ClientAuth, Pem, Spec, Wrong, wrong};

/// How connections are encrypted.
pub(in crate::export) struct Tls {
    config: Arc<ServerConfig>,
    client_auth: ClientAuth,
    /// Digest of all that decides which certificates of clients are right.
    clients: [u8; 32],
    /// Seconds since 1970 after which the server's certificate is no good.
    not_after: Option<i64>,
}

/// An encrypted connection.
pub(in crate::export) type Secured = TlsStream<TcpStream>;

impl Tls {
    /// Puts the parts together, and finds out whether they fit.
    pub(super) fn build(spec: Spec) -> Result<Self, Wrong> {
        let chain = certificates(&spec.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&spec.key.octets)
            .map_err(|it| spec.key.wrong(&format!("holds no private key: {it}")))?;
        let provider = Arc::new(CryptoProvider {
            cipher_suites: cipher_suites(spec.cipher_suites.as_ref())?,
            kx_groups: curves(spec.curves.as_ref())?,
            ..provider::default_provider()
        });
        let allowed = spec.allowed_sans.as_ref().map(|it| it.value.as_slice());
        let mut clients = digest::Context::new(&SHA256);
        clients.update(&[spec.client_auth as u8]);
        clients.update(spec.authority.as_ref().map_or(&[], |it| &it.octets));
        clients.update(format!("{allowed:?}").as_bytes());
        let versions = versions(&spec.versions)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(|it| wrong(None, format!("tls_server_config: {it}")))?;
        let builder = match verifier(&spec, &provider)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let not_after = chain.first().and_then(|it| {
            let (_, certificate) = X509Certificate::from_der(it).ok()?;
            Some(certificate.validity().not_after.timestamp())
        });
        let mut config = builder.with_single_cert(chain, key).map_err(|it| {
            let fits = format!("does not fit {}: {it}", spec.key.key);
            spec.certificate.wrong(&fits)
        })?;
        config.ignore_client_order = spec.prefers_own_order;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut digest = [0; 32];
        digest.copy_from_slice(clients.finish().as_ref());
        Ok(Self {
            config: Arc::new(config),
            client_auth: spec.client_auth,
            clients: digest,
            not_after,
        })
    }

    /// Whether only clients with a right certificate get past the handshake.
    pub(in crate::export) fn requires_certificate(&self) -> bool {
        self.client_auth == ClientAuth::Required
    }

    /// Whether the same certificates of clients are right as with `other`.
    pub(in crate::export) fn same_clients(&self, other: &Self) -> bool {
        self.clients == other.clients
    }

    /// Seconds since 1970 after which the server's certificate is no good.
    pub(in crate::export) fn not_after(&self) -> Option<i64> {
        self.not_after
    }

    /// Shakes hands.
    pub(in crate::export) async fn accept(&self, stream: TcpStream) -> io::Result<Secured> {
        TlsAcceptor::from(Arc::clone(&self.config))
            .accept(stream)
            .await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("client_auth", &self.client_auth)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.octets).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(pem.wrong("holds no certificate in PEM")),
        Ok(chain) => Ok(chain),
        Err(error) => Err(pem.wrong(&format!("holds a broken certificate: {error}"))),
    }
}

fn versions(
    [oldest, newest]: &[Option<Spanned<String>>; 2],
) -> Result<Vec<&'static SupportedProtocolVersion>, Wrong> {
    let number = |key: &str, written: &Option<Spanned<String>>, default: usize| {
        let Some(written) = written else {
            return Ok(default);
        };
        let line = Some(written.referenced.line());
        let found = VERSIONS.iter().position(|it| it.0 == written.value);
        found.ok_or_else(|| {
            let value = &written.value;
            let message = match value.as_str() {
                "TLS10" | "TLS11" => {
                    format!("tls_server_config.{key}: {value} is not supported, it is broken; TLS12 or TLS13")
                }
                _ => format!("tls_server_config.{key}: {value:?} is not TLS12 or TLS13"),
            };
            wrong(line, message)
        })
    };
    let first = number("min_version", oldest, 0)?;
    let last = number("max_version", newest, VERSIONS.len() - 1)?;
    let chosen: Vec<_> = VERSIONS
        .iter()
        .enumerate()
        .filter(|(place, _)| (first..=last).contains(place))
        .map(|(_, it)| it.1)
        .collect();
    if chosen.is_empty() {
        let line = oldest.as_ref().map(|it| it.referenced.line());
        let message = "tls_server_config: min_version is above max_version".to_owned();
        return Err(wrong(line, message));
    }
    Ok(chosen)
}

/// The cipher suites of TLS 1.3, which are not chosen, and those of TLS 1.2 that are named; all of
/// them if none is.
fn cipher_suites(named: Option<&Spanned<Vec<String>>>) -> Result<Vec<SupportedCipherSuite>, Wrong> {
    let Some(named) = named.filter(|it| !it.value.is_empty()) else {
        return Ok(provider::ALL_CIPHER_SUITES.to_vec());
    };
    let mut chosen: Vec<SupportedCipherSuite> = provider::ALL_CIPHER_SUITES
        .iter()
        .filter(|it| it.tls13().is_some())
        .copied()
        .collect();
    for name in &named.value {
        // The constant of TLS 1.2 with ChaCha20 has an alias without its hash.
        let name = name.strip_suffix("CHACHA20_POLY1305").map_or_else(
            || name.clone(),
            |it| format!("{it}CHACHA20_POLY1305_SHA256"),
        );
        let found = provider::ALL_CIPHER_SUITES.iter().find(|it| {
            let known = format!("{:?}", it.suite()).replace("TLS13_", "TLS_");
            known == name
        });
        match found {
            Some(suite) if !chosen.contains(suite) => chosen.push(*suite),
            Some(_) => {}
            None => {
                let known: Vec<String> = provider::ALL_CIPHER_SUITES
                    .iter()
                    .filter(|it| it.tls13().is_none())
                    .map(|it| format!("{:?}", it.suite()))
                    .collect();
                let message = format!(
                    "tls_server_config.cipher_suites: {name:?} is not supported; there are {}",
                    known.join(", ")
                );
                return Err(wrong(Some(named.referenced.line()), message));
            }
        }
    }
    Ok(chosen)
}

fn curves(
    named: Option<&Spanned<Vec<String>>>,
) -> Result<Vec<&'static dyn SupportedKxGroup>, Wrong> {
    let Some(named) = named.filter(|it| !it.value.is_empty()) else {
        return Ok(provider::ALL_KX_GROUPS.to_vec());
    };
    named
        .value
        .iter()
        .map(|name| match name.as_str() {
            "X25519" => Ok(provider::kx_group::X25519),
            "CurveP256" => Ok(provider::kx_group::SECP256R1),
            "CurveP384" => Ok(provider::kx_group::SECP384R1),
            _ => {
                let message = format!(
                    "tls_server_config.curve_preferences: {name:?} is not supported; there are \
                     X25519, CurveP256, CurveP384"
                );
                Err(wrong(Some(named.referenced.line()), message))
            }
        })
        .collect()
}

/// Who looks at the certificates of clients; `None` if they are not asked for one.
fn verifier(
    spec: &Spec,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Wrong> {
    if let Some(sans) = &spec.allowed_sans
        && spec.client_auth != ClientAuth::Required
    {
        let message = "tls_server_config.client_allowed_sans: needs client_auth_type \
                       RequireAndVerifyClientCert";
        return Err(wrong(Some(sans.referenced.line()), message.to_owned()));
    }
    let authority = match (spec.client_auth, &spec.authority) {
        (ClientAuth::None, None) => return Ok(None),
        (ClientAuth::None, Some(authority)) => {
            let what = "is there, but client_auth_type asks for no certificate; say \
                        RequireAndVerifyClientCert";
            return Err(authority.wrong(what));
        }
        (_, None) => {
            let message = "tls_server_config: client_auth_type asks for certificates, and \
                           client_ca_file is missing";
            return Err(wrong(None, message.to_owned()));
        }
        (_, Some(authority)) => authority,
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authority)? {
        roots
            .add(certificate)
            .map_err(|it| authority.wrong(&format!("holds a broken certificate: {it}")))?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match spec.client_auth {
        ClientAuth::Required => builder,
        ClientAuth::None | ClientAuth::IfGiven => builder.allow_unauthenticated(),
    };
    let verifier = builder
        .build()
        .map_err(|it| authority.wrong(&format!("cannot be used: {it}")))?;
    Ok(Some(match &spec.allowed_sans {
        Some(sans) => Arc::new(NamedClients {
            verifier,
            allowed: sans.value.clone(),
        }),
        None => verifier,
    }))
}

/// Takes certificates that another verifier takes and that have one of some names.
#[derive(Debug)]
struct NamedClients {
    verifier: Arc<dyn ClientCertVerifier>,
    allowed: Vec<String>,
}

impl ClientCertVerifier for NamedClients {
    fn offer_client_auth(&self) -> bool {
        self.verifier.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self
            .verifier
            .verify_client_cert(end_entity, intermediates, now)?;
        let names = subject_alternative_names(end_entity);
        if names.iter().any(|it| self.allowed.contains(it)) {
            Ok(verified)
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Names, addresses, e-mail addresses and URIs of a certificate (RFC 5280 section 4.2.1.6), as text.
fn subject_alternative_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(it) | GeneralName::RFC822Name(it) | GeneralName::URI(it) => {
            Some((*it).to_owned())
        }
        GeneralName::IPAddress(octets) => {
            let address = <[u8; 4]>::try_from(*octets)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from));
            address.ok().map(|it| it.to_string())
        }
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).collect()
}

/// Versions by their names in the web file, the oldest first.
const VERSIONS: [(&str, &SupportedProtocolVersion); 2] =
    [("TLS12", &version::TLS12), ("TLS13", &version::TLS13)];
