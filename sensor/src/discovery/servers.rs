//! A management server, by its ports in combination.
//!
//! Kaspersky Security Center's Administration Server is reached on tcp/13000 by the agents of all its
//! clients. One port alone proves nothing: a server is one when two clients or more were answered
//! there, and it has another of the server's ports, or calls a host on udp/15000, where agents are told
//! to connect.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::host::Address;

/// Hosts that have one of the ports, and what else is known of them.
///
/// At most so many as it was made for; when full, one that is not a server yet makes room, any of
/// them, and newcomers are refused if there is none.
#[derive(Debug)]
pub struct Servers {
    known: HashMap<Address, Server, RandomState>,
    /// Those that may make room: made before the others, and not yet servers.
    unproven: BTreeSet<(u64, Address)>,
    capacity: usize,
    number: u64,
    evicted: u64,
}

#[derive(Debug)]
struct Server {
    /// The first of its clients on the main port, at most [`ENOUGH_CLIENTS`].
    clients: Vec<Address>,
    has_other: bool,
    number: u64,
}

/// What a connection to one of the ports may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Main,
    Other,
}

impl Servers {
    /// Room for so many hosts.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            known: HashMap::default(),
            unproven: BTreeSet::new(),
            capacity,
            number: 0,
            evicted: 0,
        }
    }

    /// Takes an answered TCP connection; `true` if it is one of a client to a management server.
    pub fn answered(&mut self, client: Address, server: Address, port: u16) -> bool {
        let part = match port {
            MAIN_PORT => Part::Main,
            it if OTHER_PORTS.contains(&it) => Part::Other,
            _ => return false,
        };
        self.note(server, part, client)
    }

    /// Takes a datagram, answered or not, that a host sent.
    pub fn called(&mut self, caller: Address, called: Address, port: u16) {
        if port == CALL_PORT && caller != called {
            self.note(caller, Part::Other, called);
        }
    }

    /// Hosts that made room for others, or were not taken in.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn note(&mut self, server: Address, part: Part, client: Address) -> bool {
        if !self.known.contains_key(&server) && !self.make_room() {
            return false;
        }
        let number = self.number;
        let known = self.known.entry(server).or_insert_with(|| Server {
            clients: Vec::new(),
            has_other: false,
            number,
        });
        if known.number == number {
            self.unproven.insert((number, server));
            self.number = number.saturating_add(1);
        }
        match part {
            Part::Other => known.has_other = true,
            Part::Main => {
                if known.clients.len() < ENOUGH_CLIENTS && !known.clients.contains(&client) {
                    known.clients.push(client);
                }
            }
        }
        let is_one = known.has_other && known.clients.len() >= ENOUGH_CLIENTS;
        if is_one {
            self.unproven.remove(&(known.number, server));
        }
        is_one && part == Part::Main
    }

    fn make_room(&mut self) -> bool {
        if self.known.len() < self.capacity {
            return true;
        }
        self.evicted = self.evicted.saturating_add(1);
        match self.unproven.pop_first() {
            Some((_, oldest)) => self.known.remove(&oldest).is_some(),
            None => false,
        }
    }
}

/// Where agents connect.
const MAIN_PORT: u16 = 13_000;

/// Other ports of the server: the proxy to Kaspersky Security Network over TCP and HTTPS, the console,
/// the interface for programs, agents without TLS, the proxy for activation.
const OTHER_PORTS: [u16; 6] = [13_111, 17_111, 13_291, 13_299, 14_000, 17_000];

/// Where a server tells agents to connect.
const CALL_PORT: u16 = 15_000;

/// Clients from which on it is a server.
const ENOUGH_CLIENTS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Address = Address::from_v4([10, 0, 0, 1]);

    fn client(last: u8) -> Address {
        Address::from_v4([10, 0, 1, last])
    }

    #[test]
    fn one_port_proves_nothing_whoever_uses_it() {
        let mut servers = Servers::new(8);
        for last in 0..100 {
            assert!(!servers.answered(client(last), SERVER, MAIN_PORT));
        }
    }

    #[test]
    fn two_clients_and_another_port_are_a_server() {
        for other in OTHER_PORTS {
            let mut servers = Servers::new(8);
            assert!(!servers.answered(client(1), SERVER, MAIN_PORT));
            assert!(!servers.answered(client(1), SERVER, other));
            assert!(!servers.answered(client(1), SERVER, MAIN_PORT));
            assert!(servers.answered(client(2), SERVER, MAIN_PORT), "{other}");
            assert!(!servers.answered(client(2), SERVER, 443));
        }
    }

    #[test]
    fn a_call_to_an_agent_goes_the_other_way() {
        let mut servers = Servers::new(8);
        servers.answered(client(1), SERVER, MAIN_PORT);
        servers.called(client(1), SERVER, CALL_PORT);
        assert!(!servers.answered(client(2), SERVER, MAIN_PORT));
        servers.called(SERVER, client(1), CALL_PORT);
        assert!(servers.answered(client(1), SERVER, MAIN_PORT));
    }

    #[test]
    fn when_it_is_full_those_that_are_none_make_room() {
        let mut servers = Servers::new(2);
        servers.answered(client(1), SERVER, MAIN_PORT);
        servers.answered(client(2), SERVER, MAIN_PORT);
        servers.answered(client(2), SERVER, OTHER_PORTS[0]);
        for last in 10..20 {
            servers.answered(client(1), client(last), MAIN_PORT);
        }
        assert!(servers.answered(client(1), SERVER, MAIN_PORT));
        assert_eq!((servers.known.len(), servers.evicted()), (2, 9));
    }
}
