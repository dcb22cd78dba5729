//! A capture of a large site: each host asks for a name and is answered, some for names of a vendor.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::START_MICROS;
use super::dns::{Answer, Question, TYPE_A, query, response};
use super::frame::{Direction, Path};
use super::savefile::{Savefile, Written};

/// Writes the capture: of `hosts`, the first `flagged` ask for two names of a vendor's products.
///
/// # Errors
///
/// Those of creating and writing a file.
pub(crate) fn write(path: &std::path::Path, hosts: u32, flagged: u32) -> io::Result<Written> {
    let mut file = Savefile::create(path)?;
    let mut frame = Vec::new();
    let mut micros = START_MICROS;
    for number in 0..hosts {
        let client = IpAddr::V4(Ipv4Addr::from(FIRST + number));
        let names = if number < flagged { FLAGGED } else { UNFLAGGED };
        for name in names {
            let flow = Path {
                client: SocketAddr::new(client, 40_000),
                server: SocketAddr::new(RESOLVER, 53),
                vlan: None,
            };
            let question = Question {
                id: number as u16,
                name,
                kind: TYPE_A,
                edns: false,
            };
            let answer = Answer::Found {
                aliases: &[],
                address: SERVER,
            };
            flow.udp(Direction::Up, 0, &query(&question), &mut frame);
            file.frame(micros, &frame)?;
            let message = response(&question, &answer);
            flow.udp(Direction::Down, 0, &message, &mut frame);
            file.frame(micros + 1, &frame)?;
            micros += 10;
        }
    }
    file.finish()
}

const FLAGGED: &[&str] = &["s00.upd.kaspersky.com", "ds.kaspersky.com"];
const UNFLAGGED: &[&str] = &["www.example.net"];

/// The first host: 10.0.0.1.
const FIRST: u32 = 0x0a00_0001;
const RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 16, 0, 53));
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 80));
