//! QUIC connections: hellos in one Initial or two, whole or in pieces.

use super::{Author, POST_QUANTUM_PER_MILLE};
use crate::generate::bulk::{Bulk, QuicBulk};
use crate::generate::flow::{Flow, Step};
use crate::generate::frame::Direction;
use crate::generate::quic::{self, InitialHeader, InitialKeys, KeyRefused, Piece};
use crate::generate::tls;
use crate::generate::truth::{Expected, Source, Transport};

impl Author {
    /// A QUIC connection.
    ///
    /// # Errors
    ///
    /// [`KeyRefused`], which `ring` gives no cause for.
    pub(super) fn quic(&mut self) -> Result<Flow, KeyRefused> {
        self.count("quic_connections");
        let name = self.name();
        let port = self.port(443, &[4433, 8443]);
        let path = self.hosts.path(&name, port, &mut self.rng);
        let version = if self.rng.chance(30) {
            self.count("quic_version_2");
            quic::Version::V2
        } else {
            quic::Version::V1
        };
        let ids = quic::Ids::draw(&mut self.rng);
        let keys = InitialKeys::client(version, &ids.original)?;
        let post_quantum = self.rng.chance(POST_QUANTUM_PER_MILLE);
        let parameters = ids.transport_parameters();
        let hello = tls::Hello {
            name: &name,
            post_quantum,
            transport_parameters: Some(&parameters),
        };
        let hello = tls::client_hello(&hello, &mut self.rng);
        let round_trip = self.round_trip();

        let mut datagrams = Vec::new();
        for (number, frames) in self.crypto_packets(&hello).iter().enumerate() {
            let header = InitialHeader {
                version,
                dst: &ids.original,
                src: &ids.client,
                number: number as u16,
            };
            datagrams.push(keys.seal(&header, frames, quic::DATAGRAM)?);
        }
        if datagrams.len() > 1 {
            self.count("quic_split");
            if self.rng.chance(125) {
                self.count("quic_swapped");
                datagrams.reverse();
            }
        }
        let up = (&path, Direction::Up);
        let mut steps: Vec<Step> = datagrams
            .iter()
            .map(|it| self.datagram(up, 30_000, it))
            .collect();
        if let Some(last) = steps.last_mut() {
            last.expected
                .push(Expected::new(Source::QuicSni, Transport::Udp, up, &name));
        }

        let answer = InitialHeader {
            version,
            dst: &ids.client,
            src: &ids.server,
            number: 0,
        };
        let mut frames = quic::ACK_OF_FIRST.to_vec();
        let message = tls::server_hello(post_quantum, true, &mut self.rng);
        let piece = Piece {
            offset: 0,
            octets: &message,
        };
        quic::crypto(piece, &mut frames);
        let keys = InitialKeys::server(version, &ids.original)?;
        let initial = keys.seal(&answer, &frames, quic::DATAGRAM)?;
        let down = (&path, Direction::Down);
        steps.push(self.datagram(down, round_trip, &initial));
        let to_client = (&ids.client[..], &ids.server[..]);
        let certificate = quic::handshake(version, to_client, quic::DATAGRAM, &mut self.rng);
        steps.push(self.datagram(down, 20_000, &certificate));
        let to_server = (&ids.server[..], &ids.client[..]);
        let finished = quic::handshake(version, to_server, 110, &mut self.rng);
        steps.push(self.datagram(up, round_trip / 8, &finished));

        let bulk = self.has_bulk.then(|| {
            let left = self.bulk_len();
            let packets = left / quic::DATAGRAM as u64 * 3 / 2 + 1;
            let gap = self.duration() / packets;
            Bulk::Quic(QuicBulk {
                path,
                ids,
                left,
                gap,
                sent: self.rng.word(),
            })
        });
        Ok(Flow::new(steps, bulk))
    }

    /// The frames of the Initials that carry a hello: one packet, or two when it is too long, and
    /// then half of the time in shuffled pieces between PINGs and padding.
    fn crypto_packets(&mut self, hello: &[u8]) -> Vec<Vec<u8>> {
        let whole = Piece {
            offset: 0,
            octets: hello,
        };
        let is_split = hello.len() + quic::CRYPTO_OVERHEAD > quic::INITIAL_ROOM;
        let mut pieces = vec![whole];
        let scrambled = self.rng.chance(if is_split { 500 } else { 100 });
        if scrambled {
            self.count("quic_scrambled");
            for _ in 0..self.rng.between(3, 9) {
                let piece = pieces.swap_remove(self.rng.index(pieces.len()));
                let at = self.rng.index(piece.octets.len());
                let (front, back) = cut(piece, at);
                pieces.extend([front, back].into_iter().filter(|it| !it.octets.is_empty()));
            }
            self.rng.shuffle(&mut pieces);
        }
        let mut packets = vec![Vec::new()];
        let mut pieces = pieces.into_iter();
        let mut next = pieces.next();
        while let Some(piece) = next {
            let Some(frames) = packets.last_mut() else {
                break;
            };
            let room = quic::INITIAL_ROOM.saturating_sub(frames.len() + quic::CRYPTO_OVERHEAD);
            if room == 0 {
                packets.push(Vec::new());
                continue;
            }
            let (front, back) = cut(piece, room);
            quic::crypto(front, frames);
            if scrambled && frames.len() + 40 < quic::INITIAL_ROOM {
                let padding = self.rng.index(8);
                frames.push(quic::PING);
                frames.extend_from_slice(&[0; 8][..padding]);
            }
            next = if back.octets.is_empty() {
                pieces.next()
            } else {
                Some(back)
            };
        }
        packets
    }
}

/// Cuts a piece in two at an offset from its start; the second may be empty.
fn cut(piece: Piece<'_>, at: usize) -> (Piece<'_>, Piece<'_>) {
    let at = at.min(piece.octets.len());
    let (front, back) = piece.octets.split_at(at);
    (
        Piece {
            offset: piece.offset,
            octets: front,
        },
        Piece {
            offset: piece.offset + at,
            octets: back,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The CRYPTO stream that frames of PADDING, PING and CRYPTO make.
    fn stream(packets: &[Vec<u8>], len: usize) -> Vec<u8> {
        let mut stream = vec![None; len];
        for mut rest in packets.iter().map(Vec::as_slice) {
            while let Some((kind, after)) = rest.split_first() {
                rest = after;
                if *kind == 0x06 {
                    let offset = varint(&mut rest);
                    let count = varint(&mut rest);
                    for (index, octet) in rest[..count].iter().enumerate() {
                        assert_eq!(stream[offset + index].replace(*octet), None, "sent twice");
                    }
                    rest = &rest[count..];
                } else {
                    assert!(matches!(kind, 0x00 | 0x01), "frame {kind}");
                }
            }
        }
        stream.into_iter().map(Option::unwrap).collect()
    }

    fn varint(rest: &mut &[u8]) -> usize {
        let (value, len) = match rest[0] >> 6 {
            0 => (usize::from(rest[0]), 1),
            1 => (
                usize::from(u16::from_be_bytes([rest[0] & 0x3f, rest[1]])),
                2,
            ),
            _ => panic!("a long integer"),
        };
        *rest = &rest[len..];
        value
    }

    #[test]
    fn the_pieces_of_a_quic_hello_make_it_whole() {
        let mut author = Author::new(1, false);
        for len in [1, 300, 1200, 1206, 1700, 2000] {
            for _ in 0..50 {
                let mut hello = vec![0; len];
                author.rng.fill(&mut hello);
                let packets = author.crypto_packets(&hello);
                assert_eq!(stream(&packets, len), hello);
                assert!(packets.iter().all(|it| it.len() <= quic::INITIAL_ROOM));
            }
        }
        assert!(author.counts["quic_scrambled"] > 0);
    }
}
