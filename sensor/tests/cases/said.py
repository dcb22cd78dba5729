"""What hosts say: hellos and DNS messages of real clients out of other cases, and exchanges."""

import json
import os
import struct

from wire import ACK, FIN, PSH, SYN, Capture, ethernet, tcp, udp

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT, SERVER, RESOLVER = "10.20.1.21", "203.0.113.10", "10.20.1.53"
CLIENT6, SERVER6, RESOLVER6 = "2001:db8:20::21", "2001:db8:113::10", "2001:db8:20::53"


def first_said(case, octets):
    """Payload of the first TCP stream of a case that begins with these octets, in order."""
    with open(os.path.join(HERE, case, "input.pcap"), "rb") as file:
        data = file.read()
    at, flow, said = 24, None, b""
    while at < len(data):
        held = struct.unpack_from("<I", data, at + 8)[0]
        packet = data[at + 16 + 14 : at + 16 + held]
        at += 16 + held
        payload = packet[20 + (packet[32] >> 4) * 4 : struct.unpack_from(">H", packet, 2)[0]]
        if flow is None and payload.startswith(octets):
            flow = packet[12:24]
        if packet[12:24] == flow:
            said += payload
    return said


# Handshake messages: of an OpenSSL client, and of Chromium with ECH and a post-quantum share.
def handshake(case):
    stream = first_said(case, b"\x16\x03\x01")
    return stream[5 : 5 + struct.unpack_from(">H", stream, 3)[0]]


OPENSSL, CHROMIUM = handshake("tls12-certificate"), handshake("tls-split-pq")


def datagram(case):
    """Payload of the first datagram of a case, and the name that the case tells first."""
    with open(os.path.join(HERE, case, "input.pcap"), "rb") as file:
        data = file.read()
    held = struct.unpack_from("<I", data, 24 + 8)[0]
    packet = data[24 + 16 + 14 : 24 + 16 + held]
    with open(os.path.join(HERE, case, "expect.jsonl"), encoding="utf-8") as file:
        name = json.loads(file.readline())["name"]
    return packet[28 : struct.unpack_from(">H", packet, 2)[0]], name


def hello_message(name, client=OPENSSL, more=None):
    """The ClientHello of a real client with another server name in it, and `more` extensions in place
    of its own or behind them, by their type; it has none of those that are `None`."""
    more = dict(more or {})
    at = 4 + 2 + 32
    at += 1 + client[at]
    at += 2 + struct.unpack_from(">H", client, at)[0]
    at += 1 + client[at]
    head, rest, extensions = client[4:at], client[at + 2 :], b""
    while rest:
        kind, size = struct.unpack_from(">HH", rest)
        value, rest = rest[4 : 4 + size], rest[4 + size :]
        if kind == 0:
            text = name.encode()
            value = struct.pack(">HBH", len(text) + 3, 0, len(text)) + text
        value = more.pop(kind, value)
        if value is not None:
            extensions += struct.pack(">HH", kind, len(value)) + value
    for kind, value in more.items():
        extensions += struct.pack(">HH", kind, len(value)) + value
    body = head + struct.pack(">H", len(extensions)) + extensions
    return b"\x01" + struct.pack(">I", len(body))[1:] + body


def record(fragment, kind=0x16, version=0x0301):
    """A TLS record."""
    return struct.pack(">BHH", kind, version, len(fragment)) + fragment


def hello(name, client=OPENSSL):
    """The ClientHello in one record."""
    return record(hello_message(name, client))


def hello_without_name():
    """The ClientHello without a server name, as of a client that knows an address only."""
    return record(hello_message("nameless.example", more={0: None}))


def server_answer():
    """What a TLS server said first, up to the end of its first record."""
    stream = first_said("tls-split-pq", b"\x16\x03\x03")
    return stream[: 5 + struct.unpack_from(">H", stream, 3)[0]]


def labels(name):
    """A name in the form of the wire; octets stand for themselves."""
    octets = name.encode("latin-1") if isinstance(name, str) else name
    return b"".join(bytes([len(it)]) + it for it in octets.split(b".")) + b"\0"


A, NS, CNAME, SOA, AAAA, OPT, AXFR = 1, 2, 5, 6, 28, 41, 252
QUERY, ANSWER = 0x0100, 0x8180


def question(name, kind=A):
    return (name if isinstance(name, bytes) else labels(name)) + struct.pack(">HH", kind, 1)


def answer(name, kind, data, ttl=60):
    owner = name if isinstance(name, bytes) else labels(name)
    return owner + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def message(identifier, flags, questions=(), answers=(), authority=(), additional=()):
    """A DNS message (RFC 1035 section 4.1)."""
    sections = (questions, answers, authority, additional)
    counts = [len(it) for it in sections]
    parts = [struct.pack(">HHHHHH", identifier, flags, *counts)]
    return b"".join(parts + [it for section in sections for it in section])


# A pointer to the name of the first question.
FIRST_NAME = b"\xc0\x0c"


def query_and_answer(name, identifier=0x5048, address=bytes([203, 0, 113, 10])):
    """A query for an address, and its answer."""
    ask = [question(name)]
    told = [answer(FIRST_NAME, A, address)]
    return message(identifier, QUERY, ask), message(identifier, ANSWER, ask, told)


class Wire:
    """Where packets are put: a capture, and what is laid around each packet."""

    def __init__(self, capture=None, wrap=None, snap=65535):
        self.capture = capture or Capture()
        self.wrap = wrap or (lambda packet, _to_server: ethernet(packet))
        self.snap = snap

    def put(self, packet, to_server=True):
        self.capture.frame(self.wrap(packet, to_server), self.snap)


def exchange(wire, ask, told, client=(CLIENT, 40_001), server=(RESOLVER, 53)):
    """Puts a DNS query and its answer; nothing is expected of them yet."""
    wire.put(udp(client, server, ask))
    wire.put(udp(server, client, told), to_server=False)


def lookup(wire, name, client=(CLIENT, 40_001), server=(RESOLVER, 53)):
    """A lookup over UDP, of which both names are told."""
    ask, told = query_and_answer(name)
    wire.put(udp(client, server, ask))
    wire.capture.tell("dns-query", "udp", client, server, name)
    wire.put(udp(server, client, told), to_server=False)
    wire.capture.tell("dns-answer", "udp", server, client, name)


class Connection:
    """A TCP connection whose segments are put on a wire."""

    def __init__(self, wire, client=(CLIENT, 50_001), server=(SERVER, 443), isn=0x1000_0000):
        self.wire, self.client, self.server = wire, client, server
        self.sent, self.received = isn, 0x7000_0000

    def open(self):
        """SYN, SYN-ACK, ACK."""
        self.raw(SYN, options=b"\x02\x04\x05\xb4")
        self.sent += 1
        self.raw_back(SYN | ACK, options=b"\x02\x04\x05\xb4")
        self.received += 1
        self.raw(ACK)
        return self

    def raw(self, flags, payload=b"", options=b"", ahead=0):
        """A segment of the client, `ahead` of what was sent; the state stays."""
        seq = self.sent + ahead
        packet = tcp(self.client, self.server, seq, self.received, flags, payload, options)
        self.wire.put(packet)

    def raw_back(self, flags, payload=b"", options=b""):
        """A segment of the server; the state stays."""
        ends = (self.server, self.client)
        packet = tcp(*ends, self.received, self.sent, flags, payload, options)
        self.wire.put(packet, to_server=False)

    def say(self, octets, size=1448):
        """The client sends octets in segments of at most `size`."""
        for start in range(0, len(octets), size):
            piece = octets[start : start + size]
            self.raw(PSH | ACK, piece)
            self.sent += len(piece)

    def hear(self, octets, size=1448):
        """The server sends octets."""
        for start in range(0, len(octets), size):
            piece = octets[start : start + size]
            self.raw_back(PSH | ACK, piece)
            self.received += len(piece)

    def tell(self, source, name, **more):
        """Expects a line about what the client's newest segment has completed."""
        self.wire.capture.tell(source, "tcp", self.client, self.server, name, **more)

    def close(self):
        self.raw(FIN | ACK)
        self.sent += 1
        self.raw_back(FIN | ACK)
        self.received += 1
        self.raw(ACK)


def visit(wire, name, client=OPENSSL, ends=((CLIENT, 50_001), (SERVER, 443)), **more):
    """A TLS connection of which the name is told."""
    connection = Connection(wire, *ends).open()
    connection.say(hello(name, client))
    connection.tell("tls-sni", name, **more)
    connection.hear(server_answer())
    connection.close()


def look_up_and_visit(wire, name, is_v6=False):
    """A lookup and a TLS connection, as nearly everything begins."""
    client, server, resolver = (
        (CLIENT6, SERVER6, RESOLVER6) if is_v6 else (CLIENT, SERVER, RESOLVER)
    )
    lookup(wire, name, (client, 40_001), (resolver, 53))
    visit(wire, name, ends=((client, 50_001), (server, 443)))
    return wire.capture
