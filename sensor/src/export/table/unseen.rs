//! The section of what could not be seen.

use std::cmp::Reverse;
use std::fmt::Write;

use super::{MARGIN, Paint, Style, paragraph, row};
use crate::export::{STAGES, Snapshot, human_count, human_octets, human_share};
use crate::findings::Asker;
use crate::names::Source;
use crate::names::tls::Ech;
use crate::visibility::{EncryptedDns, MessageResult, Protocol, Unnamed};

pub(super) fn write(text: &mut String, snapshot: &Snapshot, style: Style) {
    let _ = writeln!(
        text,
        "\n{}",
        style.paint(Paint::Bold, "WHAT COULD NOT BE SEEN")
    );
    connections(text, snapshot);
    for (word, line) in lines(snapshot) {
        row(text, word, &line);
        match word {
            ENCRYPTED_DNS => hosts(text, snapshot.asking.hiding, hiding_hosts(snapshot)),
            PUBLIC_DNS => hosts(text, snapshot.asking.public, asking_hosts(snapshot)),
            _ => {}
        }
    }
}

/// What hides beside connections without a name: a word and a line each.
pub(in crate::export) fn lines(snapshot: &Snapshot) -> [(&'static str, String); 8] {
    [
        ("hellos", hellos(snapshot)),
        (ENCRYPTED_DNS, encrypted_dns(snapshot)),
        (PUBLIC_DNS, public_dns(snapshot)),
        ("messages", messages(snapshot)),
        ("frames", frames(snapshot)),
        ("mirror", mirror(snapshot)),
        ("packets", packets(snapshot)),
        ("flows", flows(snapshot)),
    ]
}

fn connections(text: &mut String, snapshot: &Snapshot) {
    let seen = &snapshot.visibility;
    let all: u64 = seen.connections.iter().sum();
    if all == 0 {
        row(text, "connections", "none were opened");
        return;
    }
    let both = |rows: &dyn Fn(usize) -> u64| rows(0) + rows(1);
    let named: Vec<(String, u64)> = Source::ALL
        .into_iter()
        .map(|it| {
            let count = both(&|transport| seen.named[transport][it as usize]);
            (source_words(it).to_owned(), count)
        })
        .collect();
    let unnamed: Vec<(String, u64)> = Unnamed::ALL
        .into_iter()
        .map(|it| {
            let count = both(&|transport| seen.unnamed[transport][it as usize]);
            (reason_words(it).to_owned(), count)
        })
        .collect();
    let sum = |rows: &[(String, u64)]| rows.iter().map(|it| it.1).sum::<u64>();
    row(
        text,
        "connections",
        &format!(
            "{} opened by hosts; {} could be named ({}), {} could not ({})",
            human_count(all),
            human_count(sum(&named)),
            human_share(sum(&named), all),
            human_count(sum(&unnamed)),
            human_share(sum(&unnamed), all),
        ),
    );
    for (word, rows) in [("named by", named), ("not named", unnamed)] {
        let mut rows: Vec<_> = rows.into_iter().filter(|it| it.1 > 0).collect();
        rows.sort_by_key(|it| Reverse(it.1));
        let mut margin = word;
        for (words, count) in rows {
            let share = human_share(count, all);
            let first = format!(
                "  {margin:<MARGIN$}  {:>9}  {share:>7}  ",
                human_count(count)
            );
            paragraph(text, &first, &" ".repeat(MARGIN + 24), &words);
            margin = "";
        }
    }
}

/// How many connections there were, and how many of them could not be named.
pub(in crate::export) fn connections_sentence(snapshot: &Snapshot) -> String {
    let seen = &snapshot.visibility;
    let all: u64 = seen.connections.iter().sum();
    let unnamed: u64 = seen.unnamed.as_flattened().iter().sum();
    match (all, unnamed) {
        (0, _) => "Hosts have opened no connection.".to_owned(),
        (all, 0) => format!(
            "Hosts have opened {} connections, and all of them could be named.",
            human_count(all)
        ),
        (all, unnamed) => format!(
            "Hosts have opened {} connections; {} of them could not be named ({}).",
            human_count(all),
            human_count(unnamed),
            human_share(unnamed, all)
        ),
    }
}

/// Why connections have no name, the most frequent reason first: the reason, how many, and their
/// share of all.
pub(in crate::export) fn unnamed_rows(snapshot: &Snapshot) -> Vec<[String; 3]> {
    let seen = &snapshot.visibility;
    let all: u64 = seen.connections.iter().sum();
    let mut counts: Vec<(Unnamed, u64)> = Unnamed::ALL
        .into_iter()
        .map(|reason| {
            let counts = seen.unnamed.iter().map(|it| it[reason as usize]);
            (reason, counts.sum())
        })
        .filter(|it| it.1 > 0)
        .collect();
    counts.sort_by_key(|it| Reverse(it.1));
    let rows = counts.into_iter().map(|(reason, count)| {
        [
            reason_words(reason).to_owned(),
            human_count(count),
            human_share(count, all),
        ]
    });
    rows.collect()
}

fn hellos(snapshot: &Snapshot) -> String {
    let seen = &snapshot.visibility;
    let hellos = seen.hellos.as_flattened().iter().sum::<u64>();
    let with = |ech: Ech| seen.hellos.iter().map(|it| it[ech as usize]).sum::<u64>();
    if hellos == 0 {
        "no TLS or QUIC hello was seen".to_owned()
    } else {
        format!(
            "{} of {} TLS and QUIC hellos hide their real name ({}), {} may do so ({})",
            human_count(with(Ech::Real)),
            human_count(hellos),
            human_share(with(Ech::Real), hellos),
            human_count(with(Ech::Unknown)),
            human_share(with(Ech::Unknown), hellos),
        )
    }
}

fn encrypted_dns(snapshot: &Snapshot) -> String {
    let counts = snapshot.visibility.encrypted_dns;
    let kinds: Vec<String> = EncryptedDns::ALL
        .into_iter()
        .zip(counts)
        .filter(|it| it.1 > 0)
        .map(|(kind, count)| format!("{} {}", human_count(count), encrypted_dns_words(kind)))
        .collect();
    if kinds.is_empty() {
        return "no flow to a resolver that hides its questions was seen".to_owned();
    }
    let flows: u64 = counts.iter().sum();
    let flows = match flows {
        1 => "1 flow hides its questions".to_owned(),
        flows => format!("{} flows hide their questions", human_count(flows)),
    };
    let flows = format!("{flows} ({})", kinds.join(", "));
    match hiding_sentence(snapshot) {
        Some(sentence) => format!("{flows}; {}", sentence.trim_end_matches('.')),
        None => format!("{flows}; no host of the home networks asks so for itself"),
    }
}

/// How many hosts hide their questions, and what that means; `None` if none does.
pub(in crate::export) fn hiding_sentence(snapshot: &Snapshot) -> Option<String> {
    match snapshot.asking.hiding {
        0 => None,
        1 => Some("1 host asks encrypted resolvers; its questions cannot be read.".to_owned()),
        hosts => Some(format!(
            "{} hosts ask encrypted resolvers; their questions cannot be read.",
            human_count(hosts)
        )),
    }
}

/// Some of the hosts that a line is about, each with what is to be said of it.
fn hosts(text: &mut String, all: u64, hosts: impl Iterator<Item = String>) {
    let hosts: Vec<String> = hosts.take(NAMED).collect();
    if hosts.is_empty() {
        return;
    }
    let more = all.saturating_sub(hosts.len() as u64);
    let mut line = hosts.join(", ");
    if more > 0 {
        let _ = write!(line, " and {} more", human_count(more));
    }
    row(text, "", &line);
}

/// Hosts that hide their questions, and by what.
fn hiding_hosts(snapshot: &Snapshot) -> impl Iterator<Item = String> + '_ {
    let hosts = snapshot.asking.hosts.iter().filter(|it| it.hides());
    hosts.map(|it| format!("{} {}", it.host, kinds_in_brackets(it)))
}

/// Hosts that ask public resolvers in clear, and how many questions.
fn asking_hosts(snapshot: &Snapshot) -> impl Iterator<Item = String> + '_ {
    let hosts = snapshot.asking.hosts.iter().filter(|it| it.public > 0);
    hosts.map(|it| match it.public {
        1 => format!("{} (1 question)", it.host),
        count => format!("{} ({} questions)", it.host, human_count(u64::from(count))),
    })
}

/// `(DNS over HTTPS, DNSCrypt)`.
fn kinds_in_brackets(asker: &Asker) -> String {
    let kinds: Vec<&str> = asker.kinds().map(|it| encrypted_dns_words(it.0)).collect();
    format!("({})", kinds.join(", "))
}

/// That a host with a finding hides questions, if it does.
pub(super) fn hiding_host(asker: &Asker) -> Option<String> {
    asker.hides().then(|| {
        format!(
            "asks encrypted resolvers too {}: more may be there than was seen",
            kinds_in_brackets(asker)
        )
    })
}

fn public_dns(snapshot: &Snapshot) -> String {
    match snapshot.asking.public {
        0 => "no host asked a public resolver in clear".to_owned(),
        1 => "1 host asked a public resolver, past the site's own, in clear".to_owned(),
        hosts => format!(
            "{} hosts asked public resolvers, past the site's own, in clear",
            human_count(hosts)
        ),
    }
}

/// What hides questions, in plain words.
const fn encrypted_dns_words(kind: EncryptedDns) -> &'static str {
    match kind {
        EncryptedDns::Doh => "DNS over HTTPS",
        EncryptedDns::Dot => "DNS over TLS",
        EncryptedDns::Doq => "DNS over QUIC",
        EncryptedDns::Dnscrypt => "DNSCrypt",
    }
}

fn messages(snapshot: &Snapshot) -> String {
    let rows = &snapshot.visibility.messages;
    let all: u64 = rows.as_flattened().iter().sum();
    let of = |result: MessageResult, words: &str| {
        let mut parts = Vec::new();
        for (protocol, row) in Protocol::ALL.iter().zip(rows) {
            let count = row[result as usize];
            if count > 0 {
                let protocol = protocol.as_str().to_uppercase();
                parts.push(format!("{protocol} {}", human_count(count)));
            }
        }
        let sum: u64 = rows.iter().map(|it| it[result as usize]).sum();
        match parts.as_slice() {
            [] => format!("none {words}"),
            parts => format!("{} {words} ({})", human_count(sum), parts.join(", ")),
        }
    };
    format!(
        "{} read for a name: {}, {}",
        human_count(all),
        of(MessageResult::Malformed, "malformed"),
        of(MessageResult::GaveUp, "never whole"),
    )
}

fn frames(snapshot: &Snapshot) -> String {
    let captures = &snapshot.captures;
    let received: u64 = captures.iter().map(|it| it.received_frames).sum();
    let truncated: u64 = captures.iter().map(|it| it.truncated_frames).sum();
    let stages: Vec<(&str, u64)> = STAGES
        .into_iter()
        .enumerate()
        .map(|(at, stage)| {
            let counts = captures.iter().map(|it| it.dropped_frames[at]);
            (stage, counts.sum())
        })
        .collect();
    let dropped = stages.iter().map(|it| it.1).sum();
    let mut line = format!(
        "{} received, {} cut short ({}), {} dropped ({})",
        human_count(received),
        human_count(truncated),
        human_share(truncated, received),
        human_count(dropped),
        human_share(dropped, received),
    );
    let stages: Vec<String> = stages
        .into_iter()
        .filter(|it| it.1 > 0)
        .map(|(stage, count)| format!("{} at the {stage}", human_count(count)))
        .collect();
    if !stages.is_empty() {
        let _ = write!(line, ": {}", stages.join(", "));
    }
    let repeated: u64 = captures.iter().map(|it| it.repeated_frames).sum();
    if repeated > 0 {
        let _ = write!(
            line,
            "; {} came twice and count once ({})",
            human_count(repeated),
            human_share(repeated, received),
        );
    }
    line
}

/// What the mirror left out, by what the ends of TCP flows say.
fn mirror(snapshot: &Snapshot) -> String {
    let seen = &snapshot.visibility;
    let ended: u64 = seen.flows_ended[0].iter().sum();
    let acknowledged = seen.judged_octets + seen.missing_octets;
    if acknowledged == 0 {
        let is_cut_off = snapshot.captures.iter().any(|it| it.cut_off.is_some());
        let why = if is_cut_off {
            "the prefilter cuts flows off"
        } else {
            "no TCP flow with data was seen from its beginning in both directions"
        };
        return format!("what it left out cannot be judged: {why}");
    }
    let mut line = format!(
        "of the octets that receivers acknowledged, {} never reached this sensor ({}); {} of {} TCP \
         flows could be judged",
        human_share(seen.missing_octets, acknowledged),
        human_octets(seen.missing_octets),
        human_count(seen.judged_flows),
        human_count(ended),
    );
    let is_dropping = snapshot
        .captures
        .iter()
        .any(|it| it.dropped_frames != [0; 3]);
    if seen.missing_octets > 0 && is_dropping {
        line.push_str("; what was dropped is part of it");
    }
    line
}

fn packets(snapshot: &Snapshot) -> String {
    let decode = &snapshot.decode;
    let mut parts = Vec::new();
    for (encapsulation, count) in decode.skipped.iter().filter(|it| *it.1 > 0) {
        parts.push(format!(
            "{} in {}",
            human_count(*count),
            encapsulation_words(encapsulation)
        ));
    }
    for ((layer, reason), count) in decode.errors.iter().filter(|it| *it.1 > 0) {
        let reason = match *reason {
            "short" => "cut off",
            "length" => "of a wrong length",
            "depth" => "nested too deep",
            other => other,
        };
        parts.push(format!(
            "{} with a {layer} header {reason}",
            human_count(*count)
        ));
    }
    let lost: u64 = decode
        .datagrams
        .iter()
        .filter(|it| *it.0 != "whole")
        .map(|it| *it.1)
        .sum();
    if lost > 0 {
        parts.push(format!("{} fragmented and never whole", human_count(lost)));
    }
    match parts.as_slice() {
        [] => "all could be decoded".to_owned(),
        parts => format!("not read: {}", parts.join(", ")),
    }
}

fn flows(snapshot: &Snapshot) -> String {
    let seen = &snapshot.visibility;
    let [[tcp_one, tcp_both], _] = seen.flows_ended;
    let evicted: u64 = seen.flows_evicted.iter().sum();
    let tcp = tcp_one + tcp_both;
    let mut line = format!(
        "{} of {} TCP flows were seen in one direction only ({})",
        human_count(tcp_one),
        human_count(tcp),
        human_share(tcp_one, tcp),
    );
    if evicted > 0 {
        let flows = if evicted == 1 {
            "flow was"
        } else {
            "flows were"
        };
        let _ = write!(
            line,
            "; {} {flows} forgotten because the table was full",
            human_count(evicted)
        );
    }
    line
}

/// Where a name was read, in plain words.
pub(in crate::export) const fn source_words(source: Source) -> &'static str {
    match source {
        Source::DnsQuery => "DNS question",
        Source::DnsAnswer => "DNS answer",
        Source::TlsSni => "TLS hello",
        Source::QuicSni => "QUIC hello",
        Source::HttpHost => "HTTP request",
        Source::HttpConnect => "HTTP CONNECT request",
        Source::TlsCert => "certificate of the server",
        Source::DnsCorrelated => "address that DNS had given for a name",
        Source::Discovery => "discovery on the local network",
    }
}

/// Why a connection has no name, in plain words.
const fn reason_words(reason: Unnamed) -> &'static str {
    match reason {
        Unnamed::NoHello => "no hello and no request was seen",
        Unnamed::Truncated => "the frame that held the name was cut short",
        Unnamed::RealEch => "the hello was encrypted (ECH)",
        Unnamed::EncryptedDns => "encrypted DNS",
        Unnamed::NotTls => "a protocol that carries no name",
        Unnamed::Dropped => "octets were missing",
        Unnamed::UnknownTunnel => "inside a tunnel that is not read",
    }
}

fn encapsulation_words(word: &str) -> &str {
    match word {
        "macsec" => "MACsec",
        "esp" => "ESP",
        "wireguard" => "WireGuard",
        "openvpn" => "OpenVPN",
        "l2tp" => "L2TP",
        "other" => "another encapsulation",
        word => word,
    }
}

/// The line about resolvers whose questions cannot be read.
const ENCRYPTED_DNS: &str = "encrypted DNS";

/// The line about public resolvers that are asked in clear.
const PUBLIC_DNS: &str = "public DNS";

/// Hosts that are named below a line.
const NAMED: usize = 10;
