"""Cases of Encrypted Client Hello (RFC 9849): what DNS offered tells a real one from a decoy."""

import struct

from quic import initials
from said import (
    ANSWER,
    CHROMIUM,
    CLIENT,
    CNAME,
    FIRST_NAME,
    QUERY,
    RESOLVER,
    SERVER,
    Connection,
    Wire,
    answer,
    hello_message,
    labels,
    message,
    question,
    record,
    server_answer,
)
from wire import udp

HTTPS, SVCB = 65, 64
OTHER_CLIENT = "10.20.1.22"
PUBLIC, SITE = "ech.provider.example", "hidden.example"
# X25519 and its octets, HKDF-SHA256 with AES-128-GCM, and with ChaCha20-Poly1305.
X25519, KEY, AES, CHACHA = 0x20, 32, (1, 1), (1, 3)


def _config(config_id, public_name=PUBLIC, kem=X25519, suites=(AES,)):
    """An ECHConfig (RFC 9849 section 4) with a key that is made up."""
    listed = b"".join(struct.pack(">HH", *it) for it in suites)
    contents = struct.pack(">BHH", config_id, kem, KEY) + bytes([0xB1] * KEY)
    contents += struct.pack(">H", len(listed)) + listed
    contents += bytes([0, len(public_name)]) + public_name.encode() + b"\0\0"
    return struct.pack(">HH", 0xFE0D, len(contents)) + contents


def _service(configs=(), priority=1, target="."):
    """RDATA of an HTTPS or SVCB record (RFC 9460) with ALPN, and ECH if there are configs."""
    octets = struct.pack(">H", priority) + (b"\0" if target == "." else labels(target))
    if priority:
        octets += struct.pack(">HH", 1, 3) + b"\x02h2"
    if configs:
        listed = b"".join(configs)
        octets += struct.pack(">HHH", 5, len(listed) + 2, len(listed)) + listed
    return octets


def _ask(wire, name, records, kind=HTTPS, client=CLIENT, port=40_001, flags=ANSWER):
    """A lookup of HTTPS or SVCB records, and what is told of it."""
    ends = (client, port), (RESOLVER, 53)
    asked = [question(name, kind)]
    wire.put(udp(*ends, message(7, QUERY, asked)))
    wire.capture.tell("dns-query", "udp", *ends, name)
    wire.put(udp(*ends[::-1], message(7, flags, asked, records)), to_server=False)
    if records and kind == HTTPS:
        wire.capture.tell("dns-answer", "udp", *ends[::-1], name)


def _offer(wire, name, configs, **more):
    """A lookup whose answer has one record for the name itself."""
    kind = more.get("kind", HTTPS)
    _ask(wire, name, [answer(FIRST_NAME, kind, _service(configs))], **more)


def _outer(config_id, suite=AES, key=KEY, payload=208):
    """The extension of a ClientHelloOuter (RFC 9849 section 5)."""
    octets = struct.pack(">BHHBH", 0, *suite, config_id, key) + bytes([0x11] * key)
    return octets + struct.pack(">H", payload) + bytes([0x22] * payload)


def _said(name, extension, client=CHROMIUM):
    """The hello of a client with another ECH extension in it."""
    return hello_message(name, client, {0xFE0D: extension})


def _visit(wire, name, extension, ech, port=50_001, client=CLIENT):
    """A TLS connection with an ECH extension, and what is told of it."""
    connection = Connection(wire, (client, port)).open()
    connection.say(record(_said(name, extension)))
    connection.tell("tls-sni", name, ech=ech)
    connection.hear(server_answer())
    connection.close()


def _visit_over_quic(wire, name, extension, ech, port=51_001, client=CLIENT):
    """The same over QUIC."""
    ends = (client, port), (SERVER, 443)
    for datagram in initials(_said(name, extension)):
        wire.put(udp(*ends, datagram))
    wire.capture.tell("quic-sni", "udp", *ends, name, ech=ech)


def tls_ech_real():
    """A browser is offered ECH for a site, and opens a connection by the config: the name in its
    hello is only the public one. So it is for another client, whose DNS is not on this wire, as long
    as its hello fits the config."""
    wire = Wire()
    _offer(wire, SITE, [_config(7)])
    _visit(wire, PUBLIC, _outer(7), "real")
    _visit(wire, PUBLIC, _outer(7), "real", 50_002, OTHER_CLIENT)
    return wire.capture


def tls_ech_grease():
    """Decoys (RFC 9849 section 6.2): to a name that has no HTTPS record, to one whose record has no
    ECH, and to one that offers ECH under another name than the one in the hello. All three names are
    real."""
    wire = Wire()
    _ask(wire, "no-record.example", [])
    _visit(wire, "no-record.example", _outer(200), "grease")
    _offer(wire, "no-ech.example", [], port=40_002)
    _visit(wire, "no-ech.example", _outer(201, CHACHA), "grease", 50_002)
    _offer(wire, "not-used.example", [_config(7)], port=40_003)
    _visit(wire, "not-used.example", _outer(7), "grease", 50_003)
    return wire.capture


def tls_ech_contradicts():
    """Hellos to a public name that its configs do not account for: by another id, by a suite, and by
    the length of a key that is not on offer. The client means the name."""
    wire = Wire()
    _offer(wire, SITE, [_config(7), _config(8, suites=(AES, (1, 2)))])
    _visit(wire, PUBLIC, _outer(8), "real")
    _visit(wire, PUBLIC, _outer(9), "grease", 50_002)
    _visit(wire, PUBLIC, _outer(7, CHACHA), "grease", 50_003)
    _visit(wire, PUBLIC, _outer(7, key=65), "grease", 50_004)
    return wire.capture


def tls_ech_unknown():
    """What leaves it open: a name of which DNS told nothing, answers that do not tell (an error, one
    that was cut for want of room, one that only leads to another name, a list of configs that breaks
    off), and a client that looked up the very name that is another's public one."""
    wire = Wire()
    _visit(wire, "unseen.example", _outer(7), "unknown")
    _ask(wire, "failed.example", [], flags=ANSWER | 2)
    _visit(wire, "failed.example", _outer(7), "unknown", 50_002)
    _ask(wire, "cut.example", [], port=40_002, flags=ANSWER | 0x0200)
    _visit(wire, "cut.example", _outer(7), "unknown", 50_003)
    alias = [answer(FIRST_NAME, HTTPS, _service(priority=0, target="pool.example"))]
    _ask(wire, "alias.example", alias, port=40_003)
    _visit(wire, "alias.example", _outer(7), "unknown", 50_004)
    _offer(wire, "broken.example", [_config(7)[:-1]], port=40_004)
    _visit(wire, "broken.example", _outer(7), "unknown", 50_005)
    _offer(wire, SITE, [_config(7)], port=40_005)
    _ask(wire, PUBLIC, [], client=OTHER_CLIENT)
    _visit(wire, PUBLIC, _outer(7), "unknown", client=OTHER_CLIENT)
    return wire.capture


def tls_ech_over_time():
    """A config is good for an hour after it was offered, and ids that are not on offer tell a decoy
    for five minutes, as a provider changes its keys."""
    wire = Wire()
    _offer(wire, SITE, [_config(7)])
    wire.capture.at += 299 * 10**9
    _visit(wire, PUBLIC, _outer(9), "grease")
    wire.capture.at += 10 * 10**9
    _visit(wire, PUBLIC, _outer(9), "unknown", 50_002)
    wire.capture.at += 3200 * 10**9
    _visit(wire, PUBLIC, _outer(7), "real", 50_003)
    wire.capture.at += 200 * 10**9
    _visit(wire, PUBLIC, _outer(7), "unknown", 50_004)
    return wire.capture


def tls_ech_behind_alias():
    """ECH is offered by the record that a chain of CNAMEs leads to, and by a name with the labels of a
    port."""
    wire = Wire()
    ends = (RESOLVER, 53), (CLIENT, 40_001)
    records = [
        answer(FIRST_NAME, CNAME, labels("pool.provider.example")),
        answer("pool.provider.example", HTTPS, _service([_config(7)])),
    ]
    _ask(wire, "alias.example", records)
    wire.capture.tell("dns-answer", "udp", *ends, "pool.provider.example")
    _visit(wire, PUBLIC, _outer(7), "real")
    _ask(wire, "_8443._https.ported.example", [], port=40_002)
    _visit(wire, "ported.example", _outer(7), "grease", 50_002)
    return wire.capture


def tls_ech_after_hello_retry():
    """The server asks for another hello: the second has no encapsulated key (RFC 9849 section 5), and
    the name is told once."""
    wire = Wire()
    _offer(wire, SITE, [_config(7)])
    connection = Connection(wire).open()
    connection.say(record(_said(PUBLIC, _outer(7))))
    connection.tell("tls-sni", PUBLIC, ech="real")
    connection.hear(server_answer())
    connection.say(record(_said(PUBLIC, _outer(7, key=0))))
    return wire.capture


def tls_ech_inner():
    """The hello that a provider has decrypted and passes on in clear, with the extension's inner form:
    its name is the real one."""
    wire = Wire()
    connection = Connection(wire).open()
    connection.say(record(_said(SITE, b"\x01")))
    connection.tell("tls-sni", SITE)
    return wire.capture


def quic_ech_real():
    """A hello over QUIC by a config that was offered, and one over TCP beside it."""
    wire = Wire()
    _offer(wire, SITE, [_config(7)])
    _visit_over_quic(wire, PUBLIC, _outer(7), "real")
    _visit(wire, PUBLIC, _outer(7), "real")
    return wire.capture


def quic_ech_grease():
    """Decoys over QUIC: to a name without ECH, and to a public name by another id."""
    wire = Wire()
    _offer(wire, "no-ech.example", [])
    _visit_over_quic(wire, "no-ech.example", _outer(200), "grease")
    _offer(wire, SITE, [_config(7)], port=40_002)
    _visit_over_quic(wire, PUBLIC, _outer(9), "grease", 51_002)
    return wire.capture


def quic_ech_unknown():
    """A hello over QUIC to a name of which DNS told nothing; the SVCB record of a resolver (RFC 9461)
    offers ECH for another."""
    wire = Wire()
    _offer(wire, "_dns.resolver.example", [_config(7)], kind=SVCB)
    _visit_over_quic(wire, "unseen.example", _outer(7), "unknown")
    _visit_over_quic(wire, PUBLIC, _outer(7), "real", 51_002)
    return wire.capture
