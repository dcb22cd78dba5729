"""Cases of what is held of hosts: whose traffic it is, how far it got, and what cannot be read.

What `phonehome read --json` has to say stands in `capture.document`, and goes to `findings.json`:
keys that stand there must be in the document with that value, lists must be as long and in order.
Names are those of the pack of Kaspersky: `s00.upd` is an update server of products, `ds` finds the
telemetry service, `activation-v2` is licensing, and what is under `geoksn` stands behind other names
only.
"""

import struct

from said import (
    A,
    ANSWER,
    CLIENT,
    CNAME,
    FIRST_NAME,
    OPT,
    QUERY,
    RESOLVER,
    SERVER,
    Connection,
    Wire,
    answer,
    datagram,
    hello,
    hello_message,
    hello_without_name,
    labels,
    message,
    question,
    record,
    server_answer,
)
from wire import ACK, RST, SYN, tcp, udp

UPDATE, DISCOVERY, LICENCE = (
    "s00.upd.kaspersky.com",
    "ds.kaspersky.com",
    "activation-v2.kaspersky.com",
)
BEHIND = "ksn-ds.geoksn.kaspersky.com"
OTHER, PROXY, VENDOR, VENDOR_2 = "10.20.1.22", "10.20.1.80", "203.0.113.40", "203.0.113.41"
UPSTREAM, GOOGLE = "198.51.100.53", "8.8.8.8"
MINUTE = 60 * 10**9
REACHES = ("asked", "refused", "attempted", "connected", "transferred")


def _ip(text):
    return bytes(int(it) for it in text.split("."))


def _ask(wire, name, host=CLIENT, resolver=RESOLVER, port=40_001):
    """A question, of which the name is told."""
    asked = message(port, QUERY, [question(name)])
    wire.put(udp((host, port), (resolver, 53), asked))
    wire.capture.tell("dns-query", "udp", (host, port), (resolver, 53), name)


def _told(wire, name, records, host=CLIENT, resolver=RESOLVER, port=40_001, flags=ANSWER):
    """The answer to it; `records` are pairs of what is told and the record."""
    told = message(port, flags, [question(name)], [it for _, it in records])
    wire.put(udp((resolver, 53), (host, port), told), to_server=False)
    for text in dict.fromkeys(it for it, _ in records):
        wire.capture.tell("dns-answer", "udp", (resolver, 53), (host, port), text)


def _resolve(wire, name, address=VENDOR, **ends):
    """A question and the address that it was answered with, good for a minute."""
    _ask(wire, name, **ends)
    _told(wire, name, [(name, answer(FIRST_NAME, A, _ip(address)))], **ends)


def _unnamed(wire, host=CLIENT, server=VENDOR, port=50_001):
    """A connection that tells no name, with 21 octets one way and 9 the other."""
    connection = Connection(wire, (host, port), (server, 443)).open()
    connection.say(b"\1\2\3 no hello, no host")
    connection.hear(b"\4 so be it")
    connection.close()


def _visit(wire, name, host=CLIENT, server=VENDOR, port=50_001, service=443, tells=True):
    """A connection with a hello; gives the octets each way."""
    connection = Connection(wire, (host, port), (server, service)).open()
    said, heard = hello(name), server_answer()
    connection.say(said)
    if tells:
        connection.tell("tls-sni", name)
    connection.hear(heard)
    connection.close()
    return len(said), len(heard)


def _finding(host, verdict, contacts, sources, sent=0, received=0, **more):
    """A finding of Kaspersky; of contacts and sources those that are not told are zero."""
    all_sources = ("dns-query", "dns-answer", "tls-sni", "quic-sni", "http-host", "http-connect")
    all_sources += ("tls-cert", "dns-correlated")
    return {
        "host": host,
        "vendor": {"id": "kaspersky"},
        "verdict": verdict,
        "contacts": {it: contacts.get(it, 0) for it in REACHES},
        "sources": {it: sources.get(it, 0) for it in all_sources},
        "octets": {"sent": sent, "received": received},
        **more,
    }


def _expect(wire, *findings, **more):
    """Sets what is expected of a capture: these findings and no others."""
    wire.capture.document = {"findings": list(findings), **more}
    return wire.capture


NO_HELLO = {"sent": len(b"\1\2\3 no hello, no host"), "received": len(b"\4 so be it")}


def attribution_unnamed_after_answer():
    """A connection without a readable name, half an hour after its client was answered that address
    for an update server. The answer was good for a minute, but clients cling to addresses: it is put
    down to the name, in full."""
    wire = Wire()
    _resolve(wire, UPDATE)
    wire.capture.at += 30 * MINUTE
    _unnamed(wire)
    return _expect(
        wire,
        _finding(
            CLIENT,
            "likely",
            {"asked": 1, "transferred": 1},
            {"dns-query": 1, "dns-correlated": 1},
            **NO_HELLO,
        ),
    )


def attribution_answer_too_old():
    """The same, 61 minutes after the answer: the connection is put down to nothing, and what is left
    is the question."""
    wire = Wire()
    _resolve(wire, UPDATE)
    wire.capture.at += 61 * MINUTE
    _unnamed(wire)
    return _expect(wire, _finding(CLIENT, "likely", {"asked": 1}, {"dns-query": 1}))


def attribution_answered_to_another():
    """A connection without a readable name to an address that only another host was answered: it may
    be something else that the address serves, so it is a contact and never more. The host that asked
    has what its question says."""
    wire = Wire()
    _resolve(wire, UPDATE)
    _resolve(wire, LICENCE, VENDOR_2, port=40_002)
    _unnamed(wire, host=OTHER)
    _unnamed(wire, host=OTHER, server=VENDOR_2, port=50_002)
    twice = {it: 2 * count for it, count in NO_HELLO.items()}
    return _expect(
        wire,
        _finding(CLIENT, "installed", {"asked": 2}, {"dns-query": 2}),
        _finding(OTHER, "contact", {"transferred": 2}, {"dns-correlated": 2}, **twice),
    )


def attribution_own_answer_goes_first():
    """One address, answered to a host for a name of no vendor's product and to another for an update
    server, later. The first host's connection is put down to what it was answered itself: the CNAME
    chain of its own name, which leads behind names of the vendor's products."""
    wire = Wire()
    _ask(wire, "front.example")
    _told(
        wire,
        "front.example",
        [
            ("front.example", answer(FIRST_NAME, CNAME, labels(BEHIND))),
            (BEHIND, answer(BEHIND, A, _ip(VENDOR))),
        ],
    )
    _resolve(wire, UPDATE, host=OTHER)
    _unnamed(wire)
    return _expect(
        wire,
        _finding(OTHER, "likely", {"asked": 1}, {"dns-query": 1}),
        _finding(
            CLIENT,
            "contact",
            {"asked": 1, "transferred": 1},
            {"dns-answer": 1, "dns-correlated": 1},
            names=[{"name": "front.example", "signature": "kl-h37"}],
            **NO_HELLO,
        ),
    )


def attribution_cname_chain():
    """A name that no signature claims, with two aliases behind it, the last of them behind names of
    products. The client's connection to the address at its end is put down to the name that it asked
    for, and is a contact: a renamed front says that something of the vendor is there, not what."""
    wire, middle = Wire(), "edge.example"
    _ask(wire, "front.example")
    _told(
        wire,
        "front.example",
        [
            ("front.example", answer(FIRST_NAME, CNAME, labels(middle))),
            (middle, answer(middle, CNAME, labels(BEHIND))),
            (BEHIND, answer(BEHIND, A, _ip(VENDOR))),
        ],
    )
    _unnamed(wire)
    return _expect(
        wire,
        _finding(
            CLIENT,
            "contact",
            {"asked": 1, "transferred": 1},
            {"dns-answer": 1, "dns-correlated": 1},
            names=[{"name": "front.example", "signature": "kl-h37"}],
            **NO_HELLO,
        ),
    )


def attribution_lone_cname_target():
    """Targets of aliases that nothing leads to from what was asked: one of an update server, one of
    a server behind other names. Then a question about a server behind other names itself. None of it
    is a contact."""
    wire = Wire()
    for number, target in enumerate((UPDATE, BEHIND)):
        port, page, stray = 40_001 + number, "page.example", "stray.example"
        records = [
            (page, answer(FIRST_NAME, A, _ip(SERVER))),
            (stray, answer(stray, CNAME, labels(target))),
            (target, answer(target, A, _ip(VENDOR))),
        ]
        _ask(wire, page, port=port)
        _told(wire, page, records, port=port)
    _resolve(wire, BEHIND, port=40_003)
    return _expect(wire)


def attribution_shared_address():
    """A connection with a name of its own, to the address that the client was answered for an update
    server: addresses are shared, and the name counts. What is left is the question."""
    wire = Wire()
    _resolve(wire, UPDATE)
    _visit(wire, "page.example")
    return _expect(wire, _finding(CLIENT, "likely", {"asked": 1}, {"dns-query": 1}))


def attribution_resolver_asks_for_others():
    """A resolver inside asks upstream what its clients ask it, and is answered: its questions are no
    product on it. Its client has the finding."""
    wire = Wire()
    for number, name in enumerate((UPDATE, LICENCE)):
        port = 40_001 + number
        _ask(wire, name, port=port)
        _resolve(wire, name, host=RESOLVER, resolver=UPSTREAM, port=port)
        _told(wire, name, [(name, answer(FIRST_NAME, A, _ip(VENDOR)))], port=port)
    return _expect(wire, _finding(CLIENT, "installed", {"asked": 2}, {"dns-query": 2}))


def attribution_resolver_with_the_product():
    """A resolver inside that asks upstream for a client, and has the product itself: its connections
    are its own, its questions are not."""
    wire = Wire()
    _ask(wire, LICENCE)
    _resolve(wire, LICENCE, host=RESOLVER, resolver=UPSTREAM)
    _told(wire, LICENCE, [(LICENCE, answer(FIRST_NAME, A, _ip(VENDOR)))])
    sent, received = _visit(wire, UPDATE, host=RESOLVER)
    return _expect(
        wire,
        _finding(CLIENT, "likely", {"asked": 1}, {"dns-query": 1}),
        _finding(RESOLVER, "likely", {"transferred": 1}, {"tls-sni": 1}, sent, received),
    )


def attribution_proxy():
    """A client has a proxy inside connect it to two servers of the vendor (CONNECT), and fetch a
    third by its whole address. What the proxy asks and connects for is no product on it: the
    client's leg carries the finding, with its octets."""
    wire, sent, received = Wire(), 0, 0
    grant = b"HTTP/1.1 200 Connection established\r\n\r\n"
    for number, name in enumerate((UPDATE, LICENCE)):
        client = (CLIENT, 50_001 + number)
        leg = Connection(wire, client, (PROXY, 3128)).open()
        ask = f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n".encode()
        leg.say(ask)
        leg.tell("http-connect", name)
        _resolve(wire, name, host=PROXY, port=41_001 + number)
        leg.hear(grant)
        leg.say(hello(name))
        leg.tell("tls-sni", name)
        said, heard = _visit(wire, name, host=PROXY, port=51_001 + number)
        leg.hear(server_answer())
        leg.close()
        sent, received = sent + len(ask) + said, received + len(grant) + heard
    leg = Connection(wire, (CLIENT, 50_009), (PROXY, 3128)).open()
    ask = f"GET http://{UPDATE}/index HTTP/1.1\r\nHost: {UPDATE}\r\n\r\n".encode()
    leg.say(ask)
    leg.tell("http-host", UPDATE)
    leg.hear(b"HTTP/1.1 204 No Content\r\n\r\n")
    leg.close()
    sent, received = sent + len(ask), received + len(b"HTTP/1.1 204 No Content\r\n\r\n")
    return _expect(
        wire,
        _finding(
            CLIENT,
            "installed-active",
            {"transferred": 3},
            {"http-connect": 2, "http-host": 1},
            sent,
            received,
        ),
    )


def attribution_host_outside():
    """A host outside the home networks asks a resolver inside for an update server, and connects to
    it past the sensor: it is none of ours."""
    wire, outside = Wire(), "192.0.2.77"
    _resolve(wire, UPDATE, host=outside)
    _visit(wire, UPDATE, host=outside)
    return _expect(wire)


def attribution_crawler_coming_in():
    """An address that a host was answered for an update server opens connections to a web server at
    home: with a name, without one, and one whose beginning was not seen. Only what a host opens
    itself says something about it, so what is left is the question."""
    wire = Wire()
    _resolve(wire, UPDATE)
    crawl = Connection(wire, (VENDOR, 60_001), (OTHER, 80)).open()
    crawl.say(b"GET / HTTP/1.1\r\nHost: www.kaspersky.com\r\n\r\n")
    crawl.tell("http-host", "www.kaspersky.com")
    crawl.hear(b"HTTP/1.1 204 No Content\r\n\r\n")
    crawl.close()
    _unnamed(wire, host=VENDOR, server=CLIENT, port=60_002)
    late = Connection(wire, (VENDOR, 60_003), (CLIENT, 443))
    late.say(b"in the middle")
    late.hear(b"of something")
    late.close()
    return _expect(wire, _finding(CLIENT, "likely", {"asked": 1}, {"dns-query": 1}))


def attribution_reach():
    """How far it got, a host each: the question alone; a name that does not exist; a sinkhole; a
    connection that is not answered; one that is reset at once; one that stands, with nothing after
    the hello; and one with octets both ways."""
    wire = Wire()
    hosts = [f"10.20.1.{it}" for it in range(31, 38)]
    asked, absent, sunk, silent, reset, stands, whole = hosts
    _ask(wire, UPDATE, host=asked)
    _ask(wire, UPDATE, host=absent)
    _told(wire, UPDATE, [], host=absent, flags=ANSWER | 3)
    _resolve(wire, UPDATE, "0.0.0.0", host=sunk)
    _resolve(wire, UPDATE, host=silent)
    _resolve(wire, UPDATE, host=reset)
    for host in (silent, reset):
        wire.put(tcp((host, 50_001), (VENDOR, 443), 1000, 0, SYN))
    wire.put(tcp((VENDOR, 443), (reset, 50_001), 0, 1001, RST | ACK), to_server=False)
    connection = Connection(wire, (stands, 50_001), (VENDOR, 443)).open()
    connection.say(hello(UPDATE))
    connection.tell("tls-sni", UPDATE)
    sent, received = _visit(wire, UPDATE, host=whole)
    question_alone = {"dns-query": 1}
    with_attempt = {"dns-query": 1, "dns-correlated": 1}
    return _expect(
        wire,
        _finding(asked, "likely", {"asked": 1}, question_alone),
        _finding(absent, "likely", {"refused": 1}, question_alone),
        _finding(sunk, "likely", {"refused": 1}, question_alone),
        _finding(silent, "likely", {"asked": 1, "attempted": 1}, with_attempt),
        _finding(reset, "likely", {"asked": 1, "attempted": 1}, with_attempt),
        _finding(stands, "likely", {"connected": 1}, {"tls-sni": 1}, sent, 0),
        _finding(whole, "likely", {"transferred": 1}, {"tls-sni": 1}, sent, received),
    )


def attribution_blocked_and_installed():
    """Behind a firewall that lets nothing through, a host asks for an update server and for the
    licence, and no connection is answered: the product is installed all the same, and nothing was
    transferred."""
    wire = Wire()
    for number, (name, server) in enumerate(((UPDATE, VENDOR), (LICENCE, VENDOR_2))):
        _resolve(wire, name, server, port=40_001 + number)
        for again in range(2):
            syn = tcp((CLIENT, 50_001 + number), (server, 443), 1000, 0, SYN)
            wire.capture.at += again * 10**9
            wire.put(syn)
    return _expect(
        wire,
        _finding(
            CLIENT,
            "installed",
            {"asked": 2, "attempted": 2},
            {"dns-query": 2, "dns-correlated": 2},
        ),
    )


def attribution_asked_twice():
    """The same name asked at the site's resolver and 7 ms later at a public one, as a product does:
    that raises the verdict by a rung. Another host asks the public one alone, which raises nothing,
    and is told."""
    wire = Wire()
    for host, resolvers in ((CLIENT, (RESOLVER, GOOGLE)), (OTHER, (GOOGLE,))):
        for number, resolver in enumerate(resolvers):
            _resolve(wire, DISCOVERY, host=host, resolver=resolver, port=40_001 + number)
            wire.capture.at += 4_500_000
    asks = {"public_questions": 1, "public_resolver": GOOGLE}
    return _expect(
        wire,
        _finding(CLIENT, "installed", {"asked": 2}, {"dns-query": 2}, asks=asks),
        _finding(OTHER, "likely", {"asked": 1}, {"dns-query": 1}, asks=asks),
        hosts={"asking": [{"host": CLIENT, **asks}, {"host": OTHER, **asks}]},
        visibility={"public_dns_hosts": 2},
    )


def _dns_unread(hosts, flows, **more):
    """The part of the document about questions that cannot be read; `hosts` by their addresses."""
    kinds = ("doh", "dot", "doq", "dnscrypt")
    by_kind = {it: sum(it in kinds_of for kinds_of in hosts.values()) for it in kinds}
    return {
        "hosts": {
            "asking": [
                {"host": host, "encrypted_dns": kinds_of} for host, kinds_of in hosts.items()
            ]
        },
        "visibility": {
            "encrypted_dns_flows": {it: flows.get(it, 0) for it in kinds},
            "encrypted_dns_hosts": {"all": len(hosts), **by_kind},
            **more,
        },
    }


def encrypted_dns_over_tls():
    """DNS over TLS: a hello with a name on port 853, which is named and counts; one without a name,
    which has none for that reason; and the middle of a connection on that port. A SYN that is not
    answered hides nothing, and neither does something else on the port."""
    wire, quad9 = Wire(), "9.9.9.9"
    hosts = [f"10.20.1.{it}" for it in range(31, 36)]
    named, bare, middle, blocked, odd = hosts
    _visit(wire, "dns.quad9.net", host=named, server=quad9, service=853)
    connection = Connection(wire, (bare, 50_001), ("192.0.2.53", 853)).open()
    connection.say(hello_without_name())
    connection.hear(server_answer())
    connection.close()
    connection = Connection(wire, (middle, 50_001), (quad9, 853))
    connection.say(b"\x17\3\3\0\x20" + bytes(range(32)))
    connection.hear(b"\x17\3\3\0\x20" + bytes(range(32)))
    wire.put(tcp((blocked, 50_001), (quad9, 853), 1000, 0, SYN))
    connection = Connection(wire, (odd, 50_001), (quad9, 853)).open()
    connection.say(b"SSH-2.0-client\r\n")
    connection.hear(b"SSH-2.0-server\r\n")
    connection.close()
    unnamed = {"no-hello": 1, "encrypted-dns": 2, "not-tls": 1}
    connections = {"tcp": {"total": 5, "named": {"tls-sni": 1}, "unnamed": unnamed}}
    hosts = {it: {"dot": 1} for it in (named, bare, middle)}
    return _expect(wire, **_dns_unread(hosts, {"dot": 3}, connections=connections))


def encrypted_dns_on_other_port():
    """A hello that offers DNS over TLS by its ALPN (`dot`), on port 443 of a server that is on no
    list, and one that offers a protocol of the same beginning, which is a page."""
    wire = Wire()
    for number, protocol in enumerate((b"dot", b"dots")):
        ends = ((CLIENT, 50_001 + number), (SERVER, 443))
        connection = Connection(wire, *ends).open()
        listed = bytes([len(protocol)]) + protocol
        alpn = struct.pack(">H", len(listed)) + listed
        connection.say(record(hello_message("site.example", more={16: alpn})))
        connection.tell("tls-sni", "site.example")
        connection.hear(server_answer())
        connection.close()
    return _expect(wire, **_dns_unread({CLIENT: {"dot": 1}}, {"dot": 1}))


def encrypted_dns_over_https():
    """DNS over HTTPS, of which nothing but the resolver tells: a hello with the name of a public
    resolver, at any address; a hello to the address of one, without a name. Pages of the resolvers'
    operators at other addresses are pages, and so is a name that only begins like a resolver's."""
    wire = Wire()
    hosts = [f"10.20.1.{it}" for it in range(31, 36)]
    named, bare, *readers = hosts
    for port in (50_001, 50_002):
        _visit(wire, "chrome.cloudflare-dns.com", host=named, port=port)
    connection = Connection(wire, (bare, 50_001), (GOOGLE, 443)).open()
    connection.say(hello_without_name())
    connection.hear(server_answer())
    connection.close()
    for host, name in zip(
        readers, ("www.quad9.net", "dns.google.example", "notcloudflare-dns.com")
    ):
        _visit(wire, name, host=host)
    connections = {
        "tcp": {"total": 6, "named": {"tls-sni": 5}, "unnamed": {"encrypted-dns": 1}}
    }
    hosts = {named: {"doh": 2}, bare: {"doh": 1}}
    return _expect(wire, **_dns_unread(hosts, {"doh": 3}, connections=connections))


def encrypted_dns_over_quic():
    """DNS over QUIC: the Initial of a real client with its UDP port made 853, and the same on port
    443, which is a page."""
    wire = Wire()
    initial, name = datagram("quic-v1")
    for number, port in enumerate((853, 443)):
        ends = ((CLIENT, 50_001 + number), (SERVER, port))
        wire.put(udp(*ends, initial))
        wire.capture.tell("quic-sni", "udp", *ends, name)
        wire.put(udp(*ends[::-1], b"\x40" + bytes(range(60))), to_server=False)
    connections = {"udp": {"total": 2, "named": {"quic-sni": 2}}}
    finding = {"host": CLIENT, "vendor": {"id": "bytedance"}, "asks": {"encrypted_dns": {"doq": 1}}}
    hosts = {CLIENT: {"doq": 1}}
    return _expect(wire, finding, **_dns_unread(hosts, {"doq": 1}, connections=connections))


def encrypted_dns_dnscrypt():
    """DNSCrypt: the resolver's certificate is asked for in clear, which is told as any question.
    What proves the protocol is the beginning of a response. A flow of noise on the same port is not
    answered so, and hides nothing that is known."""
    wire, resolver = Wire(), ("192.0.2.53", 443)
    name = "2.dnscrypt-cert.resolver.example"
    asked = message(1, QUERY, [question(name, 16)])
    wire.put(udp((CLIENT, 40_001), resolver, asked))
    wire.capture.tell("dns-query", "udp", (CLIENT, 40_001), resolver, name)
    wire.put(udp(resolver, (CLIENT, 40_001), message(1, ANSWER, [question(name, 16)])), False)
    noise = bytes((place * 7 + 3) % 251 for place in range(256))
    response = b"r6fnvWj8" + noise[:200]
    wire.put(udp((CLIENT, 40_002), resolver, noise))
    wire.put(udp(resolver, (CLIENT, 40_002), response), to_server=False)
    wire.put(udp((CLIENT, 40_003), resolver, noise))
    wire.put(udp(resolver, (CLIENT, 40_003), noise), to_server=False)
    return _expect(wire, **_dns_unread({CLIENT: {"dnscrypt": 1}}, {"dnscrypt": 1}))


def encrypted_dns_of_a_resolver():
    """A resolver inside answers a client and asks upstream over TLS: its flow counts, and it is not
    among the hosts whose questions cannot be read, for it asks for others."""
    wire = Wire()
    _ask(wire, "page.example")
    _visit(wire, "dns.quad9.net", host=RESOLVER, server="9.9.9.9", service=853)
    _told(wire, "page.example", [("page.example", answer(FIRST_NAME, A, _ip(SERVER)))])
    return _expect(wire, **_dns_unread({}, {"dot": 1}))


def public_resolver_in_clear():
    """A host asks a public resolver past the site's own, over UDP and TCP, and the site's resolver
    forwards to one: the host is told with its questions, the resolver is not."""
    wire = Wire()
    _resolve(wire, "one.example", SERVER, resolver=GOOGLE)
    ends = ((CLIENT, 50_001), ("1.1.1.1", 53))
    connection = Connection(wire, *ends).open()
    asked = message(2, QUERY, [question("two.example")])
    connection.say(struct.pack(">H", len(asked)) + asked)
    wire.capture.tell("dns-query", "tcp", *ends, "two.example")
    connection.close()
    _ask(wire, "three.example", host=OTHER)
    _resolve(wire, "three.example", SERVER, host=RESOLVER, resolver=GOOGLE)
    _told(
        wire,
        "three.example",
        [("three.example", answer(FIRST_NAME, A, _ip(SERVER)))],
        host=OTHER,
    )
    asks = {"public_questions": 2, "public_resolver": "1.1.1.1"}
    return _expect(
        wire,
        hosts={"asking": [{"host": CLIENT, **asks}]},
        visibility={"public_dns_hosts": 1},
    )


def dns_client_subnet():
    """A forwarder asks upstream and says for whom (RFC 7871), of IPv4, of IPv6, and that it does not
    say. The subnet is told beside the question, and never taken for the host that asks."""
    wire = Wire()
    subnets = (
        (b"\0\x08\0\x08\0\1\x20\0\x0a\x14\1\x63", "10.20.1.99/32"),
        (b"\0\x08\0\x0b\0\2\x38\0\x20\1\x0d\xb8\0\x20\xaa", "2001:db8:20:aa00::/56"),
        (b"\0\x08\0\4\0\1\0\0", None),
    )
    for number, (option, subnet) in enumerate(subnets):
        port = 40_001 + number
        opt = b"\0" + struct.pack(">HHIH", OPT, 1232, 0, len(option)) + option
        ends = ((CLIENT, port), (UPSTREAM, 53))
        wire.put(udp(*ends, message(number, QUERY, [question(DISCOVERY)], additional=[opt])))
        more = {"ecs": subnet} if subnet else {}
        wire.capture.tell("dns-query", "udp", *ends, DISCOVERY, **more)
    return _expect(wire, _finding(CLIENT, "likely", {"asked": 3}, {"dns-query": 3}))
