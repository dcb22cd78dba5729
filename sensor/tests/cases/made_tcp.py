"""Cases of fragments and of TCP: how a hello may arrive."""

import struct

from said import (
    A,
    ANSWER,
    CHROMIUM,
    CLIENT,
    CLIENT6,
    CNAME,
    FIRST_NAME,
    OPENSSL,
    RESOLVER,
    RESOLVER6,
    SERVER,
    SERVER6,
    Connection,
    Wire,
    answer,
    hello,
    hello_message,
    labels,
    lookup,
    look_up_and_visit,
    message,
    question,
    record,
    server_answer,
    visit,
)
from wire import ACK, PSH, RST, SYN, ethernet, fragment, fragments, ip, tcp, udp

ALIAS, TARGET = "many-addresses.example", "pool.example"


def _long_answer(ends):
    """An answer of more than 1100 octets whose last record tells of the alias' target."""
    records = [answer(FIRST_NAME, CNAME, labels(TARGET))]
    records += [answer(TARGET, A, bytes([203, 0, 113, it])) for it in range(1, 40)]
    return udp(*ends, message(7, ANSWER, [question(ALIAS)], records))


def _tell_long_answer(wire, ends):
    for name in (ALIAS, TARGET):
        wire.capture.tell("dns-answer", "udp", *ends, name)


def _answer_in_fragments(order, is_v6=False):
    """Puts the fragments of the answer in an order, and expects its names if they are all there."""
    ends = ((RESOLVER6, 53), (CLIENT6, 40_001)) if is_v6 else ((RESOLVER, 53), (CLIENT, 40_001))
    wire = Wire()
    pieces = fragments(_long_answer(ends), 400)
    for place in order:
        wire.put(pieces[place])
    if set(order) == set(range(len(pieces))):
        _tell_long_answer(wire, ends)
    return wire.capture


def ipv4_fragments():
    """A long DNS answer in fragments, in order."""
    return _answer_in_fragments((0, 1, 2))


def ipv4_fragments_reversed():
    """A long DNS answer in fragments, the last one first."""
    return _answer_in_fragments((2, 1, 0))


def ipv4_fragments_repeated():
    """A long DNS answer in fragments, of which some come twice."""
    return _answer_in_fragments((1, 1, 0, 0, 2))


def ipv4_fragments_overlapping():
    """A long DNS answer in fragments that overlap, with the same octets in both."""
    ends = ((RESOLVER, 53), (CLIENT, 40_001))
    packet, wire = _long_answer(ends), Wire()
    for start, end in ((0, 480), (400, 800), (640, 2000)):
        wire.put(fragment(packet, start, end))
    _tell_long_answer(wire, ends)
    return wire.capture


def nothing_ipv4_fragment_missing():
    """A long DNS answer in fragments, the middle one lost."""
    return _answer_in_fragments((0, 2))


def nothing_ipv4_first_fragment_missing():
    """A long DNS answer in fragments, the first one lost."""
    return _answer_in_fragments((1, 2))


def _answer_cut_short(order, is_v6=False):
    """Puts fragments in an order, of each of which the end is missing, and expects what the first
    one still holds."""
    ends = ((RESOLVER6, 53), (CLIENT6, 40_001)) if is_v6 else ((RESOLVER, 53), (CLIENT, 40_001))
    wire = Wire(snap=200)
    pieces = fragments(_long_answer(ends), 400)
    for number, place in enumerate(order):
        wire.put(pieces[place])
        if place == 0 and 0 not in order[:number]:
            _tell_long_answer(wire, ends)
    return wire.capture


def ipv4_first_fragment_cut():
    """A long DNS answer in fragments of which 200 octets were kept: it cannot be put together, but
    the first names stand in what there is of the first fragment."""
    return _answer_cut_short((0, 1, 2))


def ipv4_first_fragment_cut_late():
    """The same, with the first fragment last and twice: its names are told once, when it comes."""
    return _answer_cut_short((2, 1, 0, 0))


def ipv6_first_fragment_cut():
    """The same in IPv6."""
    return _answer_cut_short((0, 1, 2), is_v6=True)


def ipv4_first_fragment_never_longer():
    """The first fragment of a long DNS answer in a frame that ends before it, as a broken card
    leaves it: nothing was cut by who captured, the header alone says that there was more."""
    ends = ((RESOLVER, 53), (CLIENT, 40_001))
    wire = Wire()
    wire.put(fragments(_long_answer(ends), 800)[0][:300])
    _tell_long_answer(wire, ends)
    return wire.capture


def ipv4_first_fragment_cut_of_request():
    """An HTTP request whose segment was cut by a router with a small MTU, of which 120 octets a
    frame were kept: the line with the host is among them."""
    wire = Wire(snap=120)
    connection = Connection(wire, server=(SERVER, 80)).open()
    octets = b"GET / HTTP/1.1\r\nHost: small-mtu.example\r\nUser-Agent: " + b"a long one " * 9
    octets += b"\r\n\r\n"
    ends = (connection.client, connection.server)
    segment = tcp(*ends, connection.sent, connection.received, PSH | ACK, octets)
    for piece in fragments(segment, 96):
        wire.put(piece)
        if piece[6:8] == b"\x20\0":
            connection.tell("http-host", "small-mtu.example")
    return wire.capture


def nothing_ipv4_later_fragments_cut():
    """Fragments of a long DNS answer of which 200 octets were kept, without the first: what stands
    in the middle of a message says nothing."""
    return _answer_cut_short((1, 2))


def nothing_ipv4_first_fragment_uneven():
    """A first fragment whose length is no multiple of eight, cut short: there is no such fragment
    (RFC 791 section 3.2)."""
    wire = Wire(snap=200)
    wire.put(fragment(_long_answer(((RESOLVER, 53), (CLIENT, 40_001))), 0, 401))
    return wire.capture


def ipv4_fragments_of_hello():
    """A TLS hello whose segment was cut by a router with a small MTU."""
    wire = Wire()
    connection = Connection(wire).open()
    octets = hello("small-mtu.example")
    ends = (connection.client, connection.server)
    segment = tcp(*ends, connection.sent, connection.received, PSH | ACK, octets)
    for piece in fragments(segment, 96):
        wire.put(piece)
    connection.tell("tls-sni", "small-mtu.example")
    return wire.capture


def ipv4_fragments_interleaved():
    """Fragments of two datagrams between the same hosts, told apart by their identification."""
    wire = Wire()
    first, second = (((RESOLVER, 53), (CLIENT, port)) for port in (40_001, 40_002))
    pairs = zip(fragments(_long_answer(first), 400, 1), fragments(_long_answer(second), 400, 2))
    for place, (one, other) in enumerate(pairs):
        wire.put(other)
        if place == 2:
            _tell_long_answer(wire, second)
        wire.put(one)
    _tell_long_answer(wire, first)
    return wire.capture


def ipv6_fragments():
    """A long DNS answer in IPv6 fragments, the middle one last."""
    return _answer_in_fragments((0, 2, 1), is_v6=True)


def ipv6_atomic_fragment():
    """Packets with a fragment header that are whole (RFC 6946)."""

    def wrap(packet, _to_server):
        head = struct.pack(">BBHI", packet[6], 0, 0, 99)
        return ethernet(ip(packet[8:24], packet[24:40], 44, head + packet[40:]))

    return look_up_and_visit(Wire(wrap=wrap), "atomic.example", is_v6=True)


def nothing_ipv6_fragments_contradict():
    """IPv6 fragments that overlap with different octets: such a datagram has to be dropped (RFC
    8200 section 4.5), so no host was told these names."""
    ends = ((RESOLVER6, 53), (CLIENT6, 40_001))
    packet, wire = _long_answer(ends), Wire()
    other = packet.replace(labels(TARGET), labels("evil.example"))
    for octets, start, end in ((packet, 0, 400), (other, 320, 800), (packet, 800, 2000)):
        wire.put(fragment(octets, start, end))
    return wire.capture


def ipv6_extension_headers():
    """Hop-by-hop options, a routing header and destination options before UDP and TCP."""

    def wrap(packet, _to_server):
        padding = b"\x01\x04\0\0\0\0"
        # Of a type for experiments (RFC 4727), no segments left.
        routing = struct.pack(">BBBBI", 60, 0, 253, 0, 0)
        headers = b"\x2b\0" + padding + routing + bytes([packet[6], 0]) + padding
        return ethernet(ip(packet[8:24], packet[24:40], 0, headers + packet[40:]))

    return look_up_and_visit(Wire(wrap=wrap), "extension-headers.example", is_v6=True)


def ipv4_options():
    """IPv4 headers with options (router alert)."""

    def wrap(packet, _to_server):
        total = struct.pack(">H", len(packet) + 4)
        return ethernet(b"\x46" + packet[1:2] + total + packet[4:20] + b"\x94\4\0\0" + packet[20:])

    return look_up_and_visit(Wire(wrap=wrap), "router-alert.example")


def tls_one_octet_segments():
    """A hello in segments of one octet each. The name is told at the last."""
    connection = Connection(Wire()).open()
    octets = hello("octets.example")
    connection.say(octets, size=1)
    connection.tell("tls-sni", "octets.example")
    return connection.wire.capture


def tls_over_records():
    """A hello in several TLS records (RFC 8446 section 5.1): in one segment, in a segment each, and
    with a first record of one octet."""
    wire = Wire()
    for number, (first, rest, size) in enumerate(((100, 100, 1448), (100, 60, 65), (1, 16, 1448))):
        name = f"records-{number}.example"
        handshake = hello_message(name)
        pieces = [handshake[:first]]
        pieces += [handshake[at : at + rest] for at in range(first, len(handshake), rest)]
        connection = Connection(wire, (CLIENT, 50_001 + number)).open()
        connection.say(b"".join(record(it) for it in pieces), size)
        connection.tell("tls-sni", name)
    return wire.capture


def tls_overlap_first_copy_wins():
    """Segments that overlap with different octets. The one that came first counts, as it does for
    most receivers."""
    connection = Connection(Wire()).open()
    genuine, other = hello("genuine.example"), hello("invalid.example")
    end = genuine.index(b"genuine.example") + 15
    connection.raw(ACK, genuine[:end])
    connection.raw(PSH | ACK, other[end - 30 :], ahead=end - 30)
    connection.tell("tls-sni", "genuine.example")
    return connection.wire.capture


def tls_sequence_wraps():
    """Sequence numbers that pass 2^32 within the hello, the segments out of order."""
    connection = Connection(Wire(), isn=0xFFFF_FFC0).open()
    octets = hello("wraps.example")
    connection.raw(PSH | ACK, octets[120:], ahead=120)
    connection.raw(ACK, octets[:120])
    connection.tell("tls-sni", "wraps.example")
    return connection.wire.capture


def tls_fast_open():
    """A hello in the SYN (RFC 7413)."""
    connection = Connection(Wire())
    cookie = b"\x22\x0a" + b"cookie!!" + b"\x01\x01"
    connection.raw(SYN, hello("fast-open.example"), options=cookie)
    connection.tell("tls-sni", "fast-open.example")
    connection.sent += 1 + len(hello("fast-open.example"))
    connection.raw_back(SYN | ACK)
    connection.received += 1
    connection.raw(ACK)
    connection.hear(server_answer())
    return connection.wire.capture


def nothing_tls_reset():
    """A reset from the server in the middle of the hello; the rest of it is never sent."""
    connection = Connection(Wire()).open()
    connection.say(hello("reset.example", CHROMIUM)[:1200])
    connection.raw_back(RST | ACK)
    return connection.wire.capture


def tls_padded_acknowledgment():
    """An acknowledgment padded to the least length of an Ethernet frame, with octets that are not
    zero, before the hello: they are not the beginning of the stream."""
    padding = b"GET / HTTP/1.1\r\n"
    wrap = lambda it, _: ethernet(it) + padding[: max(0, 46 - len(it))]
    return look_up_and_visit(Wire(wrap=wrap), "padded-ack.example")


def tls_keep_alive_probe():
    """Keep-alive probes of one octet before and in the middle of a hello (RFC 9293 section 3.8.4):
    the octet is one already acknowledged, and often not the one that was sent."""
    connection = Connection(Wire()).open()
    octets = hello("keep-alive.example")
    connection.raw(ACK, b"\0", ahead=-1)
    connection.say(octets[:90])
    connection.raw(ACK, b"\0", ahead=-1)
    connection.say(octets[90:])
    connection.tell("tls-sni", "keep-alive.example")
    return connection.wire.capture


def tls_after_socks5():
    """A SOCKS5 client (RFC 1928) that has the proxy resolve the name. The name in the SOCKS request
    has no source of its own; that in the hello is told."""
    connection = Connection(Wire(), server=("10.20.1.40", 1080)).open()
    connection.say(b"\5\1\0")
    connection.hear(b"\5\0")
    connection.say(b"\5\1\0\3\x0dsocks.example\x01\xbb")
    connection.hear(b"\5\0\0\1\0\0\0\0\0\0")
    connection.say(hello("socks.example"))
    connection.tell("tls-sni", "socks.example")
    connection.hear(server_answer())
    return connection.wire.capture


def _behind_header(header, name):
    """A proxy's connection to a server: in front of the client's hello, a header that tells who the
    client is; first in one segment with the hello, then alone."""
    wire = Wire()
    for port, together in ((50_001, True), (50_002, False)):
        ends = {"client": (CLIENT, port), "server": ("10.20.1.41", 443)}
        connection = Connection(wire, **ends).open()
        if together:
            connection.say(header + hello(name))
        else:
            connection.say(header)
            connection.say(hello(name))
        connection.tell("tls-sni", name)
        connection.hear(server_answer())
    return wire.capture


def tls_after_proxy_line():
    """TLS behind a line of the PROXY protocol, version 1, as load balancers send it. The ends are
    those of the packets, not the client that the line names."""
    header = b"PROXY TCP4 192.0.2.1 198.51.100.2 51000 443\r\n"
    return _behind_header(header, "behind.proxy.example")


def tls_after_proxy_header():
    """TLS behind the binary header of the PROXY protocol, version 2."""
    ends = bytes([192, 0, 2, 1, 198, 51, 100, 2]) + struct.pack(">HH", 51000, 443)
    header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(ends)) + ends
    return _behind_header(header, "behind.proxy.example")


def nothing_proxy_line_alone():
    """A line of the PROXY protocol, and a protocol behind it that names nobody."""
    connection = Connection(Wire(), server=("10.20.1.41", 25)).open()
    connection.say(b"PROXY TCP4 192.0.2.1 198.51.100.2 51000 25\r\n")
    connection.hear(b"220 mail.example ESMTP\r\n")
    connection.say(b"QUIT\r\n")
    return connection.wire.capture


def _start_tls(port, name, talk):
    """A connection in clear that goes over to TLS; of `talk`, `S:` lines are the server's."""
    connection = Connection(Wire(), server=("203.0.113.25", port)).open()
    for side, octets in talk:
        (connection.hear if side == "S" else connection.say)(octets)
    connection.say(hello(name))
    connection.tell("tls-sni", name)
    connection.hear(server_answer())
    return connection.wire.capture


def starttls_smtp():
    """TLS after STARTTLS on SMTP (RFC 3207)."""
    talk = (
        ("S", b"220 mail.example ESMTP\r\n"),
        ("C", b"EHLO client.example\r\n"),
        ("S", b"250-mail.example\r\n250 STARTTLS\r\n"),
        ("C", b"STARTTLS\r\n"),
        ("S", b"220 2.0.0 Ready to start TLS\r\n"),
    )
    return _start_tls(587, "smtp.mail.example", talk)


def starttls_imap():
    """TLS after STARTTLS on IMAP (RFC 9051)."""
    talk = (
        ("S", b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
        ("C", b"a1 STARTTLS\r\n"),
        ("S", b"a1 OK Begin TLS negotiation now\r\n"),
    )
    return _start_tls(143, "imap.mail.example", talk)


def starttls_pop3():
    """TLS after STLS on POP3 (RFC 2595)."""
    talk = (("S", b"+OK POP3 ready\r\n"), ("C", b"STLS\r\n"), ("S", b"+OK Begin TLS\r\n"))
    return _start_tls(110, "pop3.mail.example", talk)


def starttls_ftp():
    """TLS after AUTH TLS on FTP (RFC 4217)."""
    talk = (("S", b"220 FTP\r\n"), ("C", b"AUTH TLS\r\n"), ("S", b"234 Proceed\r\n"))
    return _start_tls(21, "ftp.example", talk)


def starttls_ldap():
    """TLS after the extended operation StartTLS of LDAP (RFC 4511 section 4.14)."""
    oid = b"1.3.6.1.4.1.1466.20037"
    ask = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + oid
    told = bytes.fromhex("300c02010178070a010004000400")
    return _start_tls(389, "ldap.example", (("C", ask), ("S", told)))


def starttls_postgresql():
    """TLS after the SSLRequest of PostgreSQL, answered with one letter."""
    return _start_tls(
        5432, "postgresql.example", (("C", bytes.fromhex("0000000804d2162f")), ("S", b"S"))
    )


def starttls_mysql():
    """TLS after the greeting of a MySQL server and the client's SSL request."""
    greeting = b"\x0a8.0.36\0" + struct.pack("<I", 9) + b"saltsalt\0" + b"\xff\xff\xff\2\0\xff\xdf"
    greeting += b"\x15" + bytes(10) + b"morepiecesof\0" + b"caching_sha2_password\0"
    request = struct.pack("<IIB", 0x0EFF_AE8D, 1 << 24, 255) + bytes(23)
    talk = (
        ("S", struct.pack("<I", len(greeting)) + greeting),
        ("C", struct.pack("<I", len(request) | 1 << 24) + request),
    )
    return _start_tls(3306, "mysql.example", talk)


def tls_odd_ports():
    """TLS on port 8443, on 25 without STARTTLS, on a port of no service, and on port 80."""
    wire = Wire()
    for number, port in enumerate((8443, 25, 50_123, 80)):
        visit(wire, f"port-{port}.example", ends=((CLIENT, 50_010 + number), (SERVER, port)))
    return wire.capture


def tls_gro_frame():
    """A frame of 40 kB, as the kernel makes it of many segments (GRO): a hello and early data."""
    connection = Connection(Wire()).open()
    early = b"".join(record(bytes([it]) * 13_000, 0x17, 0x0303) for it in (0x5A, 0xA5, 0x3C))
    connection.say(hello("gro.example", CHROMIUM) + early, size=65_000)
    connection.tell("tls-sni", "gro.example", ech="unknown")
    return connection.wire.capture


def ip_length_zero():
    """Frames whose IPv4 length is zero, as segmentation offload leaves it on the sending host."""

    def wrap(packet, to_server):
        is_long = to_server and len(packet) > 100
        return ethernet(packet[:2] + b"\0\0" + packet[4:] if is_long else packet)

    wire = Wire(wrap=wrap)
    visit(wire, "offload.example")
    return wire.capture


def nothing_tls_snapped():
    """Frames of which 96 octets were kept: the hello has a name, but it was not captured."""
    wire = Wire(snap=96)
    visit(wire, "snapped.example")
    visit(wire, "snapped.example", CHROMIUM, ((CLIENT, 50_002), (SERVER, 443)))
    wire.capture.lines.clear()
    return wire.capture


def dns_snapped():
    """Frames of which 96 octets were kept: enough for a short lookup."""
    wire = Wire(snap=96)
    lookup(wire, "short.example")
    return wire.capture


def tls_ech():
    """A hello of Chromium with an ECH extension (RFC 9849), beside one without: whether the name is
    only the public one cannot be said from the hello."""
    wire = Wire()
    visit(wire, "public-name.example", CHROMIUM, ech="unknown")
    visit(wire, "no-ech.example", OPENSSL, ((CLIENT, 50_002), (SERVER, 443)))
    return wire.capture


def tls_same_ports_again():
    """A second connection between the same ends, of another sequence number, soon after the
    first: both names are told."""
    wire = Wire()
    visit(wire, "first-visit.example")
    connection = Connection(wire, isn=0x6000_0000).open()
    connection.say(hello("second-visit.example"))
    connection.tell("tls-sni", "second-visit.example")
    return wire.capture


def tls_over_ipv6_and_ipv4():
    """Happy eyeballs (RFC 8305): an attempt over IPv6 without answer, then one over IPv4."""
    wire = Wire()
    Connection(wire, (CLIENT6, 50_001), (SERVER6, 443)).raw(SYN)
    visit(wire, "eyeballs.example", CHROMIUM, ech="unknown")
    return wire.capture


def nothing_tls_server_speaks_first():
    """A server's hello and encrypted records, of a connection whose client was not captured."""
    connection = Connection(Wire()).open()
    connection.hear(server_answer() + record(bytes(range(256)) * 4, 0x17, 0x0303))
    return connection.wire.capture


def nothing_tls_encrypted_middle():
    """Encrypted records in the middle of a connection, both ways, no beginning."""
    connection = Connection(Wire())
    for number in range(6):
        noise = bytes((place * place + number * 89) % 253 for place in range(500))
        connection.say(record(noise, 0x17, 0x0303))
        connection.hear(record(noise[::-1], 0x17, 0x0303))
    return connection.wire.capture


def nothing_tls_alert():
    """A client that opens a connection, says an alert and closes."""
    connection = Connection(Wire()).open()
    connection.say(record(b"\2\x28", 0x15))
    connection.close()
    return connection.wire.capture


def nothing_sctp():
    """SCTP, and a protocol of no name, with a hello behind the ports: neither TCP nor UDP."""
    wire = Wire()
    for protocol in (132, 253):
        body = struct.pack(">HHII", 5000, 443, 7, 0) + hello("sctp.example")
        wire.put(ip(CLIENT, SERVER, protocol, body))
    return wire.capture
