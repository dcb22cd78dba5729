//! The web file as it is written, and what of it can be kept.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use ring::digest::{Context, SHA256};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::spec::{ClientAuth, Pem, Spec};
use super::tls;
use super::{MAX_FILE, Rate, WebConfig, WebConfigError};

/// A web file that was read, with a digest of it and of all files that it names.
pub(super) struct Gathered {
    pub(super) digest: [u8; 32],
    /// The files.
    pub(super) files: Vec<PathBuf>,
    pub(super) config: Result<WebConfig, WebConfigError>,
}

impl Gathered {
    pub(super) fn read(path: &Path) -> Self {
        let mut reader = Reader {
            path,
            context: Context::new(&SHA256),
            files: Vec::new(),
        };
        let config = reader.config();
        let mut digest = [0; 32];
        digest.copy_from_slice(reader.context.finish().as_ref());
        Self {
            digest,
            files: reader.files,
            config,
        }
    }
}

/// Reads files and keeps a digest of what it read.
struct Reader<'a> {
    path: &'a Path,
    context: Context,
    files: Vec<PathBuf>,
}

impl Reader<'_> {
    fn config(&mut self) -> Result<WebConfig, WebConfigError> {
        let octets = self.file(self.path.to_owned())?;
        let text = std::str::from_utf8(&octets)
            .map_err(|it| self.wrong(None, format!("is no text in UTF-8: {it}")))?;
        // A file without a word in it is no mapping to the library.
        let written: Written = if text.lines().all(is_idle) {
            Written::default()
        } else {
            serde_saphyr::from_str(text).map_err(|error| {
                let line = error.location().map(|it| it.line());
                self.wrong(line, error.without_snippet().to_string())
            })?
        };
        let tls = written.tls_server_config.map(|it| self.tls(it));
        Ok(WebConfig {
            tls: tls.transpose()?.flatten(),
            users: self.users(written.basic_auth_users.unwrap_or_default())?,
            headers: self.headers(written.http_server_config.unwrap_or_default())?,
            rate: self.rate(written.rate_limit.unwrap_or_default())?,
        })
    }

    /// Certificates and keys; `None` if the section says nothing.
    fn tls(&mut self, written: Tls) -> Result<Option<tls::Tls>, WebConfigError> {
        if !written.says_something() {
            return Ok(None);
        }
        let names = ["cert", "cert_file"];
        let certificate = self.pem(names, written.cert, written.cert_file)?;
        let key = self.pem(["key", "key_file"], written.key, written.key_file)?;
        let names = ["client_ca", "client_ca_file"];
        let authority = self.pem(names, written.client_ca, written.client_ca_file)?;
        let missing = |what: &str| {
            let message = format!("tls_server_config: {what} or {what}_file is missing");
            self.wrong(None, message)
        };
        let spec = Spec {
            certificate: certificate.ok_or_else(|| missing("cert"))?,
            key: key.ok_or_else(|| missing("key"))?,
            authority,
            client_auth: self.client_auth(written.client_auth_type)?,
            allowed_sans: written.client_allowed_sans,
            versions: [written.min_version, written.max_version],
            cipher_suites: written.cipher_suites,
            curves: written.curve_preferences,
            prefers_own_order: written.prefer_server_cipher_suites.unwrap_or(true),
        };
        tls::Tls::build(spec)
            .map(Some)
            .map_err(|it| WebConfigError {
                path: it.path.unwrap_or_else(|| self.path.to_owned()),
                line: it.line,
                message: it.message,
            })
    }

    /// What a key and its `_file` twin give; `None` if neither is there.
    fn pem(
        &mut self,
        [inline, from_file]: [&str; 2],
        text: Option<Spanned<String>>,
        file: Option<Spanned<PathBuf>>,
    ) -> Result<Option<Pem>, WebConfigError> {
        let text = text.filter(|it| !it.value.is_empty());
        let file = file.filter(|it| !it.value.as_os_str().is_empty());
        match (text, file) {
            (Some(text), Some(_)) => Err(self.at(
                &text,
                format!("tls_server_config: {inline} and {from_file} exclude each other"),
            )),
            (Some(text), None) => Ok(Some(Pem {
                key: inline.to_owned(),
                line: Some(text.referenced.line()),
                path: None,
                octets: text.value.into_bytes(),
            })),
            (None, Some(file)) => {
                let folder = self.path.parent().unwrap_or(Path::new(""));
                let path = folder.join(&file.value);
                let octets = self.file(path.clone()).map_err(|it| {
                    let message = format!(
                        "tls_server_config.{from_file}: {} {}",
                        it.path.display(),
                        it.message
                    );
                    self.at(&file, message)
                })?;
                Ok(Some(Pem {
                    key: from_file.to_owned(),
                    line: None,
                    path: Some(path),
                    octets,
                }))
            }
            (None, None) => Ok(None),
        }
    }

    fn client_auth(&self, written: Option<Spanned<String>>) -> Result<ClientAuth, WebConfigError> {
        let Some(written) = written else {
            return Ok(ClientAuth::None);
        };
        match written.value.as_str() {
            "" | "NoClientCert" => Ok(ClientAuth::None),
            "VerifyClientCertIfGiven" => Ok(ClientAuth::IfGiven),
            "RequireAndVerifyClientCert" => Ok(ClientAuth::Required),
            word @ ("RequestClientCert" | "RequireAnyClientCert" | "RequireClientCert") => {
                Err(self.at(
                    &written,
                    format!(
                        "tls_server_config.client_auth_type: {word} is not supported: it takes any \
                         certificate and proves nothing; use RequireAndVerifyClientCert"
                    ),
                ))
            }
            word => Err(self.at(
                &written,
                format!(
                    "tls_server_config.client_auth_type: {word:?} is none of NoClientCert, \
                     VerifyClientCertIfGiven, RequireAndVerifyClientCert"
                ),
            )),
        }
    }

    fn users(
        &self,
        written: BTreeMap<String, Spanned<String>>,
    ) -> Result<BTreeMap<String, String>, WebConfigError> {
        if written.len() > MAX_USERS {
            let message = format!(
                "basic_auth_users: there are {}, {MAX_USERS} at most",
                written.len()
            );
            return Err(self.wrong(None, message));
        }
        let mut users = BTreeMap::new();
        for (name, hash) in written {
            if name.is_empty() || name.contains(':') || name.chars().any(char::is_control) {
                let message = format!("basic_auth_users: {name:?} cannot be the name of a user");
                return Err(self.at(&hash, message));
            }
            let cost = bcrypt::HashParts::from_str(&hash.value).map(|it| it.get_cost());
            match cost {
                Ok(cost) if (MIN_COST..=MAX_COST).contains(&cost) => {}
                Ok(cost) => {
                    let message = format!(
                        "basic_auth_users.{name}: the cost of the hash is {cost}, and not \
                         {MIN_COST} to {MAX_COST}; 10 is usual"
                    );
                    return Err(self.at(&hash, message));
                }
                Err(_) => {
                    let message = format!(
                        "basic_auth_users.{name}: this is no bcrypt hash, which begins with $2y$ \
                         and has 60 letters; htpasswd -nBC 10 \"\" makes one"
                    );
                    return Err(self.at(&hash, message));
                }
            }
            users.insert(name, hash.value);
        }
        Ok(users)
    }

    fn headers(&self, written: Http) -> Result<Vec<(HeaderName, HeaderValue)>, WebConfigError> {
        if let Some(http2) = written.http2.filter(|it| it.value) {
            let message = "http_server_config.http2: HTTP/2 is not supported; leave it out or say \
                           false";
            return Err(self.at(&http2, message.to_owned()));
        }
        let mut headers = Vec::new();
        for (name, value) in written.headers.unwrap_or_default() {
            let wrong = |what: &str| {
                let message = format!("http_server_config.headers.{name}: {what}");
                self.at(&value, message)
            };
            let Some((_, accepted)) = HEADERS.iter().find(|it| it.0 == name) else {
                let known: Vec<&str> = HEADERS.iter().map(|it| it.0).collect();
                let what = format!("cannot be set; there are {}", known.join(", "));
                return Err(wrong(&what));
            };
            if value.value.is_empty() {
                continue;
            }
            if !accepted.is_empty() && !accepted.contains(&value.value.to_lowercase().as_str()) {
                let what = format!("{:?} is not {}", value.value, accepted.join(" or "));
                return Err(wrong(&what));
            }
            let parsed = HeaderName::from_str(&name).ok();
            let Some(pair) = parsed.zip(HeaderValue::from_str(&value.value).ok()) else {
                return Err(wrong("has letters that no header can have"));
            };
            headers.push(pair);
        }
        Ok(headers)
    }

    fn rate(&self, written: RateLimit) -> Result<Option<Rate>, WebConfigError> {
        let Some(interval) = written.interval else {
            return match written.burst {
                Some(burst) => {
                    let message = "rate_limit.burst: interval is missing, such as \"100ms\"";
                    Err(self.at(&burst, message.to_owned()))
                }
                None => Ok(None),
            };
        };
        let Some(time) = duration(&interval.value) else {
            let message = format!(
                "rate_limit.interval: {:?} is no time such as \"100ms\", \"1s\" or \"0\"",
                interval.value
            );
            return Err(self.at(&interval, message));
        };
        if time.is_zero() {
            return Ok(None);
        }
        match written.burst {
            Some(burst) if (1..=MAX_BURST).contains(&burst.value) => Ok(Some(Rate {
                interval: time,
                burst: burst.value,
            })),
            Some(burst) => {
                let message = format!(
                    "rate_limit.burst: {} is not between 1 and {MAX_BURST}",
                    burst.value
                );
                Err(self.at(&burst, message))
            }
            None => {
                let message = "rate_limit: burst is missing: the requests that may come at once";
                Err(self.at(&interval, message.to_owned()))
            }
        }
    }

    fn file(&mut self, path: PathBuf) -> Result<Vec<u8>, WebConfigError> {
        self.files.push(path.clone());
        let mut octets = Vec::new();
        let read = File::open(&path).and_then(|it| it.take(MAX_FILE + 1).read_to_end(&mut octets));
        let message = match read {
            Ok(_) if octets.len() as u64 > MAX_FILE => "is larger than a mebibyte".to_owned(),
            Ok(_) => {
                self.context.update(&(octets.len() as u64).to_be_bytes());
                self.context.update(&octets);
                return Ok(octets);
            }
            Err(error) => format!("cannot be read: {error}"),
        };
        self.context.update(message.as_bytes());
        Err(WebConfigError {
            path,
            line: None,
            message,
        })
    }

    fn at<T>(&self, value: &Spanned<T>, message: String) -> WebConfigError {
        self.wrong(Some(value.referenced.line()), message)
    }

    fn wrong(&self, line: Option<u64>, message: String) -> WebConfigError {
        WebConfigError {
            path: self.path.to_owned(),
            line,
            message,
        }
    }
}

/// Whether a line says nothing.
fn is_idle(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#') || line == "---"
}

/// A time as the format has it: numbers with units, such as `1m30s` or `0.5s`, or a bare `0`.
fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|it: char| !(it.is_ascii_digit() || it == '.'))?;
        let (number, tail) = rest.split_at(end);
        let unit_end = tail
            .find(|it: char| it.is_ascii_digit() || it == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let (_, seconds) = UNITS.iter().find(|it| it.0 == unit)?;
        sum += number.parse::<f64>().ok()? * seconds;
        rest = tail;
    }
    Duration::try_from_secs_f64(sum)
        .ok()
        .filter(|_| !text.is_empty())
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    tls_server_config: Option<Tls>,
    http_server_config: Option<Http>,
    basic_auth_users: Option<BTreeMap<String, Spanned<String>>>,
    rate_limit: Option<RateLimit>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    cert: Option<Spanned<String>>,
    key: Option<Spanned<String>>,
    client_ca: Option<Spanned<String>>,
    cert_file: Option<Spanned<PathBuf>>,
    key_file: Option<Spanned<PathBuf>>,
    client_ca_file: Option<Spanned<PathBuf>>,
    client_auth_type: Option<Spanned<String>>,
    client_allowed_sans: Option<Spanned<Vec<String>>>,
    min_version: Option<Spanned<String>>,
    max_version: Option<Spanned<String>>,
    cipher_suites: Option<Spanned<Vec<String>>>,
    prefer_server_cipher_suites: Option<bool>,
    curve_preferences: Option<Spanned<Vec<String>>>,
}

impl Tls {
    fn says_something(&self) -> bool {
        self.cert.is_some()
            || self.key.is_some()
            || self.client_ca.is_some()
            || self.cert_file.is_some()
            || self.key_file.is_some()
            || self.client_ca_file.is_some()
            || self.client_auth_type.is_some()
            || self.client_allowed_sans.is_some()
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Http {
    http2: Option<Spanned<bool>>,
    headers: Option<BTreeMap<String, Spanned<String>>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateLimit {
    interval: Option<Spanned<String>>,
    burst: Option<Spanned<u32>>,
}

/// Headers that can be set, and the values that each takes; none given means any.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// Units of time, in seconds.
const UNITS: [(&str, f64); 6] = [
    ("h", 3_600.0),
    ("m", 60.0),
    ("s", 1.0),
    ("ms", 1e-3),
    ("us", 1e-6),
    ("ns", 1e-9),
];

/// Users at most: passwords are for few; many have certificates.
const MAX_USERS: usize = 100;

/// Lowest cost of a hash that the algorithm has.
const MIN_COST: u32 = 4;

/// Highest cost of a hash: a check takes about a second.
const MAX_COST: u32 = 14;

/// Largest burst of requests.
const MAX_BURST: u32 = 1_000_000;
