//! The web server: metrics, health, the findings as JSON, and a status page.
//!
//! It has an event loop of its own in a thread named `http`, makes large answers and checks passwords
//! in a few threads beside it, and answers from snapshots, so nothing that a client does reaches the
//! pipeline. It reads: GET and HEAD, and nothing else but POST to reload settings, if that is allowed. Clients are bounded in number, in how fast they
//! may ask, in the time and size of a request, and in how long an answer may take and how much may
//! wait to be sent: see `Limits`.
//!
//! Addresses of hosts are personal data: `/metrics/hosts`, `/api/v1/findings`, `/report` and the rows of
//! the status page. They are shown while every listener is on a loopback address, or while a password or
//! a certificate is asked for ([`WebConfig::requires_authentication`]); [`ShowHosts`] decides
//! otherwise. Against web pages that point a name of theirs at a loopback address, requests there
//! must name `localhost` or an IP address as their host, unless they bring a password or certificate.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use phonehome_signatures::Directives;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use self::places::Bounds;
use self::route::refuse_metrics_path;
use self::site::Site;
use super::Snapshot;
use super::metrics::hosts;
use super::web_config::{Keeper, WebConfig, WebConfigError};

mod answer;
mod guard;
mod listen;
mod made;
mod page;
mod places;
mod report;
mod route;
mod site;

/// What the web server is to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Options {
    /// Addresses to listen on. Default: `127.0.0.1:14663`.
    pub listen: Vec<SocketAddr>,
    /// The web file, with certificates and passwords; see [`WebConfig`]. Default: none, which is
    /// plain HTTP that asks for nothing.
    pub config_file: Option<PathBuf>,
    /// Path of the metrics; those of hosts are under it at `/hosts`. Default: `/metrics`.
    pub metrics_path: String,
    /// Whether addresses of hosts are shown. Default: [`ShowHosts::Auto`].
    pub show_hosts: ShowHosts,
    /// Rows of each family of the metrics of hosts at most. Default: 5,000.
    pub host_rows: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT))],
            config_file: None,
            metrics_path: "/metrics".to_owned(),
            show_hosts: ShowHosts::Auto,
            host_rows: hosts::DEFAULT_ROWS,
        }
    }
}

impl Options {
    /// Reads the web file and looks whether all of this can be, without opening anything.
    ///
    /// # Errors
    ///
    /// [`HttpError::Path`] or [`HttpError::Config`].
    pub fn check(&self) -> Result<(), HttpError> {
        self.keeper().map(drop)
    }

    fn keeper(&self) -> Result<Keeper, HttpError> {
        if let Some(why) = refuse_metrics_path(&self.metrics_path) {
            let path = self.metrics_path.clone();
            return Err(HttpError::Path { path, why });
        }
        Ok(Keeper::open(self.config_file.clone())?)
    }
}

/// Whether addresses of hosts are shown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ShowHosts {
    /// While every listener is on a loopback address, or a password or certificate is asked for.
    #[default]
    Auto,
    /// To everybody who can connect.
    Always,
    /// To nobody.
    Never,
}

/// Reads the web file and opens the listeners. Nobody is answered before they are served.
///
/// # Errors
///
/// [`HttpError`] if the web file is wrong or an address cannot be bound; then nothing is left open.
pub fn bind(options: Options) -> Result<Listeners, HttpError> {
    let keeper = options.keeper()?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        // A thread that ended would take its processor time with it, which is counted.
        .thread_keep_alive(FOR_EVER)
        .thread_name("http-aside")
        .build()
        .map_err(HttpError::Start)?;
    let mut listeners = Vec::with_capacity(options.listen.len());
    let mut bound = Vec::with_capacity(options.listen.len());
    for address in options.listen {
        let wrong = |source| HttpError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(wrong)?;
        listener.set_nonblocking(true).map_err(wrong)?;
        bound.push(listener.local_addr().map_err(wrong)?);
        let _inside = runtime.enter();
        listeners.push(tokio::net::TcpListener::from_std(listener).map_err(wrong)?);
    }
    Ok(Listeners {
        runtime,
        listeners,
        bound,
        keeper,
        show_hosts: options.show_hosts,
        metrics_path: options.metrics_path,
        host_rows: options.host_rows,
    })
}

/// Open listeners, which need no rights any more but to read the web file again.
#[derive(Debug)]
pub struct Listeners {
    runtime: Runtime,
    listeners: Vec<tokio::net::TcpListener>,
    bound: Vec<SocketAddr>,
    keeper: Keeper,
    show_hosts: ShowHosts,
    metrics_path: String,
    host_rows: usize,
}

impl Listeners {
    /// Files that are read again while the server runs.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        self.keeper.files()
    }

    /// Starts the thread that serves them.
    ///
    /// `state` gives the snapshot to answer from. It is called in a thread where it may take its
    /// time, a few times a second at most.
    ///
    /// `in_force` gives the directives in force, at once.
    ///
    /// `reload` is called when a request asks for a reload; without it such requests are refused.
    ///
    /// # Errors
    ///
    /// [`HttpError`] if the thread cannot be started.
    pub fn serve(
        self,
        state: State,
        in_force: InForce,
        reload: Option<Reload>,
    ) -> Result<Server, HttpError> {
        self.serve_within(state, in_force, reload, LIMITS)
    }

    fn serve_within(
        self,
        state: State,
        in_force: InForce,
        reload: Option<Reload>,
        limits: Limits,
    ) -> Result<Server, HttpError> {
        let is_local = self.bound.iter().all(|it| it.ip().is_loopback());
        let config = self.keeper.current();
        let scheme = if config.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let warnings = warnings(&config, is_local, self.show_hosts);
        let site = Site::new(site::Setup {
            state,
            in_force,
            reload,
            keeper: self.keeper,
            limits,
            is_local,
            show_hosts: self.show_hosts,
            metrics_path: self.metrics_path,
            host_rows: self.host_rows,
        });
        let site = Arc::new(site.ok_or(HttpError::Metrics)?);
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || run(self.runtime, self.listeners, site, stopped))
            .map_err(HttpError::Start)?;
        Ok(Server {
            addresses: self.bound,
            scheme,
            warnings,
            stop,
            thread,
        })
    }
}

/// What gives the snapshot to answer from.
pub type State = Arc<dyn Fn() -> Arc<Snapshot> + Send + Sync>;

/// What gives the directives in force.
pub type InForce = Arc<dyn Fn() -> Arc<Directives> + Send + Sync>;

/// What reloads settings; on failure it gives all that is wrong.
pub type Reload = Arc<dyn Fn() -> Result<(), Vec<String>> + Send + Sync>;

/// A running web server. Dropping it stops it as well, without waiting for its thread.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    scheme: &'static str,
    warnings: Vec<&'static str>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    /// The addresses that are listened on, with the ports that the system chose for port zero.
    #[must_use]
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// What an operator should think about: sentences.
    #[must_use]
    pub fn warnings(&self) -> &[&'static str] {
        &self.warnings
    }

    /// Closes listeners and connections, and waits for the thread: well under a second.
    pub fn stop(self) {
        drop(self.stop);
        // A thread that panicked is over as well, and has said so.
        let _ = self.thread.join();
    }
}

/// Why the web server could not start.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The web file, or one that it names, is wrong.
    #[error(transparent)]
    Config(#[from] WebConfigError),
    /// The metrics cannot have this path.
    #[error("web.telemetry-path = {path:?}: {why}")]
    Path {
        /// The path.
        path: String,
        /// What a path must be.
        why: &'static str,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The thread or its event loop cannot be made.
    #[error("cannot start the web server")]
    Start(#[source] std::io::Error),
    /// The library refuses the server's own metrics.
    #[error("cannot register the metrics of the web server")]
    Metrics,
}

/// What clients may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Connections, and answers that wait to be sent.
    bounds: Bounds,
    /// Time for the handshake of TLS.
    handshake: Duration,
    /// Time for the head of a request. A connection without a request ends after it, too.
    head: Duration,
    /// Time in which a client must take another piece of an answer.
    stall: Duration,
    /// Time for a whole answer.
    answer: Duration,
    /// Age from which on a connection ends after the answer that is being sent.
    connection: Duration,
    /// Time for which an answer does for others who ask the same.
    fresh: Duration,
}

/// Runs the event loop until the other end of `stopped` is gone.
fn run(
    runtime: Runtime,
    listeners: Vec<tokio::net::TcpListener>,
    site: Arc<Site>,
    stopped: oneshot::Receiver<()>,
) {
    for listener in listeners {
        runtime.spawn(listen::accept(listener, Arc::clone(&site)));
    }
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(TIDY_EVERY).await;
            site.tidy();
        }
    });
    // The sender never sends; it is dropped.
    let _ = runtime.block_on(stopped);
    runtime.shutdown_background();
}

/// What an operator should think about.
fn warnings(config: &WebConfig, is_local: bool, show_hosts: ShowHosts) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    if !is_local && !config.users.is_empty() && config.tls.is_none() {
        warnings.push(
            "passwords for the web server cross the network unencrypted; set tls_server_config in \
             the web file",
        );
    }
    if !is_local && show_hosts == ShowHosts::Always && !config.requires_authentication() {
        warnings.push(
            "everybody who can reach the web server can read which hosts have what; \
             web.show-hosts is \"always\" and the web file asks for nothing",
        );
    }
    warnings
}

/// The port of the sensor.
const DEFAULT_PORT: u16 = 14_663;

const LIMITS: Limits = Limits {
    bounds: Bounds {
        connections: 32,
        // A browser opens six.
        share: 8,
        held_octets: 64 << 20,
        requests_a_second: 100.0,
    },
    handshake: Duration::from_secs(5),
    head: Duration::from_secs(5),
    stall: Duration::from_secs(10),
    answer: Duration::from_secs(60),
    connection: Duration::from_secs(60),
    fresh: Duration::from_millis(100),
};

/// Ten years.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Threads beside the event loop: two large answers, a password, and a look at the web file.
const BLOCKING_THREADS: usize = 4;

/// Time between two looks at what can be forgotten.
const TIDY_EVERY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
