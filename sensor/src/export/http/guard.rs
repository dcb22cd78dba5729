//! Passwords (RFC 7617), checked against bcrypt hashes.
//!
//! A check takes tens of milliseconds of a processor, on purpose. So it runs beside the event loop,
//! one at a time; only so many may wait, and few of one address; and after a wrong password the checker rests for three
//! times as long as the check took: wrong passwords cost a quarter of one processor at most, however
//! many come. Right ones are remembered as a keyed digest and cost nothing, so that who is known is
//! answered at once whatever others try. An unknown user costs what a known one does.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Mutex as Turn;

use super::places::network;
use crate::export::events::community::unbase64;

/// Checks passwords.
#[derive(Debug)]
pub(super) struct Guard {
    /// Key of the digests, made anew at each start.
    key: hmac::Key,
    /// Digests of the last right password of each user.
    known: Mutex<BTreeMap<String, hmac::Tag>>,
    /// Where the checks are from that wait or run.
    waiting: Mutex<Vec<IpAddr>>,
    turn: Turn<()>,
}

/// What a check gave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Checked {
    /// The user is known, and the password is right.
    Right,
    /// One of the two is not.
    Wrong,
    /// Too many checks wait; this one was not done.
    Busy,
}

/// A name and a password.
pub(super) struct Credentials {
    user: String,
    password: Vec<u8>,
}

impl Credentials {
    /// Reads the value of an `Authorization` header; `None` if it holds no name and password.
    pub(super) fn read(header: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(header).ok()?;
        let (scheme, rest) = text.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let mut octets = unbase64(rest.trim())?;
        let colon = octets.iter().position(|it| *it == b':')?;
        let password = octets.split_off(colon + 1);
        octets.pop();
        Some(Self {
            user: String::from_utf8(octets).ok()?,
            password,
        })
    }
}

impl Guard {
    /// A guard that has seen nobody. `None` if the system gives no random octets.
    pub(super) fn new() -> Option<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?;
        Some(Self {
            key,
            known: Mutex::default(),
            waiting: Mutex::default(),
            turn: Turn::new(()),
        })
    }

    /// Checks a name and a password from an address against the users of the web file.
    ///
    /// A check that has begun goes on when nobody waits for it any more, so that going away does not
    /// make room for another.
    pub(super) async fn check(
        self: &Arc<Self>,
        users: &BTreeMap<String, String>,
        from: IpAddr,
        credentials: Credentials,
    ) -> Checked {
        let Credentials { user, password } = credentials;
        let hash = users.get(&user).cloned();
        let told = digested(&user, hash.as_deref().unwrap_or_default(), &password);
        if self.is_known(&user, &told) && hash.is_some() {
            return Checked::Right;
        }
        let Some(waiting) = self.wait(from) else {
            return Checked::Busy;
        };
        let is_user = hash.is_some();
        let compared = hash.unwrap_or_else(|| dummy(users));
        let check = tokio::spawn(async move {
            let _turn = waiting.guard.turn.lock().await;
            let started = Instant::now();
            let work = move || bcrypt::verify(password, &compared).unwrap_or(false);
            let is_same = tokio::task::spawn_blocking(work).await.unwrap_or(false);
            if !(is_same && is_user) {
                tokio::time::sleep(started.elapsed() * REST).await;
            }
            is_same && is_user
        });
        if !check.await.unwrap_or(false) {
            return Checked::Wrong;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|it, _| users.contains_key(it));
        known.insert(user, hmac::sign(&self.key, &told));
        Checked::Right
    }

    /// A place in the queue; `None` if there is none.
    fn wait(self: &Arc<Self>, from: IpAddr) -> Option<Waiting> {
        let from = network(from);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let of_same = waiting.iter().filter(|it| **it == from).count();
        if waiting.len() >= MAX_WAITING || of_same >= MAX_WAITING_OF_ONE {
            return None;
        }
        waiting.push(from);
        Some(Waiting {
            guard: Arc::clone(self),
            from,
        })
    }

    fn is_known(&self, user: &str, told: &[u8]) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Compares in constant time.
        let tag = known.get(user);
        tag.is_some_and(|it| hmac::verify(&self.key, told, it.as_ref()).is_ok())
    }
}

/// A place in the queue of checks, given back when it is dropped.
struct Waiting {
    guard: Arc<Guard>,
    from: IpAddr,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let waiting = self.guard.waiting.lock();
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = waiting.iter().position(|it| *it == self.from) {
            waiting.swap_remove(place);
        }
    }
}

/// Parts that stand for each other only if all are the same.
fn digested(user: &str, hash: &str, password: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(user.len() + hash.len() + password.len() + 24);
    for part in [user.as_bytes(), hash.as_bytes(), password] {
        octets.extend((part.len() as u64).to_be_bytes());
        octets.extend(part);
    }
    octets
}

/// A hash that nobody has the password of, as costly as the costliest of the users.
fn dummy(users: &BTreeMap<String, String>) -> String {
    let costs = users.values().filter_map(|it| it.split('$').nth(2));
    let cost = costs.max().unwrap_or("10");
    format!("$2b${cost}${}", ".".repeat(53))
}

/// Checks that may wait or run, of all clients together.
const MAX_WAITING: usize = 16;

/// Checks that may wait or run, of one address.
const MAX_WAITING_OF_ONE: usize = 2;

/// How many times as long as a check the rest after a wrong password lasts.
const REST: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_are_read_as_the_rfc_says() {
        let read =
            |header: &str| Credentials::read(header.as_bytes()).map(|it| (it.user, it.password));
        let expected = Some(("Aladdin".to_owned(), b"open sesame".to_vec()));
        assert_eq!(read("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), expected);
        assert_eq!(read("basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), expected);
        let colons = Some(("a".to_owned(), b"b:c".to_vec()));
        assert_eq!(read("Basic YTpiOmM="), colons);
        for wrong in [
            "",
            "Basic",
            "Basic ",
            "Basic QQ==",
            "Bearer QWxhZGRpbjpv",
            "Basic ***",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_dummy_is_a_hash_as_costly_as_the_costliest() {
        let hash = |cost| bcrypt::hash("x", cost).unwrap();
        let users = [("a".to_owned(), hash(4)), ("b".to_owned(), hash(5))].into();
        let dummy: bcrypt::HashParts = dummy(&users).parse().unwrap();
        assert_eq!(dummy.get_cost(), 5);
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        let builder = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        builder.unwrap().block_on(future)
    }

    fn check(
        guard: &Arc<Guard>,
        users: &BTreeMap<String, String>,
        user: &str,
        password: &str,
    ) -> Checked {
        let credentials = Credentials {
            user: user.to_owned(),
            password: password.as_bytes().to_vec(),
        };
        run(guard.check(users, HERE, credentials))
    }

    fn guard_and_users() -> (Arc<Guard>, BTreeMap<String, String>) {
        let users = BTreeMap::from([("a".to_owned(), bcrypt::hash("secret", 4).unwrap())]);
        (Arc::new(Guard::new().unwrap()), users)
    }

    #[test]
    fn a_right_password_is_remembered_until_its_hash_changes() {
        let (guard, mut users) = guard_and_users();
        assert_eq!(check(&guard, &users, "a", "secret"), Checked::Right);
        // No place to wait is needed for who is known.
        let _all = [guard.wait(HERE).unwrap(), guard.wait(HERE).unwrap()];
        assert_eq!(check(&guard, &users, "a", "secret"), Checked::Right);
        assert_eq!(check(&guard, &users, "a", "other"), Checked::Busy);
        users.insert("a".to_owned(), bcrypt::hash("new", 4).unwrap());
        assert_eq!(check(&guard, &users, "a", "secret"), Checked::Busy);
    }

    #[test]
    fn wrong_passwords_and_unknown_users_are_refused() {
        let (guard, users) = guard_and_users();
        for (user, password) in [("a", "wrong"), ("b", "secret"), ("", ""), ("b", "")] {
            let checked = check(&guard, &users, user, password);
            assert_eq!(checked, Checked::Wrong, "{user} {password}");
        }
        assert!(guard.known.lock().unwrap().is_empty());
        assert!(guard.waiting.lock().unwrap().is_empty());
    }

    #[test]
    fn one_address_cannot_fill_the_queue() {
        let (guard, _) = guard_and_users();
        let mut places: Vec<Waiting> = Vec::new();
        places.extend((0..100).filter_map(|_| guard.wait(HERE)));
        assert_eq!(places.len(), MAX_WAITING_OF_ONE);
        let others = (0..100).filter_map(|it| guard.wait(IpAddr::from([10, 0, 0, it])));
        places.extend(others);
        assert_eq!(places.len(), MAX_WAITING);
        places.clear();
        assert!(guard.wait(HERE).is_some());
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
}
