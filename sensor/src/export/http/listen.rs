//! Connections: taking them, and ending them when they take too much.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Error, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::Limits;
use super::answer::Sending;
use super::site::Site;
use crate::export::metrics::web::Ended;
use crate::export::web_config::WebConfig;

/// Takes the connections of a listener, for ever.
pub(super) async fn accept(listener: TcpListener, site: Arc<Site>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of descriptors, most likely: it passes, and asking again at once would spin.
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // It only makes answers quicker.
        let _ = stream.set_nodelay(true);
        let Some((client, lost)) = site.welcome(peer.ip()) else {
            continue;
        };
        let site = Arc::clone(&site);
        tokio::spawn(async move {
            let client = Arc::new(client);
            let ended = until(converse(stream, &client, &site), lost).await;
            // One whose place was taken away is counted where that was done.
            let ended = ended.unwrap_or_default();
            site.farewell(&client, ended);
        });
    }
}

/// One connection, and what is known of who is at its other end.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: u64,
    pub(super) address: IpAddr,
    pub(super) meter: Meter,
}

/// How far the sending of an answer is.
#[derive(Debug, Default)]
pub(super) struct Meter {
    sending: Mutex<Option<Sent>>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    begun: Instant,
    newest: Instant,
}

/// Serves one connection, for as long as one may last. Gives why the server ended it, if it did.
async fn converse(stream: TcpStream, client: &Arc<Client>, site: &Arc<Site>) -> Option<Ended> {
    let config = site.web_config().await;
    let Some(tls) = &config.tls else {
        return speak(TokioIo::new(stream), client, site, &config).await;
    };
    match timeout(site.limits().handshake, tls.accept(stream)).await {
        Ok(Ok(stream)) => speak(TokioIo::new(stream), client, site, &config).await,
        Ok(Err(_)) => Some(Ended::Handshake),
        Err(_) => Some(Ended::Timeout),
    }
}

/// Speaks HTTP.
async fn speak<S: Read + Write + Unpin>(
    stream: S,
    client: &Arc<Client>,
    site: &Arc<Site>,
    config: &Arc<WebConfig>,
) -> Option<Ended> {
    let limits = site.limits();
    let service = service_fn(|request: Request<Incoming>| {
        let (site, client, config) = (Arc::clone(site), Arc::clone(client), Arc::clone(config));
        async move { Ok::<_, Infallible>(site.answer(&request, &client, &config).await) }
    });
    let mut changed = site.changed();
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_HEAD)
            .serve_connection(stream, service)
    );
    let whole = async {
        let over = async {
            let _ = timeout(limits.connection, changed.changed()).await;
        };
        if let Some(ended) = until(connection.as_mut(), over).await {
            return how(ended);
        }
        connection.as_mut().graceful_shutdown();
        match timeout(limits.answer, connection.as_mut()).await {
            Ok(ended) => how(ended),
            Err(_) => Some(Ended::Timeout),
        }
    };
    until(whole, client.meter.stalls(limits))
        .await
        .unwrap_or(Some(Ended::Timeout))
}

/// Why the server ended a connection, if it did; all else is the client's business.
fn how(ended: Result<(), Error>) -> Option<Ended> {
    ended
        .err()
        .filter(Error::is_timeout)
        .map(|_| Ended::Timeout)
}

impl Meter {
    pub(super) fn begin(&self) {
        let now = Instant::now();
        *self.lock() = Some(Sent {
            begun: now,
            newest: now,
        });
    }

    /// Ends when an answer takes too long.
    async fn stalls(&self, limits: &Limits) {
        loop {
            sleep(limits.stall / 4).await;
            let late = self.lock().is_some_and(|it| {
                it.newest.elapsed() > limits.stall || it.begun.elapsed() > limits.answer
            });
            if late {
                return;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Sent>> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer on its way to a client.
pub(super) struct OnTheWay {
    client: Arc<Client>,
    site: Arc<Site>,
}

impl OnTheWay {
    pub(super) fn new(client: &Arc<Client>, site: &Arc<Site>) -> Arc<Self> {
        client.meter.begin();
        Arc::new(Self {
            client: Arc::clone(client),
            site: Arc::clone(site),
        })
    }
}

impl Sending for OnTheWay {
    fn goes_on(&self) {
        if let Some(sent) = self.client.meter.lock().as_mut() {
            sent.newest = Instant::now();
        }
    }
}

impl Drop for OnTheWay {
    fn drop(&mut self) {
        *self.client.meter.lock() = None;
        self.site.sent(&self.client);
    }
}

/// Does something until something else has happened; `None` if that came first.
async fn until<T>(work: impl Future<Output = T>, end: impl Future) -> Option<T> {
    let (mut work, mut end) = (pin!(work), pin!(end));
    poll_fn(|context| {
        if end.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        Pin::as_mut(&mut work).poll(context).map(Some)
    })
    .await
}

/// What tells that a place is lost.
pub(super) type Lost = oneshot::Receiver<()>;

/// Octets of a request head at most.
pub(super) const MAX_HEAD: usize = 8 << 10;

/// Pause after a connection could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
