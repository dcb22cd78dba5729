//! Probes: small exchanges whose finding is known beforehand.
//!
//! A probe is one host that asks for a name of the vendor "Probe", which nothing else does, and
//! opens a TLS connection to its address, with a post-quantum hello that two segments carry. Its
//! host is its number, so that the findings of that vendor are a count of the probes that were seen.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::dns;
use super::frame::{Direction, Path};
use super::hosts;
use super::rng::Rng;
use super::tcp::Connection;
use super::tls;

/// The frames of a probe, in order; `number` is the host's, `port` that of its connection.
pub(crate) fn frames(number: u32, port: u16) -> Vec<Vec<u8>> {
    let mut rng = Rng::new(u64::from(number) << 16 | u64::from(port));
    let client = host(number);
    let path = |server: IpAddr, service: u16| Path {
        client: SocketAddr::new(client, port),
        server: SocketAddr::new(server, service),
        vlan: None,
    };
    let server = hosts::server(NAME, false);
    let question = dns::Question {
        id: rng.word(),
        name: NAME,
        kind: dns::TYPE_A,
        edns: true,
    };
    let answer = dns::Answer::Found {
        aliases: &[],
        address: server,
    };
    let resolver = path(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 53)), 53);
    let mut frames = Vec::new();
    for (direction, message) in [
        (Direction::Up, dns::query(&question)),
        (Direction::Down, dns::response(&question, &answer)),
    ] {
        let mut frame = Vec::new();
        resolver.udp(direction, rng.word(), &message, &mut frame);
        frames.push(frame);
    }
    let mut connection = Connection::new(path(server, 443), &mut rng);
    frames.extend(connection.open(0).into_iter().map(|it| it.frame));
    let hello = tls::Hello {
        name: NAME,
        post_quantum: true,
        transport_parameters: None,
    };
    let hello = tls::record(tls::HANDSHAKE, &tls::client_hello(&hello, &mut rng));
    frames.extend(connection.message(Direction::Up, &hello, &[]));
    let mut answer = tls::record(tls::HANDSHAKE, &tls::server_hello(true, false, &mut rng));
    answer.extend_from_slice(&tls::protected(900, &mut rng));
    frames.extend(connection.message(Direction::Down, &answer, &[]));
    let request = tls::protected(300, &mut rng);
    frames.extend(connection.message(Direction::Up, &request, &[]));
    let answer = tls::protected(300, &mut rng);
    frames.extend(connection.message(Direction::Down, &answer, &[]));
    let end = connection.close(0, &mut rng);
    frames.extend(end.into_iter().map(|it| it.frame));
    frames
}

/// The address of a probe: 10.224.0.0 and on, where no generated host is.
pub(crate) fn host(number: u32) -> IpAddr {
    let base = u32::from(Ipv4Addr::new(10, 224, 0, 1));
    IpAddr::V4(Ipv4Addr::from(base + number % HOSTS))
}

/// A signature pack that claims what probes ask for, and nothing else.
pub(crate) const PACK: &str = r#"id = "probe"
vendor = "Probe"
version = "1.0.0"
date = "2026-11-24"
description = "What the benchmark's probes ask for."

[[source]]
id = 1
text = "The generator of these probes"
date = "2026-11-24"

[[signature]]
id = "probe-h01"
exact = ["update.probe.test"]
category = "update"
evidence = "app"
confidence = "observed"
product = "Probe"
sources = [1]
date = "2026-11-24"
examples = ["update.probe.test"]
"#;

/// Id of the vendor in [`PACK`].
pub(crate) const VENDOR: &str = "probe";

const NAME: &str = "update.probe.test";

/// Hosts that probes can have: those of 10.224.0.0/12.
const HOSTS: u32 = (1 << 20) - 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_carries_its_name_twice_in_the_clear_of_its_question_and_once_over_two_segments() {
        let frames = frames(7, 40_000);
        let all = frames.concat();
        let count = |text: &[u8]| all.windows(text.len()).filter(|it| *it == text).count();
        assert_eq!(count(b"\x06update\x05probe\x04test"), 2);
        assert!(frames.iter().all(|it| it.len() <= 1514));
        assert!(frames.len() >= 14, "{}", frames.len());
    }

    #[test]
    fn no_probe_is_a_generated_host_or_another_probe() {
        assert_eq!(host(0).to_string(), "10.224.0.1");
        assert_eq!(host(300).to_string(), "10.224.1.45");
        assert_eq!(host(HOSTS - 1).to_string(), "10.239.255.254");
    }
}
