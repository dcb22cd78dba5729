//! Metrics of flows, and of what could and could not be named.

use super::page::{Page, float};
use crate::export::Snapshot;
use crate::export::json::{ECH, ECH_MEMORIES, QUIC_VERSIONS};
use crate::names::{Source, Transport};
use crate::visibility::{EncryptedDns, MessageResult, Protocol, Unnamed};

pub(super) fn flows(page: &mut Page, snapshot: &Snapshot) {
    let seen = &snapshot.visibility;
    page.gauge(
        "phonehome_flows",
        "Flows tracked now.",
        ["transport"],
        Transport::ALL
            .into_iter()
            .zip(seen.flows_open())
            .map(|(it, count)| ([it.as_str()], float(count))),
    );
    page.gauge(
        "phonehome_flows_limit",
        "Flows that the tables may hold.",
        [],
        [([], float(snapshot.room.flow_limit))],
    );
    page.counter(
        "phonehome_flows_started_total",
        "Flows first seen.",
        ["transport"],
        by_transport(&seen.flows_started),
    );
    page.counter(
        "phonehome_flows_ended_total",
        "Flows that closed or went idle, by the directions seen.",
        ["transport", "directions"],
        by_transport_and(["one", "both"], &seen.flows_ended),
    );
    page.counter(
        "phonehome_flows_evicted_total",
        "Flows dropped because the table was full.",
        ["transport"],
        by_transport(&seen.flows_evicted),
    );
    page.counter(
        "phonehome_tcp_judged_flows_total",
        "TCP flows that ended and of which both beginnings were seen, so that acknowledgments could be \
         held against what was seen.",
        [],
        [([], seen.judged_flows)],
    );
    page.counter(
        "phonehome_tcp_seen_bytes_total",
        "Stream bytes seen of TCP flows of which both beginnings were seen.",
        [],
        [([], seen.judged_octets)],
    );
    page.counter(
        "phonehome_tcp_missing_bytes_total",
        "Stream bytes of the same flows that the receiver acknowledged and the sensor never saw; a \
         lower bound.",
        [],
        [([], seen.missing_octets)],
    );
    page.gauge(
        "phonehome_flow_buffered_bytes",
        "Bytes held for messages in the making.",
        [],
        [([], float(snapshot.room.buffered_bytes))],
    );
    page.counter(
        "phonehome_flow_buffers_evicted_total",
        "Flows whose messages in the making were given up because all took too much memory.",
        ["transport"],
        by_transport(&seen.unfinished_evicted),
    );
}

pub(super) fn visibility(page: &mut Page, snapshot: &Snapshot) {
    let seen = &snapshot.visibility;
    page.counter(
        "phonehome_connections_total",
        "Connections opened by hosts; named plus unnamed, always.",
        ["transport"],
        by_transport(&seen.connections),
    );
    page.counter(
        "phonehome_connections_named_total",
        "Connections that could be named, by what named them.",
        ["transport", "source"],
        by_transport_and(Source::ALL.map(Source::as_str), &seen.named),
    );
    page.counter(
        "phonehome_connections_unnamed_total",
        "Connections that could not be named, by why.",
        ["transport", "reason"],
        by_transport_and(Unnamed::ALL.map(Unnamed::as_str), &seen.unnamed),
    );
    page.counter(
        "phonehome_messages_total",
        "Messages read for a name, by result.",
        ["protocol", "result"],
        Protocol::ALL
            .into_iter()
            .zip(&seen.messages)
            .flat_map(|(protocol, row)| {
                let results = MessageResult::ALL.into_iter().zip(row);
                results.map(move |(result, count)| ([protocol.as_str(), result.as_str()], *count))
            }),
    );
    page.counter(
        "phonehome_observations_total",
        "Observations made.",
        ["source"],
        Source::ALL
            .into_iter()
            .zip(seen.observations)
            .map(|(it, count)| ([it.as_str()], count)),
    );
    page.counter(
        "phonehome_tls_client_hellos_total",
        "Client hellos, by their Encrypted Client Hello extension.",
        ["transport", "ech"],
        by_transport_and(ECH, &seen.hellos),
    );
    page.counter(
        "phonehome_quic_initials_total",
        "QUIC Initial packets from clients.",
        ["version"],
        QUIC_VERSIONS
            .into_iter()
            .zip(seen.quic_initials)
            .map(|(it, count)| ([it], count)),
    );
    page.counter(
        "phonehome_encrypted_dns_flows_total",
        "Flows to resolvers whose questions cannot be read.",
        ["kind"],
        EncryptedDns::ALL
            .into_iter()
            .zip(seen.encrypted_dns)
            .map(|(it, count)| ([it.as_str()], count)),
    );
    page.gauge(
        "phonehome_encrypted_dns_hosts",
        "Home hosts that ask resolvers so that their questions cannot be read.",
        [],
        [([], float(snapshot.asking.hiding))],
    );
    page.gauge(
        "phonehome_public_dns_hosts",
        "Home hosts that ask public resolvers, which are not the site's own, in clear.",
        [],
        [([], float(snapshot.asking.public))],
    );
    page.counter(
        "phonehome_dns_askers_evicted_total",
        "Hosts of which it was forgotten that they ask past the site's own resolvers, as they had not for \
         a day and there were too many.",
        [],
        [([], snapshot.room.askers_evicted)],
    );
    page.gauge(
        "phonehome_resolved_addresses",
        "Addresses with a remembered name.",
        [],
        [([], float(snapshot.resolved_addresses))],
    );
    page.counter(
        "phonehome_resolved_evicted_total",
        "Remembered names dropped because the table was full.",
        [],
        [([], snapshot.resolved_evicted)],
    );
    page.gauge(
        "phonehome_ech_names",
        "Names that DNS has told something about by which encrypted hellos are judged, by client and in all.",
        [],
        [([], float(snapshot.ech_names))],
    );
    page.counter(
        "phonehome_ech_evicted_total",
        "What was left out of the judging of encrypted hellos because a table was full.",
        ["what"],
        ECH_MEMORIES
            .into_iter()
            .zip(snapshot.ech_evicted)
            .map(|(it, count)| ([it], count)),
    );
}

fn by_transport(counts: &[u64; 2]) -> impl Iterator<Item = ([&'static str; 1], u64)> {
    Transport::ALL
        .into_iter()
        .zip(counts)
        .map(|(it, count)| ([it.as_str()], *count))
}

fn by_transport_and<const N: usize>(
    words: [&'static str; N],
    counts: &[[u64; N]; 2],
) -> impl Iterator<Item = ([&'static str; 2], u64)> {
    Transport::ALL
        .into_iter()
        .zip(counts)
        .flat_map(move |(transport, row)| {
            let row = words.into_iter().zip(row);
            row.map(move |(word, count)| ([transport.as_str(), word], *count))
        })
}
