//! The web server: metrics, health, the findings as JSON, and a status page.
//!
//! It has one thread of its own, named `http`, and answers from snapshots, so nothing that a client
//! does reaches the pipeline. It reads: GET and HEAD, nothing else. Clients are bounded in number,
//! in the time and size of a request head, and in how long a connection may last.
//!
//! Addresses of hosts are personal data. While every listener is on a loopback address, they are
//! shown; else `/metrics/hosts`, `/api/v1/findings` and the rows of the status page are withheld,
//! because this server asks nobody for a password. Against web pages that point a name of theirs at
//! a loopback address, requests there must name `localhost` or an IP address as their host.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, HOST};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};

use self::answer::{Answer, Kind, Reply};
use super::metrics::{self, web::Web};
use super::{Ready, Snapshot, json};

mod answer;
mod page;

/// Opens the listeners and starts the thread that serves them.
///
/// `state` gives the snapshot to answer from; it is called once for each request and must be quick.
///
/// # Errors
///
/// [`HttpError::Listen`] if an address cannot be bound; then nothing is left running.
pub fn serve(
    addresses: &[SocketAddr],
    state: Arc<dyn Fn() -> Arc<Snapshot> + Send + Sync>,
) -> Result<Server, HttpError> {
    serve_within(addresses, state, LIMITS)
}

/// A running web server. Dropping it stops it as well, without waiting for its thread.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    /// The addresses that are listened on, with the ports that the system chose for port zero.
    #[must_use]
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
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

/// What a client may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: usize,
    head: Duration,
    connection: Duration,
}

fn serve_within(
    addresses: &[SocketAddr],
    state: Arc<dyn Fn() -> Arc<Snapshot> + Send + Sync>,
    limits: Limits,
) -> Result<Server, HttpError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(HttpError::Start)?;
    let mut listeners = Vec::with_capacity(addresses.len());
    let mut bound = Vec::with_capacity(addresses.len());
    for &address in addresses {
        let wrong = |source| HttpError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(wrong)?;
        listener.set_nonblocking(true).map_err(wrong)?;
        bound.push(listener.local_addr().map_err(wrong)?);
        let _inside = runtime.enter();
        listeners.push(tokio::net::TcpListener::from_std(listener).map_err(wrong)?);
    }
    let handlers: Vec<_> = Route::ALL
        .iter()
        .map(|it| (it.word(), it.codes()))
        .collect();
    let site = Arc::new(Site {
        state,
        web: Web::new(&handlers).ok_or(HttpError::Metrics)?,
        is_local: bound.iter().all(|it| it.ip().is_loopback()),
    });
    let (stop, stopped) = oneshot::channel();
    let thread = thread::Builder::new()
        .name("http".to_owned())
        .spawn(move || run(runtime, listeners, site, limits, stopped))
        .map_err(HttpError::Start)?;
    Ok(Server {
        addresses: bound,
        stop,
        thread,
    })
}

/// Runs the event loop until the other end of `stopped` is gone.
fn run(
    runtime: Runtime,
    listeners: Vec<tokio::net::TcpListener>,
    site: Arc<Site>,
    limits: Limits,
    stopped: oneshot::Receiver<()>,
) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    for listener in listeners {
        runtime.spawn(accept(
            listener,
            Arc::clone(&site),
            limits,
            Arc::clone(&permits),
        ));
    }
    // The sender never sends; it is dropped.
    let _ = runtime.block_on(stopped);
    runtime.shutdown_background();
}

/// Takes connections while there are permits; the others wait in the queue of the system.
async fn accept(
    listener: tokio::net::TcpListener,
    site: Arc<Site>,
    limits: Limits,
    permits: Arc<Semaphore>,
) {
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let site = Arc::clone(&site);
                tokio::spawn(async move {
                    connection(stream, site, limits).await;
                    drop(permit);
                });
            }
            // Out of descriptors, most likely: it passes, and asking again at once would spin.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Serves one connection, for as long as one may last.
async fn connection(stream: TcpStream, site: Arc<Site>, limits: Limits) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = site.answer(&request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    // How a connection ends is the client's business: a fault of its own, a cut line, our limits.
    let _ = tokio::time::timeout(limits.connection, connection).await;
}

/// What there is to answer from.
struct Site {
    state: Arc<dyn Fn() -> Arc<Snapshot> + Send + Sync>,
    web: Web,
    /// Whether all listeners are on loopback addresses.
    is_local: bool,
}

impl Site {
    fn answer<B>(&self, request: &Request<B>) -> Reply {
        let started = Instant::now();
        let route = Route::of(request.uri().path());
        let answer = self.route(route, request);
        let header = |name| request.headers().get(name).and_then(|it| it.to_str().ok());
        let takes_gzip = header(ACCEPT_ENCODING).is_some_and(answer::takes_gzip);
        let code = answer.code;
        let reply = answer.into_reply(takes_gzip, request.method() == Method::HEAD);
        self.web.answered(route.word(), code, started.elapsed());
        reply
    }

    fn route<B>(&self, route: Route, request: &Request<B>) -> Answer {
        if self.is_local && !names_this_machine(request) {
            return Answer::text(
                421,
                "this server answers requests for localhost or an IP address only\n",
            );
        }
        if matches!(route, Route::Unknown) {
            return Answer::text(404, "there is nothing here; / lists what there is\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Answer::text(405, "only GET and HEAD are answered\n");
        }
        if route.shows_hosts() && !self.is_local {
            return Answer::text(
                403,
                "addresses of hosts are shown only while every listener is on a loopback address\n",
            );
        }
        let snapshot = (self.state)();
        match route {
            Route::Page => Answer::page(page::html(&snapshot, self.is_local), page::STYLE),
            Route::Metrics => {
                let text = metrics::text(&snapshot) + &self.web.text() + &metrics::process();
                Answer::new(200, Kind::Metrics, text.into_bytes())
            }
            Route::Hosts => {
                let text = metrics::hosts::text(&snapshot);
                Answer::new(200, Kind::Metrics, text.into_bytes())
            }
            Route::Healthy => Answer::text(200, "healthy\n"),
            Route::Ready => match &snapshot.ready {
                Ready::Yes => Answer::text(200, "ready\n"),
                Ready::No(reason) => Answer::text(503, &format!("not ready: {reason}\n")),
            },
            Route::Findings => document(&json::findings(&snapshot)),
            Route::Visibility => document(&json::visibility(&snapshot)),
            Route::Directives => document(&json::directives(&snapshot)),
            Route::Signatures => document(&json::signatures(&snapshot)),
            Route::Unknown => Answer::text(404, ""),
        }
    }
}

fn document(value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => Answer::new(200, Kind::Json, body),
        Err(_) => Answer::text(500, "the document could not be written\n"),
    }
}

/// Whether the request names its host by address, or as `localhost`, or not at all.
fn names_this_machine<B>(request: &Request<B>) -> bool {
    let named = request
        .headers()
        .get(HOST)
        .map(|it| it.to_str().unwrap_or("?"));
    let Some(named) = request.uri().authority().map(|it| it.as_str()).or(named) else {
        return true;
    };
    let host = match named.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|it| it.is_ascii_digit()) => host,
        _ => named,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

/// What can be asked for.
#[derive(Clone, Copy, Debug)]
enum Route {
    Page,
    Metrics,
    Hosts,
    Healthy,
    Ready,
    Findings,
    Visibility,
    Directives,
    Signatures,
    Unknown,
}

impl Route {
    const ALL: [Self; 10] = [
        Self::Page,
        Self::Metrics,
        Self::Hosts,
        Self::Healthy,
        Self::Ready,
        Self::Findings,
        Self::Visibility,
        Self::Directives,
        Self::Signatures,
        Self::Unknown,
    ];

    fn of(path: &str) -> Self {
        match path {
            "/" => Self::Page,
            "/metrics" => Self::Metrics,
            "/metrics/hosts" => Self::Hosts,
            "/-/healthy" => Self::Healthy,
            "/-/ready" => Self::Ready,
            "/api/v1/findings" => Self::Findings,
            "/api/v1/visibility" => Self::Visibility,
            "/api/v1/directives" => Self::Directives,
            "/api/v1/signatures" => Self::Signatures,
            _ => Self::Unknown,
        }
    }

    /// The word for it in metrics.
    const fn word(self) -> &'static str {
        match self {
            Self::Page => "status",
            Self::Metrics => "metrics",
            Self::Hosts => "hosts",
            Self::Healthy => "healthy",
            Self::Ready => "ready",
            Self::Findings => "findings",
            Self::Visibility => "visibility",
            Self::Directives => "directives",
            Self::Signatures => "signatures",
            Self::Unknown => "other",
        }
    }

    /// The status codes it can give.
    const fn codes(self) -> &'static [u16] {
        match self {
            Self::Hosts | Self::Findings => &[200, 403, 405, 421],
            Self::Ready => &[200, 405, 421, 503],
            Self::Page
            | Self::Metrics
            | Self::Healthy
            | Self::Visibility
            | Self::Directives
            | Self::Signatures => &[200, 405, 421],
            Self::Unknown => &[404, 421],
        }
    }

    /// Whether all of it is about single hosts.
    const fn shows_hosts(self) -> bool {
        matches!(self, Self::Hosts | Self::Findings)
    }
}

const LIMITS: Limits = Limits {
    connections: 32,
    // A keep-alive connection without a request ends after this time, too.
    head: Duration::from_secs(5),
    connection: Duration::from_secs(60),
};

/// Octets of a request head at most.
const MAX_HEAD: usize = 8 << 10;

/// Pause after a connection could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
