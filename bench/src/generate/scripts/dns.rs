//! DNS exchanges: a query and its response, over UDP or TCP.

use super::Author;
use crate::generate::dns;
use crate::generate::flow::{Flow, Step};
use crate::generate::frame::{ACK, Direction, Path};
use crate::generate::hosts;
use crate::generate::tcp::Connection;
use crate::generate::truth::{Expected, Source, Transport};

/// A query, its response, and the names in them.
struct DnsExchange {
    query: Vec<u8>,
    asked: Vec<Expected>,
    response: Vec<u8>,
    answered: Vec<Expected>,
}

impl Author {
    /// A query and its response in one datagram each.
    pub(super) fn dns(&mut self) -> Flow {
        let port = self.port(53, &[5300, 5400]);
        let path = self.hosts.path_to_resolver(port, &mut self.rng);
        let exchange = self.dns_exchange(&path, Transport::Udp);
        let mut query = self.datagram((&path, Direction::Up), 0, &exchange.query);
        query.expected = exchange.asked;
        let gap = self.rng.between(300_000, 30_000_000);
        let mut response = self.datagram((&path, Direction::Down), gap, &exchange.response);
        response.expected = exchange.answered;
        Flow::new(vec![query, response], None)
    }

    /// A query and its response over a TCP connection.
    pub(super) fn dns_over_tcp(&mut self) -> Flow {
        self.count("dns_over_tcp");
        let path = self.hosts.path_to_resolver(53, &mut self.rng);
        let exchange = self.dns_exchange(&path, Transport::Tcp);
        let round_trip = self.round_trip();
        let mut connection = Connection::new(path, &mut self.rng);
        let mut steps = connection.open(round_trip);
        for (direction, message, expected) in [
            (Direction::Up, exchange.query, exchange.asked),
            (Direction::Down, exchange.response, exchange.answered),
        ] {
            let frame = connection.segment(direction, ACK, &dns::framed(&message));
            let mut step = Step::new(round_trip, frame);
            step.expected = expected;
            steps.push(step);
        }
        steps.extend(connection.close(round_trip, &mut self.rng));
        Flow::new(steps, None)
    }

    fn dns_exchange(&mut self, path: &Path, transport: Transport) -> DnsExchange {
        self.count("dns_pairs");
        let name = self.name();
        let kind = match self.rng.below(100) {
            0..15 => dns::TYPE_HTTPS,
            15..40 => dns::TYPE_AAAA,
            _ => dns::TYPE_A,
        };
        let question = dns::Question {
            id: self.rng.word(),
            name: &name,
            kind,
            edns: self.rng.chance(600),
        };
        let mut aliases: Vec<String> = Vec::new();
        if self.rng.chance(300) {
            for _ in 0..=self.rng.below(10) / 9 {
                self.count("dns_aliases");
                let (edge, cluster) = (self.rng.below(900), self.rng.below(60));
                aliases.push(format!("e{edge}.c{cluster}.cdn.example.net"));
            }
        }
        let targets: Vec<&str> = aliases.iter().map(String::as_str).collect();
        let answer = match self.rng.below(100) {
            0..4 => dns::Answer::NoName,
            4..8 => dns::Answer::NoData,
            _ => dns::Answer::Found {
                aliases: &targets,
                address: hosts::server(&name, kind == dns::TYPE_AAAA),
            },
        };
        let expected = |source, direction, name: &str| {
            Expected::new(source, transport, (path, direction), name)
        };
        let answered = match answer {
            dns::Answer::Found { aliases, .. } => [&*name]
                .iter()
                .chain(aliases)
                .map(|it| expected(Source::DnsAnswer, Direction::Down, it))
                .collect(),
            dns::Answer::NoData | dns::Answer::NoName => Vec::new(),
        };
        DnsExchange {
            query: dns::query(&question),
            asked: vec![expected(Source::DnsQuery, Direction::Up, &name)],
            response: dns::response(&question, &answer),
            answered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_answer_names_nothing() {
        let mut author = Author::new(2, false);
        let path = author.hosts.path_to_resolver(53, &mut author.rng);
        for _ in 0..200 {
            let exchange = author.dns_exchange(&path, Transport::Udp);
            let answers = u16::from_be_bytes([exchange.response[6], exchange.response[7]]);
            assert_eq!(usize::from(answers), exchange.answered.len());
            assert_eq!(exchange.asked.len(), 1);
        }
    }
}
