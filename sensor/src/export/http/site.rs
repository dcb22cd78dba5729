//! What is answered to whom.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hyper::header::{ACCEPT_ENCODING, AUTHORIZATION, HOST, ORIGIN};
use hyper::{Method, Request};
use phonehome_signatures::Directives;
use serde::Serialize;
use tokio::sync::watch;

use super::answer::{self, Answer, Kind, Reply};
use super::guard::{Checked, Credentials, Guard};
use super::listen::{Client, Lost, Meter, OnTheWay};
use super::made::Made;
use super::page::{self, Access, View};
use super::places::Places;
use super::report::Wanted;
use super::route::Route;
use super::{InForce, Limits, Reload, ShowHosts, State};
use crate::export::metrics::web::{Ended, Web};
use crate::export::web_config::{Keeper, Look, Rate, WebConfig};
use crate::export::{Ready, json, metrics};
use crate::wall;

/// What a site is made of.
pub(super) struct Setup {
    pub(super) state: State,
    pub(super) in_force: InForce,
    pub(super) reload: Option<Reload>,
    pub(super) keeper: Keeper,
    pub(super) limits: Limits,
    /// Whether all listeners are on loopback addresses.
    pub(super) is_local: bool,
    pub(super) show_hosts: ShowHosts,
    pub(super) metrics_path: String,
    pub(super) host_rows: usize,
}

/// All that there is to answer from.
pub(super) struct Site {
    setup: Setup,
    web: Web,
    guard: Arc<Guard>,
    places: Mutex<Places>,
    made: Made<Asked>,
    bucket: Mutex<Bucket>,
    /// Told when another version of the web file holds.
    changed: watch::Sender<()>,
}

/// What an answer depends on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Asked {
    route: Route,
    is_packed: bool,
    view: Option<View>,
    report: Option<Wanted>,
}

/// Requests that may come, of all clients together.
#[derive(Debug, Default)]
struct Bucket {
    rate: Option<Rate>,
    /// When the next request would come that is one interval after those before.
    next: Option<Instant>,
}

impl Site {
    /// `None` if the library refuses a metric, or the system gives no random octets.
    pub(super) fn new(setup: Setup) -> Option<Self> {
        let handlers: Vec<_> = Route::ALL
            .iter()
            .map(|it| (it.word(), it.codes()))
            .collect();
        Some(Self {
            web: Web::new(&handlers)?,
            guard: Arc::new(Guard::new()?),
            places: Mutex::new(Places::new(setup.limits.bounds)),
            made: Made::new(setup.limits.fresh),
            bucket: Mutex::default(),
            changed: watch::Sender::new(()),
            setup,
        })
    }

    /// A place for a connection; `None` if it comes too soon after others of its address.
    pub(super) fn welcome(&self, address: IpAddr) -> Option<(Client, Lost)> {
        let now = Instant::now();
        let has_handshake = self.setup.keeper.current().tls.is_some();
        let cost = if has_handshake { HANDSHAKE_COST } else { 1.0 };
        let mut places = self.places();
        if !places.spend(address, cost, now).is_zero() {
            self.web.ended(Ended::Pace, 1);
            return None;
        }
        let (taken, lost) = places.take(address, now);
        self.web.ended(Ended::Displaced, lost);
        self.web.open(places.len());
        let client = Client {
            id: taken.id,
            address,
            meter: Meter::default(),
        };
        Some((client, taken.lost))
    }

    /// Notes that a connection is over, and why the server ended it, if it did.
    pub(super) fn farewell(&self, client: &Client, ended: Option<Ended>) {
        let mut places = self.places();
        places.give_back(client.id);
        self.web.open(places.len());
        if let Some(ended) = ended {
            self.web.ended(ended, 1);
        }
    }

    /// Notes that an answer has been sent, or will not be.
    pub(super) fn sent(&self, client: &Client) {
        self.places().hold(client.id, 0);
    }

    /// Forgets what is too old to be of use.
    pub(super) fn tidy(&self) {
        self.made.tidy();
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.setup.limits
    }

    /// Is told when another version of the web file holds.
    pub(super) fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// What the web file says; looks at it again if that is due.
    pub(super) async fn web_config(self: &Arc<Self>) -> Arc<WebConfig> {
        let now = Instant::now();
        if self.setup.keeper.is_due(now) {
            let site = Arc::clone(self);
            let look = tokio::task::spawn_blocking(move || site.setup.keeper.look(now));
            match look.await {
                Ok(Look::Changed) => {
                    self.web.config_loaded(true);
                    tracing::info!("the web file has changed; the new one holds");
                    let _ = self.changed.send(());
                }
                Ok(Look::Broken(error)) => {
                    self.web.config_loaded(false);
                    tracing::error!("the web file has changed, and the old one holds: {error}");
                }
                Ok(Look::Same) | Err(_) => {}
            }
        }
        self.setup.keeper.current()
    }

    /// Answers a request on a connection that was opened under `opened`.
    pub(super) async fn answer<B>(
        self: &Arc<Self>,
        request: &Request<B>,
        client: &Arc<Client>,
        opened: &Arc<WebConfig>,
    ) -> Reply {
        let wait = {
            let now = Instant::now();
            let mut places = self.places();
            places.asked(client.id, now);
            places.spend(client.address, 1.0, now)
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let started = Instant::now();
        let config = self.web_config().await;
        let route = Route::of(request.uri().path(), &self.setup.metrics_path);
        let answer = match self.refuse(route, request, client, opened, &config).await {
            Some(refusal) => refusal,
            None => self.route(route, request, &config).await,
        };
        let lost = self.places().hold(client.id, answer.len());
        self.web.ended(Ended::Displaced, lost);
        let code = answer.code;
        let sending = OnTheWay::new(client, self);
        let mut reply = answer.into_reply(request.method() == Method::HEAD, Some(sending));
        for (name, value) in &config.headers {
            reply.headers_mut().insert(name, value.clone());
        }
        self.web.answered(route.word(), code, started.elapsed());
        reply
    }

    /// Why a request is not answered; `None` if it is.
    async fn refuse<B>(
        &self,
        route: Route,
        request: &Request<B>,
        client: &Client,
        opened: &WebConfig,
        config: &WebConfig,
    ) -> Option<Answer> {
        if self.setup.is_local && !config.requires_authentication() && !names_this_machine(request)
        {
            return Some(Answer::text(
                421,
                "this server answers requests for localhost or an IP address only\n",
            ));
        }
        if !self.bucket().spend(config.rate, Instant::now()) {
            return Some(Answer::text(429, "too many requests\n"));
        }
        if let (Some(old), Some(new)) = (&opened.tls, &config.tls)
            && !old.same_clients(new)
        {
            return Some(Answer::text(
                421,
                "which certificates are asked for has changed; connect again\n",
            ));
        }
        if let Some(refusal) = self.authenticate(request, client, config).await {
            return Some(refusal);
        }
        if route == Route::Unknown {
            return Some(Answer::text(
                404,
                "there is nothing here; / lists what there is\n",
            ));
        }
        if !route.takes(request.method()) {
            return Some(Answer::text(405, route.refusal()));
        }
        if route == Route::Reload && self.setup.reload.is_none() {
            return Some(Answer::text(
                403,
                "nothing is reloaded by request; web.enable-lifecycle allows it\n",
            ));
        }
        // Only a browser says so, and it says so whenever a page of somebody else makes it ask.
        if route == Route::Reload && request.headers().contains_key(ORIGIN) {
            return Some(Answer::text(403, "pages of browsers may not reload\n"));
        }
        if route.shows_hosts() && !self.access(config).shows_hosts() {
            let why = self.access(config).words();
            return Some(Answer::text(
                403,
                &format!("addresses of hosts are not shown: {why}\n"),
            ));
        }
        None
    }

    async fn authenticate<B>(
        &self,
        request: &Request<B>,
        client: &Client,
        config: &WebConfig,
    ) -> Option<Answer> {
        if config.users.is_empty() {
            return None;
        }
        let header = request.headers().get(AUTHORIZATION);
        let credentials = header.and_then(|it| Credentials::read(it.as_bytes()));
        let checked = match credentials {
            Some(it) => self.guard.check(&config.users, client.address, it).await,
            None => Checked::Wrong,
        };
        match checked {
            Checked::Right => None,
            Checked::Wrong => Some(Answer::text(401, "a name and a password are needed\n")),
            Checked::Busy => Some(Answer::text(
                503,
                "too many passwords are being checked; try again\n",
            )),
        }
    }

    async fn route<B>(
        self: &Arc<Self>,
        route: Route,
        request: &Request<B>,
        config: &WebConfig,
    ) -> Answer {
        let header = |name| request.headers().get(name).and_then(|it| it.to_str().ok());
        let view = (route == Route::Page).then(|| {
            View::of(
                request.uri().query(),
                self.access(config),
                config.tls.is_some(),
            )
        });
        let in_force = (self.setup.in_force)();
        let report = match route {
            Route::Report => match Wanted::of(request.uri().query(), &in_force) {
                Ok(wanted) => Some(wanted),
                Err(refusal) => return refusal,
            },
            _ => None,
        };
        let asked = Asked {
            route,
            is_packed: header(ACCEPT_ENCODING).is_some_and(answer::takes_gzip),
            view,
            report,
        };
        let site = Arc::clone(self);
        if route == Route::Healthy {
            return Answer::text(200, "healthy\n");
        }
        if let (Route::Reload, Some(reload)) = (route, &self.setup.reload) {
            return reloaded(Arc::clone(reload)).await;
        }
        let not_after = config.tls.as_ref().and_then(|it| it.not_after());
        self.made
            .answer(asked, move || {
                let answer = site.make(asked, &in_force, not_after);
                if asked.is_packed {
                    answer.packed()
                } else {
                    answer
                }
            })
            .await
    }

    /// Makes an answer of the newest snapshot. `in_force` are the directives that a report was chosen
    /// among.
    fn make(&self, asked: Asked, in_force: &Arc<Directives>, not_after: Option<i64>) -> Answer {
        let (setup, snapshot) = (&self.setup, &(self.setup.state)());
        match asked.route {
            Route::Page => {
                let view = asked.view.unwrap_or_default();
                match page::html(snapshot, view, &setup.metrics_path, Some(wall::now())) {
                    Some(html) => Answer::page(html, page::STYLE),
                    None => Answer::text(500, "the page could not be written\n"),
                }
            }
            Route::Metrics => {
                let web = self.web.text(not_after);
                let text = metrics::text(snapshot) + &web + &metrics::process();
                Answer::new(200, Kind::Metrics, text.into_bytes())
            }
            Route::Hosts => {
                let text = metrics::hosts::text(snapshot, setup.host_rows);
                Answer::new(200, Kind::Metrics, text.into_bytes())
            }
            Route::Report => match asked.report {
                Some(wanted) => wanted.make(snapshot, in_force, Some(wall::now())),
                None => Answer::text(404, ""),
            },
            Route::Ready => match &snapshot.ready {
                Ready::Yes => Answer::text(200, "ready\n"),
                Ready::No(reason) => Answer::text(503, &format!("not ready: {reason}\n")),
            },
            Route::Findings => document(&json::served_findings(snapshot)),
            Route::HostList => document(&json::hosts(snapshot)),
            Route::Visibility => document(&json::visibility(snapshot)),
            Route::Directives => document(&json::directives(snapshot)),
            Route::Signatures => document(&json::signatures(snapshot)),
            Route::Status => document(&json::status(snapshot)),
            Route::Healthy | Route::Reload | Route::Unknown => Answer::text(404, ""),
        }
    }

    /// Whether addresses of hosts are shown, and why.
    fn access(&self, config: &WebConfig) -> Access {
        match self.setup.show_hosts {
            ShowHosts::Always => Access::Always,
            ShowHosts::Never => Access::Never,
            ShowHosts::Auto if config.requires_authentication() => Access::Authenticated,
            ShowHosts::Auto if self.setup.is_local => Access::Local,
            ShowHosts::Auto => Access::Open,
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has everything reloaded, beside the event loop, and tells how it went.
async fn reloaded(reload: Reload) -> Answer {
    match tokio::task::spawn_blocking(move || reload()).await {
        Ok(Ok(())) => Answer::text(200, "reloaded\n"),
        Ok(Err(errors)) => {
            let errors = errors.join("\n");
            Answer::text(500, &format!("nothing was reloaded:\n{errors}\n"))
        }
        Err(_) => Answer::text(500, "the reload did not end as it should\n"),
    }
}

fn document(value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => Answer::new(200, Kind::Json, body),
        Err(_) => Answer::text(500, "the document could not be written\n"),
    }
}

impl Bucket {
    /// Whether a request may be answered under a limit on all of them.
    fn spend(&mut self, rate: Option<Rate>, now: Instant) -> bool {
        if self.rate != rate {
            *self = Self { rate, next: None };
        }
        let Some(Rate { interval, burst }) = rate else {
            return true;
        };
        let next = self.next.map_or(now, |it| it.max(now));
        let ahead = next.saturating_duration_since(now);
        if ahead > interval.saturating_mul(burst.saturating_sub(1)) {
            return false;
        }
        self.next = next.checked_add(interval);
        true
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

/// Requests that a handshake counts as.
const HANDSHAKE_COST: f64 = 5.0;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_limit_lets_a_burst_through_and_then_one_an_interval() {
        let start = Instant::now();
        let rate = Some(Rate {
            interval: Duration::from_millis(100),
            burst: 3,
        });
        let mut bucket = Bucket::default();
        let taken = |bucket: &mut Bucket, after: u64| {
            let now = start + Duration::from_millis(after);
            (0..10).filter(|_| bucket.spend(rate, now)).count()
        };
        assert_eq!(taken(&mut bucket, 0), 3);
        assert_eq!(taken(&mut bucket, 50), 0);
        assert_eq!(taken(&mut bucket, 100), 1);
        assert_eq!(taken(&mut bucket, 10_000), 3);
        assert!((0..1_000).all(|_| bucket.spend(None, start)));
    }
}
