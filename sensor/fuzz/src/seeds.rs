//! Inputs to begin with: what the project's own captures, packs, directives and settings hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use phonehome::capture::replay::Replay;
use phonehome::decode::{Decoded, Decoder, Packet, TransportHeader};
use phonehome::flow::FlowKey;
use phonehome::flow::stream::Stream;
use phonehome::frame::Run;
use phonehome::names::dns::{self, DNS_PORT, RecordData};
use phonehome::names::{http, quic, tls};

use super::frames::encoded;

/// Inputs for targets, from the repository in that folder.
///
/// # Errors
///
/// What the system says if a file cannot be read.
pub fn seeds(root: &Path) -> io::Result<BTreeSet<(&'static str, Vec<u8>)>> {
    let mut seeds = BTreeSet::new();
    for case in entries(&root.join("sensor/tests/cases"))? {
        let path = case.join("input.pcap");
        if path.is_file() {
            let octets = fs::read(&path)?;
            if octets.len() <= LONG {
                // Whole, and in pieces.
                seeds.insert(("capture_file", [&[0][..], &octets].concat()));
                seeds.insert(("capture_file", [&[3, 19, 200, 70][..], &octets].concat()));
            }
            of_capture(&path, &mut seeds);
        }
    }
    for path in entries(&root.join("signatures/data/directives"))? {
        seeds.insert(("directive", fs::read(path)?));
    }
    for path in entries(&root.join("signatures/data/packs"))? {
        let text = fs::read_to_string(path)?;
        seeds.extend(of_pack(&text).map(|it| ("pack", it)));
    }
    let sample = fs::read_to_string(root.join("sensor/phonehome.toml"))?;
    let plain: Vec<&str> = sample.lines().filter(|it| !it.starts_with("# ")).collect();
    seeds.insert(("settings", [&[0], plain.join("\n").as_bytes()].concat()));
    for text in SETTINGS {
        seeds.insert(("settings", text.to_vec()));
    }
    for text in WEB_FILES {
        seeds.insert(("web_config", text.as_bytes().to_vec()));
    }
    for text in WAIVERS {
        seeds.insert(("waivers", text.as_bytes().to_vec()));
    }
    for text in ASSEMBLY {
        seeds.insert(("stream", text.to_vec()));
        seeds.insert(("fragments", text.to_vec()));
    }
    Ok(seeds)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

fn of_capture(path: &Path, seeds: &mut BTreeSet<(&'static str, Vec<u8>)>) {
    let Ok(mut replay) = Replay::open(&[path.to_owned()]) else {
        return;
    };
    let mut run = Run::default();
    let mut decoder = Decoder::default();
    let mut streams: BTreeMap<_, Stream> = BTreeMap::new();
    let mut datagrams: BTreeMap<_, Vec<u8>> = BTreeMap::new();
    let mut input = Vec::new();
    while let Ok(true) = replay.next_run(&mut run) {
        for frame in run.iter() {
            input.extend(
                encoded(&frame)
                    .filter(|it| input.len() + it.len() <= LONG)
                    .into_iter()
                    .flatten(),
            );
            let Decoded::Packet(packet) = decoder.decode(&frame) else {
                continue;
            };
            let Some((transport, src, dst)) = packet.ends() else {
                continue;
            };
            let flow = FlowKey::of(transport, src, dst);
            let place = (flow.0, flow.1.index());
            match packet.transport {
                TransportHeader::Tcp(tcp) if !packet.payload.is_empty() => {
                    let stream = streams
                        .entry(place)
                        .or_insert_with(|| Stream::new(Some(tcp.seq)));
                    stream.insert(tcp.seq, packet.payload);
                }
                TransportHeader::Udp { .. } => {
                    of_datagram(&packet, seeds, datagrams.entry(place).or_default())
                }
                _ => {}
            }
        }
    }
    seeds.insert(("decode", input.clone()));
    seeds.insert(("pipeline", input));
    for datagrams in datagrams.into_values().filter(|it| !it.is_empty()) {
        seeds.insert(("quic_initials", [&[0][..], &datagrams].concat()));
    }
    for ((key, side), stream) in streams {
        let octets = stream.prefix();
        let octets = &octets[..octets.len().min(LONG)];
        for (number, ports) in (STREAMS_FROM..).zip(STREAM_PORTS) {
            if ports.contains(&key.low.port) || ports.contains(&key.high.port) {
                seeds.insert(("identity", [&[number][..], octets].concat()));
            }
        }
        let is_dns = key.low.port == DNS_PORT || key.high.port == DNS_PORT;
        of_stream(octets, is_dns, side, seeds);
    }
}

fn of_datagram(
    packet: &Packet<'_>,
    seeds: &mut BTreeSet<(&'static str, Vec<u8>)>,
    initials: &mut Vec<u8>,
) {
    let TransportHeader::Udp { src_port, dst_port } = packet.transport else {
        return;
    };
    if [src_port, dst_port].contains(&DNS_PORT) {
        seeds.insert(("dns_message", packet.payload.to_vec()));
        let answers = dns::message(packet.payload).into_iter();
        for record in answers
            .flat_map(|it| it.answers().collect::<Vec<_>>())
            .flatten()
        {
            if let RecordData::Https {
                ech: Some(list), ..
            } = record.data
            {
                seeds.insert(("ech_configs", list.to_vec()));
            }
        }
    }
    let of_port = |known: &[u16]| known.iter().any(|it| [src_port, dst_port].contains(it));
    for (number, ports) in (0..).zip(IDENTITY_PORTS) {
        if of_port(ports) {
            seeds.insert(("identity", [&[number][..], packet.payload].concat()));
        }
    }
    for (number, port) in (0..).zip(DISCOVERY_PORTS) {
        if of_port(&[port]) {
            // The protocol of the second port of Tuya is that of the first.
            let number = u8::min(number, 3);
            seeds.insert(("discovery", [&[number][..], packet.payload].concat()));
        }
    }
    if quic::initial_version(packet.payload).is_some() && initials.len() < LONG {
        initials.extend((packet.payload.len() as u16).to_le_bytes());
        initials.extend(packet.payload);
    }
}

fn of_stream(
    octets: &[u8],
    is_dns: bool,
    side: usize,
    seeds: &mut BTreeSet<(&'static str, Vec<u8>)>,
) {
    let in_pieces = |head: &[u8]| [head, octets].concat();
    if is_dns {
        seeds.insert(("dns_stream", in_pieces(&[0])));
        seeds.insert(("dns_stream", in_pieces(&[2, 0, 40])));
        return;
    }
    if tls::may_begin_client_hello(octets) {
        seeds.insert(("tls_hello", in_pieces(&[0])));
        // A message, in records and in Initials.
        let message = octets.get(5..).unwrap_or_default();
        seeds.insert(("tls_hello", [&[2, 9, 250], message].concat()));
        seeds.insert((
            "quic_initials",
            [&[2, side as u8, 2, 99, 200, 1, 0, 1], message].concat(),
        ));
    } else if tls::may_begin_server_hello(octets) {
        seeds.insert(("tls_certificate", octets.to_vec()));
    } else if http::may_begin_request(octets) {
        seeds.insert(("http_head", octets.to_vec()));
    }
    seeds.insert(("conversation", in_pieces(&[1, 2, 3, 4, 0, 0])));
    seeds.insert((
        "conversation",
        in_pieces(&[0xff, 0xff, 0xff, 0xff, 1, 3, 120, 80, 200, 2, 0, 1]),
    ));
}

/// The head of a pack, its sources, and its signatures a few at a time: a pack as a whole is too long to
/// change much of it.
fn of_pack(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let mut parts = text.split("\n[[signature]]");
    let head = parts.next().unwrap_or_default().to_owned();
    let signatures: Vec<String> = parts.map(|it| format!("\n[[signature]]{it}")).collect();
    let groups: Vec<String> = signatures.chunks(6).take(4).map(|it| it.concat()).collect();
    groups
        .into_iter()
        .map(move |it| format!("{head}\n{it}\n").into_bytes())
        .filter(|it| it.len() <= 3 * LONG)
}

/// Ports of DHCP, DHCPv6, mDNS, NBNS, LLMNR and Kerberos, in the order of `identity::Source`.
const IDENTITY_PORTS: [&[u16]; 6] = [&[67, 68], &[546, 547], &[5353], &[137], &[5355], &[88]];

/// Ports of servers of Kerberos and SMB, and the number of the first of the two.
const STREAM_PORTS: [&[u16]; 2] = [&[88], &[139, 445]];
const STREAMS_FROM: u8 = 5;

/// Ports of SADP, DHIP, Kasa and Tuya.
const DISCOVERY_PORTS: [u16; 5] = [37020, 37810, 9999, 6666, 6667];

/// Octets of a long input.
const LONG: usize = 6 << 10;

const SETTINGS: [&[u8]; 4] = [
    b"\x00interface = [\"eth1\", \"eth2\"]\nworkers = 4\nhome-network = \"10.0.0.0/8,fd00::/8\"\n\
      [web]\nlisten-address = [\"127.0.0.1:0\", \"[::1]:9\"]\n[states]\nquiet-after = \"2h\"\n\
      [limits]\nflows = 5000\nunfinished = \"2MiB\"\n",
    b"\x02\x05\x013\x06\x0610.0/8workers = \"four\"\nworkers = 4\nno-such = 1\n[web\n",
    b"\x00replay = \"a.pcap\"\nexit-when-done = true\n[syslog]\naddress = \"tls://192.0.2.1:6514\"\n\
      ca = \"ca.pem\"\nserver-name = \"log.example\"\n[events]\nformat = \"ecs\"\nkinds = \"all\"\n",
    b"\x00[capture]\nring = \"1GiB\"\nsnaplen = 256\nprefilter = \"flow\"\n[rights]\nuser = \"nobody\"\n\
      landlock = \"off\"\n[log]\nlevel = \"debug\"\nformat = \"json\"\n",
];

const WEB_FILES: [&str; 4] = [
    "tls_server_config:\n  cert_file: web.pem\n  key_file: web.key\n  min_version: TLS12\n  \
     client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n",
    "basic_auth_users:\n  alice: $2y$04$a0IKJWDhWW2LT7OnGKAZrekoXQQtZ.fekmmMb1Nn/fzur3qllTN7q\n\
     http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n    \
     Strict-Transport-Security: max-age=1\n",
    "rate_limit: {interval: 1s, burst: 20}\n",
    "a: &a [x, x]\nb: &b [*a, *a]\nbasic_auth_users: {a: *b}\n",
];

const WAIVERS: [&str; 2] = [
    "[[waiver]]\nhost = \"10.50.1.60\"\nvendor = \"kaspersky\"\nuntil = \"2027-01-31\"\n\
     reason = \"Malware laboratory.\"\nby = \"J. Doe\"\n\n[[waiver]]\nhost = \"fd00:7::/64\"\n\
     vendor = \"hikvision\"\nuntil = \"2026-12-01\"\nreason = \"r\"\nby = \"b\"\n",
    "[[waiver]]\nhost = \"pc7\"\nuntil = \"soon\"\n",
];

/// Steps for what puts pieces together; the fuzzer finds what they do.
const ASSEMBLY: [&[u8]; 5] = [
    &[0; 64],
    b"\x00\x00\x00\x00\x13\x00\x00\x40\x13\x80\x00\x40\x13\x40\x00\x40\x00\x00\x00\x20\x11\x00\x00\x00",
    b"\x0d\x05\x03\x00\x07\x01\x02\x01\x00\x02\x03\x04the payload of a datagram, in some fragments",
    b"\x10\x02\x03\x05\x00\x01the payload of a datagram, of whose first fragment some is missing",
    b"\x02\x81\x08\x00\x10abcdefgh\x91\x00\x00\x10abcdefghijklmnop\x11\x18\x00\x08xxxxxxxx",
];
