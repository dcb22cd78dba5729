//! The program of the cut-off.
//!
//! ```text
//! Ethernet, up to two tags ─► IPv4 or IPv6 ─► TCP or UDP ─► first octets ─► flow ─► pass or count
//!        └────── whatever else, and whatever is cut short ──────────────────────► pass
//! ```
//!
//! A flow is remembered by its addresses and ports, sorted, so that both directions are one. Of a
//! flow stand when it was last seen, when a packet of it last passed, and the octets of payload that
//! passed, by direction. Two processors may write at once; an addition may get lost, and then more
//! passes.

use super::assembler::{Assembler, Compute, Label, Register, When, Width};
use super::{Budget, OPEN_PORTS};

/// The instructions, for the maps of flows and of counts.
pub(super) fn code(budget: Budget, maps: [i32; 2]) -> Vec<u64> {
    let mut it = Assembler::default();
    let pass = it.label();
    let cut = it.label();
    it.compute_with(Compute::Move, CONTEXT, R1);
    keep_frame_len(&mut it);
    let (ipv4, ipv6) = ethernet(&mut it, pass);
    let transport = it.label();
    it.place(ipv6);
    read_ipv6(&mut it, pass);
    it.jump(transport);
    it.place(ipv4);
    read_ipv4(&mut it, pass);
    it.place(transport);
    read_transport(&mut it, pass);
    look_up(&mut it, budget, maps[0], (pass, cut));
    it.place(cut);
    count(&mut it, maps[1]);
    it.compute(Compute::Move, R0, 0);
    it.exit();
    it.place(pass);
    it.compute(Compute::Move, R0, -1);
    it.exit();
    it.finish()
}

/// Keeps the octets that the frame had on the wire: a tag that was taken out is counted too.
fn keep_frame_len(it: &mut Assembler) {
    it.load(Width::Four, R1, CONTEXT, SKB_LEN);
    it.load(Width::Four, R2, CONTEXT, SKB_VLAN_PRESENT);
    let untagged = it.label();
    it.jump_if(R2, When::Equal, 0, untagged);
    it.compute(Compute::Add, R1, 4);
    it.place(untagged);
    it.store(Width::Eight, STACK, FRAME_LEN, R1);
}

/// Finds the IP header; gives the labels for the two versions. `PLACE` is then its offset.
fn ethernet(it: &mut Assembler, pass: Label) -> (Label, Label) {
    let (ipv4, ipv6) = (it.label(), it.label());
    it.compute(Compute::Move, PLACE, 12);
    for tags in 0..=2 {
        load_octets(it, SCRATCH, 2, pass);
        it.compute(Compute::Add, PLACE, 2);
        it.load(Width::Two, R1, STACK, SCRATCH);
        it.take_from_wire(R1);
        it.jump_if(R1, When::Equal, 0x0800, ipv4);
        it.jump_if(R1, When::Equal, 0x86dd, ipv6);
        if tags < 2 {
            let tag = it.label();
            for kind in [0x8100, 0x88a8, 0x9100] {
                it.jump_if(R1, When::Equal, kind, tag);
            }
            it.jump(pass);
            it.place(tag);
            it.compute(Compute::Add, PLACE, 2);
        }
    }
    it.jump(pass);
    (ipv4, ipv6)
}

/// Reads the header; then `PLACE` is the offset of what follows, `LEFT` its octets, and `KIND` its
/// protocol.
fn read_ipv4(it: &mut Assembler, pass: Label) {
    load_octets(it, HEADER, 20, pass);
    it.load(Width::Octet, R1, STACK, HEADER);
    it.compute_with(Compute::Move, R2, R1);
    it.compute(Compute::ShiftRight, R2, 4);
    it.jump_if(R2, When::NotEqual, 4, pass);
    it.compute(Compute::And, R1, 0x0f);
    it.compute(Compute::ShiftLeft, R1, 2);
    it.jump_if(R1, When::Below, 20, pass);
    it.load(Width::Two, R2, STACK, HEADER + 6);
    it.take_from_wire(R2);
    // More fragments, or an offset.
    it.jump_if(R2, When::AnyBit, 0x3fff, pass);
    it.load(Width::Two, LEFT, STACK, HEADER + 2);
    it.take_from_wire(LEFT);
    len_or_rest_of_frame(it);
    it.compute_with(Compute::Subtract, LEFT, R1);
    it.compute_with(Compute::Add, PLACE, R1);
    it.load(Width::Octet, KIND, STACK, HEADER + 9);
    for (from, to) in [(HEADER + 12, SENDER), (HEADER + 16, RECEIVER)] {
        it.load(Width::Four, R1, STACK, from);
        it.store(Width::Eight, STACK, to, R1);
        it.store_value(Width::Eight, STACK, to + 8, 0);
    }
}

/// As [`read_ipv4`]; extension headers pass as a protocol that is not known.
fn read_ipv6(it: &mut Assembler, pass: Label) {
    load_octets(it, HEADER, 40, pass);
    it.load(Width::Octet, R1, STACK, HEADER);
    it.compute(Compute::ShiftRight, R1, 4);
    it.jump_if(R1, When::NotEqual, 6, pass);
    it.compute(Compute::Add, PLACE, 40);
    it.load(Width::Two, LEFT, STACK, HEADER + 4);
    it.take_from_wire(LEFT);
    len_or_rest_of_frame(it);
    it.load(Width::Octet, KIND, STACK, HEADER + 6);
    for (from, to) in [(HEADER + 8, SENDER), (HEADER + 24, RECEIVER)] {
        for half in [0, 8] {
            it.load(Width::Eight, R1, STACK, from + half);
            it.store(Width::Eight, STACK, to + half, R1);
        }
    }
}

/// A length of zero, as segmentation offload leaves it, means up to the end of the frame.
fn len_or_rest_of_frame(it: &mut Assembler) {
    let is_given = it.label();
    it.jump_if(LEFT, When::NotEqual, 0, is_given);
    it.load(Width::Four, LEFT, CONTEXT, SKB_LEN);
    it.compute_with(Compute::Subtract, LEFT, PLACE);
    it.place(is_given);
}

/// Reads ports and what lies behind; then `LEFT` is the octets of payload, `KIND` is 1 if the packet
/// opens its flow anew, else 0, and the key of the flow is there but for its order.
fn read_transport(it: &mut Assembler, pass: Label) {
    let (tcp, ready) = (it.label(), it.label());
    it.store(Width::Four, STACK, KEY + 36, KIND);
    it.jump_if(KIND, When::Equal, 6, tcp);
    it.jump_if(KIND, When::NotEqual, 17, pass);

    load_octets(it, HEADER, 8, pass);
    read_ports(it, pass);
    it.compute(Compute::Move, KIND, 0);
    it.compute(Compute::Add, PLACE, 8);
    it.compute(Compute::Subtract, LEFT, 8);
    load_first_octets(it, (ready, pass));
    is_long_header(it);
    it.jump(ready);

    it.place(tcp);
    load_octets(it, HEADER, 20, pass);
    read_ports(it, pass);
    it.load(Width::Octet, R1, STACK, HEADER + 12);
    it.compute(Compute::ShiftRight, R1, 4);
    it.compute(Compute::ShiftLeft, R1, 2);
    it.jump_if(R1, When::Below, 20, pass);
    it.compute_with(Compute::Add, PLACE, R1);
    it.compute_with(Compute::Subtract, LEFT, R1);
    it.load(Width::Octet, R1, STACK, HEADER + 13);
    it.compute(Compute::Move, KIND, 1);
    it.jump_if(R1, When::AnyBit, TCP_SYN, ready);
    it.jump_if(R1, When::AnyBit, TCP_FIN | TCP_RST, pass);
    it.compute(Compute::Move, KIND, 0);
    load_first_octets(it, (ready, pass));
    is_beginning(it);
    it.place(ready);
}

/// Puts the ports into the scratch, sender's first; passes what is from or to an open port.
fn read_ports(it: &mut Assembler, pass: Label) {
    for (from, to) in [(HEADER, PORTS), (HEADER + 2, PORTS + 8)] {
        it.load(Width::Two, R1, STACK, from);
        it.take_from_wire(R1);
        for port in OPEN_PORTS {
            it.jump_if(R1, When::Equal, i32::from(port), pass);
        }
        it.store(Width::Eight, STACK, to, R1);
    }
}

/// Loads the first octets of the payload, at most eight, the rest zero; goes to `none` if there is
/// no payload.
fn load_first_octets(it: &mut Assembler, (none, pass): (Label, Label)) {
    it.store_value(Width::Eight, STACK, SCRATCH, 0);
    it.jump_if(LEFT, When::SignedBelow, 0, pass);
    // Said so that the verifier knows the least length.
    it.jump_if(LEFT, When::Below, 1, none);
    it.compute_with(Compute::Move, R4, LEFT);
    let is_short = it.label();
    it.jump_if(R4, When::Below, 8, is_short);
    it.compute(Compute::Move, R4, 8);
    it.place(is_short);
    load_counted(it, SCRATCH, pass);
}

/// Sets `KIND` if the datagram begins like a long header of QUIC in a version that is read.
fn is_long_header(it: &mut Assembler) {
    let (yes, other) = (it.label(), it.label());
    it.load(Width::Octet, R1, STACK, SCRATCH);
    it.jump_if(R1, When::Below, 0x80, other);
    it.load(Width::Octet, R1, STACK, SCRATCH + 1);
    for octet in 2..=4 {
        it.compute(Compute::ShiftLeft, R1, 8);
        it.load(Width::Octet, R2, STACK, SCRATCH + octet);
        it.compute_with(Compute::Add, R1, R2);
    }
    it.compute_with(Compute::Move, R2, R1);
    it.compute(Compute::ShiftRight, R2, 16);
    // Versions of the drafts, of Facebook and of Google begin with these.
    for begin in [0xff00, 0xface, 0x5430] {
        it.jump_if(R2, When::Equal, begin, yes);
    }
    for version in [1, 0x6b33_43cf] {
        it.jump_if(R1, When::Equal, version, yes);
    }
    it.jump_if(R1, When::NotEqual, 0x709a_50c4, other);
    it.place(yes);
    it.compute(Compute::Move, KIND, 1);
    it.place(other);
}

/// Sets `KIND` if the payload may begin with a TLS handshake or an HTTP request: no payload that
/// triage takes for such a beginning is missed.
fn is_beginning(it: &mut Assembler) {
    let (yes, no, letters, tls) = (it.label(), it.label(), it.label(), it.label());
    it.load(Width::Octet, R1, STACK, SCRATCH);
    it.jump_if(R1, When::Equal, 0x16, tls);
    it.jump_if(R1, When::Equal, i32::from(b'\r'), letters);
    it.jump_if(R1, When::Equal, i32::from(b'\n'), letters);
    it.jump_if(R1, When::Below, i32::from(b'A'), no);
    it.jump_if(R1, When::Above, i32::from(b'Z'), no);
    it.place(letters);
    for octet in 1..=3 {
        let fits = it.label();
        it.load(Width::Octet, R1, STACK, SCRATCH + octet);
        // Zero stands for the end of the payload too.
        for other in [0, b'\r', b'\n', b' ', b'-', b'_'] {
            it.jump_if(R1, When::Equal, i32::from(other), fits);
        }
        it.jump_if(R1, When::Below, i32::from(b'A'), no);
        it.jump_if(R1, When::Above, i32::from(b'Z'), no);
        it.place(fits);
    }
    it.jump(yes);
    it.place(tls);
    it.load(Width::Octet, R1, STACK, SCRATCH + 1);
    it.jump_if(R1, When::Equal, 3, yes);
    // Of a payload of one octet there is no second one.
    it.jump_if(LEFT, When::Above, 1, no);
    it.place(yes);
    it.compute(Compute::Move, KIND, 1);
    it.place(no);
}

/// Decides by what is remembered of the flow.
fn look_up(it: &mut Assembler, budget: Budget, map: i32, (pass, cut): (Label, Label)) {
    sort_key(it);
    it.call(KTIME_GET_NS);
    it.store(Width::Eight, STACK, NOW, R0);
    it.load_map(R1, map);
    it.compute_with(Compute::Move, R2, STACK);
    it.compute(Compute::Add, R2, i32::from(KEY));
    it.call(MAP_LOOKUP);
    let known = it.label();
    it.jump_if(R0, When::NotEqual, 0, known);
    remember(it, map);
    it.jump(pass);

    it.place(known);
    let (open, alive) = (it.label(), it.label());
    it.load(Width::Eight, R1, STACK, NOW);
    it.load(Width::Eight, R2, R0, SEEN);
    it.store(Width::Eight, R0, SEEN, R1);
    it.jump_if(KIND, When::NotEqual, 0, open);
    it.compute_with(Compute::Move, R3, R1);
    it.compute_with(Compute::Subtract, R3, R2);
    // Signed: another processor may have been here after this one looked at the clock.
    it.jump_if(R3, When::SignedAbove, nanos(budget.idle), open);
    it.jump_if(LEFT, When::Equal, 0, alive);
    // The counter of this direction. Its place is not computed: the kernel lets only those with
    // more rights add to an address what came by different ways.
    let other = it.label();
    it.jump_if(PLACE, When::NotEqual, 0, other);
    for (place, counter) in [(None, PASSED), (Some(other), PASSED + 4)] {
        if let Some(place) = place {
            it.place(place);
        }
        it.load(Width::Four, R2, R0, counter);
        it.jump_if(R2, When::AtLeast, budget.octets.cast_signed(), alive);
        it.compute_with(Compute::Add, R2, LEFT);
        it.store(Width::Four, R0, counter, R2);
        it.store(Width::Eight, R0, PASSED_AT, R1);
        it.jump(pass);
    }

    it.place(alive);
    it.load(Width::Eight, R2, R0, PASSED_AT);
    it.compute_with(Compute::Move, R3, R1);
    it.compute_with(Compute::Subtract, R3, R2);
    it.jump_if(R3, When::SignedBelow, nanos(budget.sign_of_life), cut);
    it.store(Width::Eight, R0, PASSED_AT, R1);
    it.jump(pass);

    it.place(open);
    it.store(Width::Eight, R0, PASSED_AT, R1);
    it.store_value(Width::Eight, R0, PASSED, 0);
    it.jump(pass);
}

/// Puts the smaller end first. `PLACE` is then the offset of the direction's counter: 0 or 4.
fn sort_key(it: &mut Assembler) {
    let (kept, swapped, sorted) = (it.label(), it.label(), it.label());
    let parts = [
        (SENDER, RECEIVER),
        (SENDER + 8, RECEIVER + 8),
        (PORTS, PORTS + 8),
    ];
    for (sender, receiver) in parts {
        it.load(Width::Eight, R1, STACK, sender);
        it.load(Width::Eight, R2, STACK, receiver);
        it.jump_if_with(R1, When::Below, R2, kept);
        it.jump_if_with(R1, When::Above, R2, swapped);
    }
    it.place(kept);
    it.compute(Compute::Move, PLACE, 0);
    write_key(it, [SENDER, RECEIVER], [PORTS, PORTS + 8]);
    it.jump(sorted);
    it.place(swapped);
    it.compute(Compute::Move, PLACE, 4);
    write_key(it, [RECEIVER, SENDER], [PORTS + 8, PORTS]);
    it.place(sorted);
}

fn write_key(it: &mut Assembler, addresses: [i16; 2], ports: [i16; 2]) {
    for (from, to) in addresses.into_iter().zip([KEY, KEY + 16]) {
        for half in [0, 8] {
            it.load(Width::Eight, R1, STACK, from + half);
            it.store(Width::Eight, STACK, to + half, R1);
        }
    }
    for (from, to) in ports.into_iter().zip([KEY + 32, KEY + 34]) {
        it.load(Width::Eight, R1, STACK, from);
        it.store(Width::Two, STACK, to, R1);
    }
}

/// Remembers a new flow. If that fails, it is new again the next time.
fn remember(it: &mut Assembler, map: i32) {
    it.load(Width::Eight, R1, STACK, NOW);
    it.store(Width::Eight, STACK, FLOW + SEEN, R1);
    it.store(Width::Eight, STACK, FLOW + PASSED_AT, R1);
    it.store_value(Width::Eight, STACK, FLOW + PASSED, 0);
    it.load_map(R1, map);
    it.compute_with(Compute::Move, R2, STACK);
    it.compute(Compute::Add, R2, i32::from(KEY));
    it.compute_with(Compute::Move, R3, STACK);
    it.compute(Compute::Add, R3, i32::from(FLOW));
    it.compute(Compute::Move, R4, 0);
    it.call(MAP_UPDATE);
}

/// Counts a frame that is cut off, in the cell of this processor.
fn count(it: &mut Assembler, map: i32) {
    it.call(GET_PROCESSOR);
    it.compute(Compute::And, R0, CELLS.cast_signed() - 1);
    it.store(Width::Four, STACK, SCRATCH, R0);
    it.load_map(R1, map);
    it.compute_with(Compute::Move, R2, STACK);
    it.compute(Compute::Add, R2, i32::from(SCRATCH));
    it.call(MAP_LOOKUP);
    let none = it.label();
    it.jump_if(R0, When::Equal, 0, none);
    it.compute(Compute::Move, R1, 1);
    it.add_atomically(R0, 0, R1);
    it.load(Width::Eight, R1, STACK, FRAME_LEN);
    it.add_atomically(R0, 8, R1);
    it.place(none);
}

/// Copies octets of the frame from `PLACE` on to the stack; passes the frame if it has none there.
fn load_octets(it: &mut Assembler, to: i16, len: i32, pass: Label) {
    it.compute(Compute::Move, R4, len);
    load_counted(it, to, pass);
}

/// As [`load_octets`], for as many as register 4 says.
fn load_counted(it: &mut Assembler, to: i16, pass: Label) {
    it.compute_with(Compute::Move, R1, CONTEXT);
    it.compute_with(Compute::Move, R2, PLACE);
    it.compute_with(Compute::Move, R3, STACK);
    it.compute(Compute::Add, R3, i32::from(to));
    it.call(SKB_LOAD_BYTES);
    it.jump_if(R0, When::NotEqual, 0, pass);
}

/// Nanoseconds of a time of at most two seconds: the machine compares with 31 bits.
fn nanos(time: std::time::Duration) -> i32 {
    i32::try_from(time.as_nanos()).unwrap_or(i32::MAX)
}

const R0: Register = Register(0);
const R1: Register = Register(1);
const R2: Register = Register(2);
const R3: Register = Register(3);
const R4: Register = Register(4);
/// The frame's description (`struct __sk_buff`).
const CONTEXT: Register = Register(6);
/// Where in the frame; later, which counter of the flow.
const PLACE: Register = Register(7);
/// Octets that are left behind it, as the headers say.
const LEFT: Register = Register(8);
/// Protocol; later, whether the packet opens its flow anew.
const KIND: Register = Register(9);
const STACK: Register = Register(10);

/// Fields of `struct __sk_buff`.
const SKB_LEN: i16 = 0;
const SKB_VLAN_PRESENT: i16 = 20;

/// The stack, from its end down.
const SCRATCH: i16 = -8;
const FRAME_LEN: i16 = -16;
const NOW: i16 = -24;
/// Two ports in 64 bits each.
const PORTS: i16 = -40;
const SENDER: i16 = -56;
const RECEIVER: i16 = -72;
const HEADER: i16 = -112;
/// Two addresses of 16 octets, two ports of 2, the protocol in 4.
const KEY: i16 = -152;
const FLOW: i16 = -176;

/// Octets of a key.
pub(super) const KEY_OCTETS: u32 = 40;

/// What is remembered of a flow: two times in nanoseconds, octets passed by direction.
pub(super) const FLOW_OCTETS: u32 = 24;
const SEEN: i16 = 0;
const PASSED_AT: i16 = 8;
const PASSED: i16 = 16;

/// Cells of the counts; a processor has one, those with higher numbers share. A power of two.
pub(super) const CELLS: u32 = 64;
/// A cell: frames, octets, and the rest of a cache line.
pub(super) const CELL_OCTETS: u32 = 64;

/// Functions of the kernel (`linux/bpf.h`).
const MAP_LOOKUP: i32 = 1;
const MAP_UPDATE: i32 = 2;
const KTIME_GET_NS: i32 = 5;
const GET_PROCESSOR: i32 = 8;
const SKB_LOAD_BYTES: i32 = 26;

/// Flags of TCP (RFC 9293 section 3.1).
const TCP_FIN: i32 = 0x01;
const TCP_SYN: i32 = 0x02;
const TCP_RST: i32 = 0x04;
