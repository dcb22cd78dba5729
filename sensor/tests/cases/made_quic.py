"""Cases of QUIC: versions, and the ways in which a hello may be cut up, repeated and carried."""

import random

from quic import (
    DCID,
    DRAFT_29,
    HANDSHAKE,
    SCID,
    V1,
    V2,
    ZERO_RTT,
    crypto,
    initial,
    initials,
    opaque,
    parts,
    quic_hello,
    retry,
    server_initial,
    version_negotiation,
)
from said import CLIENT, CLIENT6, OPENSSL, SERVER, SERVER6, Wire
from wire import udp

ENDS = (CLIENT, 51_001), (SERVER, 443)


def _say(wire, datagrams, name=None, ends=ENDS, **more):
    """Puts datagrams of the client; the last completes the name, if there is one."""
    for datagram in datagrams:
        wire.put(udp(*ends, datagram))
    if name:
        wire.capture.tell("quic-sni", "udp", *ends, name, alpn=["h3"], **more)


def _hear(wire, datagram, ends=ENDS):
    wire.put(udp(*ends[::-1], datagram), to_server=False)


def quic_v2():
    """Version 2 (RFC 9369), the hello in one Initial, and in two."""
    wire = Wire()
    _say(wire, initials(quic_hello("v2.example", OPENSSL), version=V2), "v2.example")
    _hear(wire, server_initial(version=V2))
    ends = (CLIENT, 51_002), (SERVER, 443)
    name = "v2-split.example"
    _say(wire, initials(quic_hello(name), version=V2), name, ends, ech="unknown")
    return wire.capture


def quic_draft_29():
    """Draft 29, which was spoken before version 1, on a port of its own."""
    wire = Wire()
    ends = (CLIENT, 51_001), (SERVER, 4433)
    datagrams = initials(quic_hello("draft.example"), version=DRAFT_29)
    _say(wire, datagrams, "draft.example", ends, ech="unknown")
    return wire.capture


def quic_retry():
    """A server that sends Retry (RFC 9000 section 17.2.5): the client begins again, with keys of the
    connection id that the server has chosen, and a token. Once the whole hello was seen before, and is
    told once; once half of it was lost before the mirror."""
    wire = Wire()
    token = {"dcid": b"\x51\x52\x53\x54", "token": b"a token of the server"}
    _say(wire, initials(quic_hello("before-retry.example", OPENSSL)), "before-retry.example")
    _hear(wire, retry(token["dcid"]))
    _say(wire, initials(quic_hello("before-retry.example", OPENSSL), start=1, **token))
    ends = (CLIENT, 51_002), (SERVER, 443)
    hello = quic_hello("after-retry.example")
    _say(wire, initials(hello)[:1], ends=ends)
    _hear(wire, retry(token["dcid"]), ends)
    _say(wire, initials(hello, start=2, **token), "after-retry.example", ends, ech="unknown")
    return wire.capture


def quic_version_negotiation():
    """Clients that begin with a version which the server does not speak: one that nobody does, and
    version 2 with half of a hello. After Version Negotiation both go on with version 1."""
    wire = Wire()
    strange = bytearray(initials(quic_hello("negotiated.example", OPENSSL))[0])
    strange[1:5] = bytes.fromhex("1a2a3a4a")
    _say(wire, [bytes(strange)])
    _hear(wire, version_negotiation([0x5A6A_7A8A, V1]))
    again = initials(quic_hello("negotiated.example", OPENSSL), dcid=b"anotherid")
    _say(wire, again, "negotiated.example")
    ends, name = ((CLIENT, 51_002), (SERVER, 443)), "from-v2-to-v1.example"
    _say(wire, initials(quic_hello(name), version=V2)[:1], ends=ends)
    _hear(wire, version_negotiation([V1]), ends)
    _say(wire, initials(quic_hello(name), dcid=b"anotherid"), name, ends, ech="unknown")
    return wire.capture


def quic_coalesced():
    """Datagrams of several packets (RFC 9000 section 12.2): 0-RTT data before and behind an Initial,
    both Initials of a hello in one, and a Handshake packet with octets behind it that are no packet."""
    wire = Wire()
    small = initial(crypto(0, quic_hello("zero-rtt.example", OPENSSL)), size=0)
    _say(wire, [opaque(ZERO_RTT, 300)])
    _say(wire, [opaque(ZERO_RTT, 200) + small + opaque(ZERO_RTT, 400)], "zero-rtt.example")
    ends, name = ((CLIENT, 51_002), (SERVER, 443)), "coalesced.example"
    hello = quic_hello(name, OPENSSL)
    first, second = initials(hello, octets=200, size=0)
    _say(wire, [first + opaque(HANDSHAKE, 60) + second + b"\x40" + bytes(200)], name, ends)
    return wire.capture


def quic_crypto_shuffled():
    """CRYPTO frames in random order over four Initials, which come in another order themselves, with
    PING and PADDING between, and some octets twice."""
    wire, dice, name = Wire(), random.Random(9000), "shuffled.example"
    hello = quic_hello(name)
    frames = [crypto(*part) for part in parts(hello, 97)]
    frames += [crypto(at, hello[at : at + 150]) for at in (40, 700, 1300)]
    dice.shuffle(frames)
    quarter = -(-len(frames) // 4)
    packets = []
    for number in range(4):
        mixed = b""
        for frame in frames[number * quarter : (number + 1) * quarter]:
            mixed += frame + dice.choice((b"", b"\1", bytes(3), b"\1\0\1"))
        packets.append(initial(mixed, number))
    dice.shuffle(packets)
    _say(wire, packets, name, ech="unknown")
    return wire.capture


def quic_long_hello():
    """A hello of more than 40 KiB, as with many large key shares: in 44 Initials from the last to the
    first, and one of 9 KiB in order."""
    wire = Wire()
    name, padding = "nine-kib.example", {0x15: bytes(9_000)}
    _say(wire, initials(quic_hello(name, more=padding)), name, ech="unknown")
    name, padding = "forty-kib.example", {0x15: bytes(46_000)}
    ends = (CLIENT, 51_002), (SERVER, 443)
    datagrams = initials(quic_hello(name, more=padding))
    assert len(datagrams) == 44
    _say(wire, datagrams[::-1], name, ends, ech="unknown")
    return wire.capture


def quic_server_chooses_id():
    """The server answers the first half of a hello, and the client sends the second half to the
    connection id that the server has chosen (RFC 9000 section 7.2); the keys stay those of the first
    id."""
    wire, name = Wire(), "chosen-id.example"
    hello = quic_hello(name)
    _say(wire, [initial(crypto(0, hello[:1100]))])
    _hear(wire, server_initial())
    rest = bytes.fromhex("0200000000") + crypto(1100, hello[1100:])
    _say(wire, [initial(rest, 1, dcid=b"server's", first=DCID)], name, ech="unknown")
    return wire.capture


def quic_port_changes():
    """A device on the way gives the client another port while its hello is under way (RFC 9000 section
    9.3). Nobody answers to the old port, so the client sends the whole hello again, to the same
    connection id. The name is told of the new port."""
    wire, name = Wire(), "other-port.example"
    hello = quic_hello(name)
    _say(wire, initials(hello)[:1])
    _say(wire, initials(hello, start=2), name, ((CLIENT, 51_777), (SERVER, 443)), ech="unknown")
    return wire.capture


def _from(port, client=CLIENT, server=SERVER):
    return (client, port), (server, 443)


def quic_port_changes_within_hello():
    """A device on the way gives the client another port between two Initials of its hello (RFC 9000
    section 9.3), and nothing is sent again: in order and in reverse, in version 2, over IPv6, with
    three Initials from three ports and back again from the first, behind a 0-RTT packet, and to the
    connection id that the server has chosen. The name is told of the port from which the hello became
    whole. What came from the other ports is a connection of its own, without a name."""
    wire = Wire()
    name, old, new = "ds.kaspersky.com", _from(51_001), _from(52_001)
    first, second = initials(quic_hello(name), dcid=b"in order")
    _say(wire, [first], ends=old)
    _say(wire, [second], name, new, ech="unknown")
    answer = server_initial(first=b"in order")
    _hear(wire, answer, new)

    name, old, new = "reverse.example", _from(51_002), _from(52_002)
    first, second = initials(quic_hello(name), dcid=b"in reverse")
    _say(wire, [second], ends=old)
    _say(wire, [first], name, new, ech="unknown")

    name, old, new = "v2.example", _from(51_003), _from(52_003)
    first, second = initials(quic_hello(name), version=V2, dcid=b"version 2")
    _say(wire, [first], ends=old)
    _say(wire, [second], name, new, ech="unknown")

    name = "ipv6.example"
    old, new = _from(51_004, CLIENT6, SERVER6), _from(52_004, CLIENT6, SERVER6)
    first, second = initials(quic_hello(name), dcid=b"over IPv6")
    _say(wire, [first], ends=old)
    _say(wire, [second], name, new, ech="unknown")

    name, ports = "three-ports.example", (51_005, 52_005, 53_005)
    three = initials(quic_hello(name), octets=700, dcid=b"three ports")
    assert len(three) == 3
    _say(wire, three[:1], ends=_from(ports[0]))
    _say(wire, three[1:2], ends=_from(ports[1]))
    _say(wire, three[2:], name, _from(ports[2]), ech="unknown")

    name, old, new = "and-back.example", _from(51_006), _from(52_006)
    three = initials(quic_hello(name), octets=700, dcid=b"and back")
    _say(wire, three[:1], ends=old)
    _say(wire, three[1:2], ends=new)
    _say(wire, three[2:], name, old, ech="unknown")

    name, old, new = "zero-rtt.example", _from(51_007), _from(52_007)
    first, second = initials(quic_hello(name), size=0, dcid=b"with 0-RTT")
    early = opaque(ZERO_RTT, 200, dcid=b"with 0-RTT")
    _say(wire, [first], ends=old)
    _say(wire, [early + second], name, new, ech="unknown")

    name, old, new = "chosen-id.example", _from(51_008), _from(52_008)
    hello = quic_hello(name)
    _say(wire, [initial(crypto(0, hello[:1100]), dcid=b"made up by it")], ends=old)
    _hear(wire, server_initial(scid=b"chosen", first=b"made up by it"), old)
    rest = bytes.fromhex("0200000000") + crypto(1100, hello[1100:])
    _say(wire, [initial(rest, 1, dcid=b"chosen", first=b"made up by it")], name, new, ech="unknown")

    octets = {"sent": len(initials(quic_hello("ds.kaspersky.com"))[1]), "received": len(answer)}
    finding = {"host": CLIENT, "vendor": {"id": "kaspersky"}, "octets": octets}
    finding |= {"sources": {"quic-sni": 1}, "contacts": {"attempted": 0, "transferred": 1}}
    connections = {"total": 17, "named": {"quic-sni": 8}, "unnamed": {"no-hello": 9}}
    wire.capture.document = {
        "findings": [finding],
        "visibility": {"connections": {"udp": connections}},
    }
    return wire.capture


def quic_one_id_of_several():
    """Hellos under way at once to one server, with one connection id: of two clients; of one client from
    two ports, which no client should do (RFC 9000 section 7.2). Each is told of its own ends, and of none
    is anything told that another has said."""
    wire = Wire()
    one, other = _from(51_001), _from(51_001, "10.20.1.22")
    ones, others = (initials(quic_hello(it)) for it in ("one.example", "other.example"))
    _say(wire, ones[:1], ends=one)
    _say(wire, others[1:], ends=other)
    _say(wire, others[:1], "other.example", other, ech="unknown")
    _say(wire, ones[1:], "one.example", one, ech="unknown")

    one, other = _from(51_002), _from(51_003)
    hellos = [bytearray(quic_hello(it)) for it in ("left.example", "right.example")]
    hellos[1][6:38] = bytes(range(32))
    lefts, rights = (initials(bytes(it), dcid=b"of the two") for it in hellos)
    _say(wire, lefts[:1], ends=one)
    _say(wire, rights[:1], ends=other)
    _say(wire, lefts[1:], "left.example", one, ech="unknown")
    _say(wire, rights[1:], "right.example", other, ech="unknown")
    connections = {"total": 4, "named": {"quic-sni": 4}}
    wire.capture.document = {"visibility": {"connections": {"udp": connections}}}
    return wire.capture


def quic_retransmitted():
    """A client without an answer sends its Initials again, in new packets with the frames cut
    elsewhere; the name is told once."""
    wire, name = Wire(), "again.example"
    hello = quic_hello(name)
    _say(wire, initials(hello)[1:])
    _say(wire, initials(hello, octets=1000, start=2)[:1])
    _say(wire, initials(hello, octets=600, start=5)[1:2], name, ech="unknown")
    _say(wire, initials(hello, start=9))
    return wire.capture


def nothing_quic_half_hello():
    """Hellos of which one Initial is missing, the first or the last, and what the server says to them:
    nothing can be told."""
    wire = Wire()
    first, second = initials(quic_hello("half.example"))
    _say(wire, [first])
    _hear(wire, server_initial())
    ends = (CLIENT, 51_002), (SERVER, 443)
    second = initials(quic_hello("half.example"), dcid=b"anotherid")[1]
    _say(wire, [second], ends=ends)
    _hear(wire, server_initial(first=b"anotherid"), ends)
    return wire.capture


def nothing_quic_halves_of_several():
    """First and second halves of hellos that do not belong together, though a client's port may change:
    with another connection id; to one that the server may have chosen, which was not seen; of another
    client, to another server, to another port of the server, in another version. Nothing can be told."""
    wire = Wire()
    first, second = ([it] for it in initials(quic_hello("halves.example"), dcid=b"of first"))
    unrelated = initials(quic_hello("halves.example"), dcid=b"of second")[1:]
    hello = quic_hello("halves.example")
    unseen = [initial(crypto(1100, hello[1100:]), 1, dcid=b"unseen", first=b"of first")]
    in_v2 = initials(hello, version=V2, dcid=b"of first")[1:]
    _say(wire, first, ends=_from(51_001))
    _say(wire, unrelated, ends=_from(52_001))
    _say(wire, unseen, ends=_from(52_002))
    _say(wire, second, ends=_from(52_003, client="10.20.1.22"))
    _say(wire, second, ends=_from(52_004, server="203.0.113.11"))
    _say(wire, second, ends=((CLIENT, 52_005), (SERVER, 4433)))
    _say(wire, in_v2, ends=_from(52_006))
    connections = {"total": 7, "named": {"quic-sni": 0}}
    wire.capture.document = {
        "findings": [],
        "visibility": {"connections": {"udp": connections}},
    }
    return wire.capture


def nothing_quic_without_sni():
    """A hello over QUIC without a server name, and one whose tag is wrong by one bit."""
    wire = Wire()
    _say(wire, initials(quic_hello("left-out.example", OPENSSL, {0: None})))
    damaged = bytearray(initials(quic_hello("damaged.example", OPENSSL))[0])
    damaged[-1] ^= 1
    _say(wire, [bytes(damaged)], ends=((CLIENT, 51_002), (SERVER, 443)))
    return wire.capture


def nothing_quic_server_only():
    """A mirror of one direction, that of servers: their Initials open only with their own keys, and
    hold no name."""
    wire = Wire()
    for version in (V1, V2):
        _hear(wire, server_initial(version=version) + opaque(HANDSHAKE, 300, version, SCID, b"server's"))
    _hear(wire, retry(b"\x51\x52\x53\x54"))
    _hear(wire, version_negotiation([V1, V2]))
    return wire.capture
