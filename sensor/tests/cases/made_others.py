"""Cases of other protocols, and of frames that end too early."""

import struct

from said import (
    ANSWER,
    CLIENT,
    QUERY,
    RESOLVER,
    SERVER,
    Connection,
    Wire,
    hello,
    hello_message,
    lookup,
    message,
    query_and_answer,
    question,
    server_answer,
)
from wire import ethernet, udp

OTHER = (CLIENT, 50_001), (SERVER, 443)


def tls_after_rdp_negotiation():
    """TLS after the X.224 negotiation of RDP."""
    connection = Connection(Wire(), server=(SERVER, 3389)).open()
    connection.say(bytes.fromhex("030000130ee000000000000100080003000000"))
    connection.hear(bytes.fromhex("030000130ed000001234000200080002000000"))
    connection.say(hello("desktop.example"))
    connection.tell("tls-sni", "desktop.example")
    connection.hear(server_answer())
    return connection.wire.capture


def http_snapped():
    """Frames of which 96 octets were kept: the line with the host is among them."""
    connection = Connection(Wire(snap=96), server=(SERVER, 80)).open()
    head = b"GET / HTTP/1.1\r\nHost: kept.example\r\n"
    connection.say(head + b"User-Agent: a long one, of which the end was not kept\r\n\r\n")
    connection.tell("http-host", "kept.example")
    return connection.wire.capture


def nothing_cut_headers():
    """Frames that end within their headers, octet by octet, of a lookup and of a hello's segment up
    to where its payload begins."""
    wire = Wire()
    whole = [wire.wrap(udp((CLIENT, 40_001), (RESOLVER, 53), b"\0" * 40), True)]
    other = Wire()
    Connection(other).open().say(hello("cut.example"))
    whole.append(other.capture.frames[-1][1])
    for frame, end in zip(whole, (42, 54)):
        for length in range(1, end):
            wire.capture.frame(frame, snap=length)
    return wire.capture


def nothing_wrong_ip_lengths():
    """IPv4 headers that cannot be: of version 5, of a length of 8, with a total length of less than
    the header."""
    wire = Wire()
    ask, _ = query_and_answer("lengths.example")
    packet = udp((CLIENT, 40_001), (RESOLVER, 53), ask)
    for place, value in ((0, b"\x55"), (0, b"\x42"), (2, b"\0\x0a")):
        broken = packet[:place] + value + packet[place + len(value) :]
        wire.capture.frame(ethernet(broken, 0x0800))
    return wire.capture


def nothing_dtls():
    """A hello over DTLS 1.2 (RFC 6347), as of WebRTC and of VPNs: it is none of the sources."""
    wire = Wire()
    body = hello_message("dtls.example")
    handshake = body[:4] + b"\0\0\0\0\0" + body[1:4] + body[4:]
    record = struct.pack(">BHHIHH", 22, 0xFEFF, 0, 0, 0, len(handshake)) + handshake
    wire.put(udp(*OTHER, record))
    wire.put(udp((CLIENT, 50_002), (SERVER, 3478), record))
    return wire.capture


def nothing_wireguard():
    """WireGuard: an initiation, its answer, and data."""
    wire = Wire()
    for kind, size in ((1, 148), (2, 92), (4, 128), (4, 1200)):
        noise = bytes((place * 31 + kind * place * place) % 251 for place in range(size - 4))
        ends = ((CLIENT, 51_820), (SERVER, 51_820))
        packet = udp(*(ends if kind != 2 else ends[::-1]), struct.pack("<I", kind) + noise)
        wire.put(packet, kind != 2)
    return wire.capture


def nothing_quic_without_initial():
    """QUIC without an Initial that can be read: a version negotiation, packets with short headers,
    and an Initial of a version that nobody has defined."""
    wire = Wire()
    ids = b"\x08" + b"12345678" + b"\x08" + b"abcdefgh"
    noise = bytes((place * 29 + place * place) % 253 for place in range(1150))
    datagrams = (
        b"\x80\0\0\0\0" + ids + bytes.fromhex("00000001" "6b3343cf"),
        b"\x43" + b"12345678" + noise[:200],
        b"\xc3" + struct.pack(">I", 0x1A2A3A4A) + ids + b"\0\x44\x66" + noise,
        b"\xc3" + struct.pack(">I", 1) + ids + b"\0\x44\x66" + noise,
    )
    for octets in datagrams:
        wire.put(udp(*OTHER, octets))
    return wire.capture


def nothing_binary_protocols():
    """MQTT, SMB and a database's protocol in clear, with names in them: none of the sources."""
    talks = (
        (1883, b"\x10\x1c\0\4MQTT\4\2\0\x3c\0\x10broker.example-1"),
        (445, b"\0\0\0\x30\xfeSMB" + bytes(36) + b"smb.example"),
        (1433, b"\x12\1\0\x2f\0\0\1\0" + bytes(20) + b"database.example"),
    )
    wire = Wire()
    for number, (port, octets) in enumerate(talks):
        connection = Connection(wire, (CLIENT, 50_001 + number), (SERVER, port)).open()
        connection.say(octets)
        connection.close()
    return wire.capture


def nothing_hello_of_ssl2():
    """A hello in the format of SSL 2 (RFC 5246 appendix E.2), which has no extensions."""
    ciphers = bytes.fromhex("00002f000035000005")
    body = b"\1\3\1" + struct.pack(">HHH", len(ciphers), 0, 16) + ciphers + b"k" * 16
    connection = Connection(Wire()).open()
    connection.say(struct.pack(">H", 0x8000 | len(body)) + body)
    return connection.wire.capture


def nothing_dns_without_names():
    """DNS messages that name nothing: without a question, of status, and about the root."""
    wire = Wire()
    for octets in (message(60, QUERY), message(61, ANSWER), message(62, 0x1000)):
        wire.put(udp((CLIENT, 40_001), (RESOLVER, 53), octets))
    wire.put(udp((CLIENT, 40_001), (RESOLVER, 53), message(63, QUERY, [question(b"\0")])))
    return wire.capture


def dns_port_of_both():
    """Resolvers that talk to each other from port 53 to port 53."""
    wire = Wire()
    lookup(wire, "between-resolvers.example", (CLIENT, 53), (RESOLVER, 53))
    return wire.capture
