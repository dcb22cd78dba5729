//! Floods, and the visits of flagged hosts that they must not hide.

use super::{Author, SYN};
use crate::generate::dns;
use crate::generate::domains;
use crate::generate::flow::{Flow, Step};
use crate::generate::frame::{ACK, Direction, PSH, fold, sum};
use crate::generate::hosts;
use crate::generate::quic::{self, InitialHeader, InitialKeys, KeyRefused, Piece};
use crate::generate::tcp::Connection;
use crate::generate::tls;

impl Author {
    /// A SYN from a random source.
    pub(super) fn flood(&mut self) -> Flow {
        self.count("tcp_flood");
        let mut connection = Connection::new(hosts::random_source(&mut self.rng), &mut self.rng);
        let syn = connection.segment(Direction::Up, SYN, &[]);
        Flow::new(vec![Step::new(0, syn)], None)
    }

    /// A host asks for a flagged name and goes there, all in one address family.
    ///
    /// # Errors
    ///
    /// [`KeyRefused`], which `ring` gives no cause for.
    pub(super) fn visit(&mut self) -> Result<Flow, KeyRefused> {
        self.count("visits");
        self.hosts.settle_on_one(&mut self.rng);
        self.only_name = Some(domains::flagged(&mut self.rng));
        let asked = self.dns();
        let went = match self.rng.below(100) {
            0..60 => self.tls(),
            60..85 => self.quic()?,
            _ => self.http(),
        };
        self.hosts.release();
        self.only_name = None;
        Ok(went.after(asked))
    }

    /// A SYN and half a hello that nobody answers.
    pub(super) fn half_hello(&mut self) -> Flow {
        self.count("half_hellos");
        let mut connection = Connection::new(hosts::random_source(&mut self.rng), &mut self.rng);
        let syn = connection.segment(Direction::Up, SYN, &[]);
        let hello = tls::Hello {
            name: "half.example",
            post_quantum: false,
            transport_parameters: None,
        };
        let hello = tls::record(tls::HANDSHAKE, &tls::client_hello(&hello, &mut self.rng));
        let half = connection.segment(Direction::Up, ACK | PSH, &hello[..hello.len() - 40]);
        Flow::new(vec![Step::new(0, syn), Step::new(50_000, half)], None)
    }

    /// The second of two Initials.
    ///
    /// # Errors
    ///
    /// [`KeyRefused`], which `ring` gives no cause for.
    pub(super) fn half_initial(&mut self) -> Result<Flow, KeyRefused> {
        self.count("half_initials");
        let path = hosts::random_source(&mut self.rng);
        let ids = quic::Ids::draw(&mut self.rng);
        let keys = InitialKeys::client(quic::Version::V1, &ids.original)?;
        let mut frames = Vec::new();
        let piece = Piece {
            offset: 900,
            octets: &[0x2a; 900],
        };
        quic::crypto(piece, &mut frames);
        let header = InitialHeader {
            version: quic::Version::V1,
            dst: &ids.original,
            src: &ids.client,
            number: 1,
        };
        let datagram = keys.seal(&header, &frames, quic::DATAGRAM)?;
        let step = self.datagram((&path, Direction::Up), 0, &datagram);
        Ok(Flow::new(vec![step], None))
    }

    /// A question for a random name, half of the time below a flagged one, and its answer.
    pub(super) fn random_name(&mut self) -> Flow {
        self.count("random_names");
        let path = hosts::busy_host(&mut self.rng);
        let zone = if self.rng.chance(500) {
            "kaspersky.com"
        } else {
            "example"
        };
        let name = format!("{:016x}.{zone}", self.rng.bits());
        let question = dns::Question {
            id: self.rng.word(),
            name: &name,
            kind: dns::TYPE_A,
            edns: false,
        };
        let query = dns::query(&question);
        let response = dns::response(&question, &dns::Answer::NoName);
        let steps = vec![
            self.datagram((&path, Direction::Up), 0, &query),
            self.datagram((&path, Direction::Down), 1_000_000, &response),
        ];
        Flow::new(steps, None)
    }

    /// A flagged question with its answer, or a SYN, of a host that is not there.
    pub(super) fn made_up_host(&mut self) -> Flow {
        self.count("made_up_hosts");
        let name = domains::flagged(&mut self.rng);
        let address = hosts::server(name, false);
        if self.rng.chance(500) {
            let path = hosts::made_up_host((address, 443).into(), &mut self.rng);
            let mut connection = Connection::new(path, &mut self.rng);
            let syn = connection.segment(Direction::Up, SYN, &[]);
            return Flow::new(vec![Step::new(0, syn)], None);
        }
        let path = hosts::made_up_host(hosts::RESOLVER, &mut self.rng);
        let question = dns::Question {
            id: self.rng.word(),
            name,
            kind: dns::TYPE_A,
            edns: false,
        };
        let answer = dns::Answer::Found {
            aliases: &[],
            address,
        };
        let query = dns::query(&question);
        let response = dns::response(&question, &answer);
        let steps = vec![
            self.datagram((&path, Direction::Up), 0, &query),
            self.datagram((&path, Direction::Down), 1_000_000, &response),
        ];
        Flow::new(steps, None)
    }

    /// The first fragment of a datagram (RFC 791 section 3.2).
    pub(super) fn fragment(&mut self) -> Flow {
        self.count("fragments");
        let path = hosts::random_source(&mut self.rng);
        let mut step = self.datagram((&path, Direction::Up), 0, &[0x2a; 200]);
        let ip = &mut step.frame[14..34];
        ip[6] = MORE_FRAGMENTS;
        ip[10..12].fill(0);
        let checksum = !fold(sum(ip));
        ip[10..12].copy_from_slice(&checksum.to_be_bytes());
        Flow::new(vec![step], None)
    }
}

/// The flag "more fragments", in the octet that it shares with the fragment offset.
const MORE_FRAGMENTS: u8 = 0x20;
