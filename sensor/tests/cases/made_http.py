"""Cases of HTTP requests, and of what resembles them."""

from said import CLIENT, SERVER, Connection, Wire
from wire import PSH, ACK, udp

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def _connection(wire=None, port=80, number=0):
    return Connection(wire or Wire(), (CLIENT, 50_001 + number), (SERVER, port)).open()


def _requests(port, *pairs):
    """A connection for each request, in one segment, and the name that it tells."""
    wire = Wire()
    for number, (octets, name) in enumerate(pairs):
        connection = _connection(wire, port, number)
        connection.say(octets)
        if name:
            connection.tell("http-host", name)
        connection.hear(OK)
        connection.close()
    return wire.capture


def http_absolute_uri():
    """Requests to a proxy: the host of the absolute URI is told, and not again where the Host field
    says the same; of HTTP/1.0 there is no Host field."""
    return _requests(
        3128,
        (b"GET http://abs.example/a HTTP/1.1\r\nHost: abs.example\r\n\r\n", "abs.example"),
        (b"GET http://old.example:8080/a?b HTTP/1.0\r\n\r\n", "old.example"),
        (b"GET HTTP://user@Case.Example HTTP/1.1\r\nHost: case.example\r\n\r\n", "case.example"),
    )


def http_field_forms():
    """The Host field in other forms: lower case, upper case, without a space, with many, behind an
    empty line, with a trailing dot."""
    return _requests(
        80,
        (b"GET / HTTP/1.1\r\nhost: lower.example\r\n\r\n", "lower.example"),
        (b"GET / HTTP/1.1\r\nHOST: UPPER.EXAMPLE\r\n\r\n", "upper.example"),
        (b"GET / HTTP/1.1\r\nHost:tight.example\r\n\r\n", "tight.example"),
        (b"GET / HTTP/1.1\r\nHost: \t wide.example \t\r\n\r\n", "wide.example"),
        (b"\r\nGET / HTTP/1.1\r\nHost: late.example\r\n\r\n", "late.example"),
        (b"GET / HTTP/1.1\r\nHost: dot.example.\r\n\r\n", "dot.example"),
    )


def http_bare_line_feeds():
    """A request whose lines end with LF alone (RFC 9112 section 2.2)."""
    return _requests(80, (b"GET / HTTP/1.1\nAccept: */*\nHost: bare.example\n\n", "bare.example"))


def http_address_hosts():
    """Hosts that are addresses: an IPv6 literal is told without its brackets, a port is no part of
    it."""
    return _requests(
        8080,
        (b"GET / HTTP/1.1\r\nHost: [2001:db8::80]:8080\r\n\r\n", "2001:db8::80"),
        (b"GET / HTTP/1.1\r\nHost: [2001:db8::81]\r\n\r\n", "2001:db8::81"),
        (b"GET / HTTP/1.1\r\nHost: 203.0.113.10:8080\r\n\r\n", "203.0.113.10"),
    )


def http_host_with_port():
    """A Host field with a port, which is no part of the name."""
    request = b"GET / HTTP/1.1\r\nHost: port.example:8080\r\n\r\n"
    return _requests(8080, (request, "port.example"))


def http_methods():
    """Methods other than GET, of WebDAV, of UPnP's device descriptions, and of no registry."""
    methods = ("OPTIONS", "PROPFIND", "SUBSCRIBE", "VERSION-CONTROL", "BREW")
    return _requests(
        80,
        *(
            (f"{it} /x HTTP/1.1\r\nHost: {it.lower()}.example\r\n\r\n".encode(),
             f"{it.lower()}.example")
            for it in methods
        ),
    )  # fmt: skip


def http_many_fields():
    """A Host field behind 70 others."""
    fields = "".join(f"X-Field-{it}: value-{it}\r\n" for it in range(70))
    request = f"GET / HTTP/1.1\r\n{fields}Host: last.example\r\n\r\n"
    return _requests(80, (request.encode(), "last.example"))


def http_without_target():
    """Request lines without a target, as broken clients send them, and servers answer some: the
    field names the host all the same."""
    return _requests(
        80,
        (b"GET HTTP/1.1\r\nHost: no-target.example\r\n\r\n", "no-target.example"),
        (b"GET  HTTP/1.0\r\nHost: two-spaces.example\r\n\r\n", "two-spaces.example"),
        (b"GET HTTP/3\r\nHost: no-version.example\r\n\r\n", None),
    )


def http_split_in_host():
    """A head cut in the middle of the field's name, of its value, and between CR and LF. The name
    is told when the head is complete."""
    connection = _connection()
    for octets in (b"GET /a HTTP/1.1\r\nAccept: */*\r\nHo", b"st: spl", b"it.example\r", b"\n\r\n"):
        connection.say(octets)
    connection.tell("http-host", "split.example")
    return connection.wire.capture


def http_out_of_order():
    """The segments of a head in the wrong order."""
    connection = _connection()
    request = b"GET /path HTTP/1.1\r\nAccept: */*\r\nHost: order.example\r\n\r\n"
    connection.raw(PSH | ACK, request[30:], ahead=30)
    connection.raw(ACK, request[:30])
    connection.tell("http-host", "order.example")
    return connection.wire.capture


def http_keep_alive():
    """Three requests on one connection, each for another host, as through a transparent proxy."""
    connection = _connection()
    for name in ("first.example", "second.example", "third.example"):
        connection.say(f"GET /{name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        connection.tell("http-host", name)
        connection.hear(OK)
    return connection.wire.capture


def http_post_body():
    """A POST whose body, in the same segment, is another request: it is data, no request."""
    body = b"GET / HTTP/1.1\r\nHost: inside.example\r\n\r\n"
    head = b"POST /log HTTP/1.1\r\nHost: outside.example\r\nContent-Length: %d\r\n\r\n" % len(body)
    return _requests(80, (head + body, "outside.example"))


def nothing_http_0_9():
    """HTTP/0.9: a request line without version."""
    return _requests(80, (b"GET /\r\n", None), (b"GET /index.html\r\n", None))


def nothing_http_without_host():
    """Requests of HTTP/1.0 without a Host field, and one with an empty field."""
    return _requests(
        80,
        (b"GET / HTTP/1.0\r\nAccept: */*\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost:\r\nAccept: */*\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nX-Host: other.example\r\n\r\n", None),
    )


def nothing_http_2_preface():
    """HTTP/2 in clear: its preface resembles a request, and names are compressed behind it."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
    return _requests(80, (preface, None))


def nothing_http_response():
    """A response, whose body is a request; of the client nothing was captured."""
    connection = _connection()
    body = b"GET / HTTP/1.1\r\nHost: inside.example\r\n\r\n"
    connection.hear(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return connection.wire.capture


def nothing_rtsp_sip():
    """RTSP and SIP over TCP, SIP over UDP: the grammar of HTTP, other protocols."""
    rtsp = b"OPTIONS rtsp://camera.example/stream RTSP/1.0\r\nHost: camera.example\r\n\r\n"
    sip = b"REGISTER sip:pbx.example SIP/2.0\r\nHost: pbx.example\r\n"
    capture = _requests(554, (rtsp, None), (sip + b"\r\n", None))
    capture.frame(Wire().wrap(udp((CLIENT, 5060), (SERVER, 5060), sip + b"\r\n"), True))
    return capture


def nothing_ssdp():
    """SSDP searches and announcements to the group and to a host: HTTP's grammar over UDP."""
    wire = Wire()
    search = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\n\r\n"
    notify = b"NOTIFY * HTTP/1.1\r\nHOST: device.example:1900\r\nNTS: ssdp:alive\r\n\r\n"
    for target in ("239.255.255.250", "10.20.1.77"):
        for octets in (search, notify):
            wire.put(udp((CLIENT, 50_001), (target, 1900), octets))
    return wire.capture


def nothing_text_protocols():
    """Protocols whose first line is a word in capitals: FTP, SMTP, POP3, memcached, Redis."""
    lines = ("USER anonymous", "HELO client.example", "QUIT", "GET key", "PING")
    return _requests(2100, *((f"{it}\r\n".encode(), None) for it in lines))
