"""Cases of DNS messages."""

import struct

from said import (
    A,
    AAAA,
    ANSWER,
    AXFR,
    CLIENT,
    CNAME,
    FIRST_NAME,
    NS,
    OPT,
    QUERY,
    RESOLVER,
    SOA,
    Connection,
    Wire,
    answer,
    exchange,
    labels,
    lookup,
    message,
    query_and_answer,
    question,
)
from wire import udp

ADDRESS, ADDRESS6 = bytes([203, 0, 113, 10]), bytes.fromhex("20010db8000000000000000000000010")
ENDS = ((CLIENT, 40_001), (RESOLVER, 53))
SVCB = 64


def _tell(wire, source, *names, ends=ENDS, transport="udp"):
    src, dst = ends if source == "dns-query" else ends[::-1]
    for name in names:
        wire.capture.tell(source, transport, src, dst, name)


def _asked_and_told(ask, asked, told, answered):
    """A query and its answer over UDP, with the names that each of them tells."""
    wire = Wire()
    wire.put(udp(*ENDS, ask))
    _tell(wire, "dns-query", *asked)
    wire.put(udp(*ENDS[::-1], told), to_server=False)
    _tell(wire, "dns-answer", *answered)
    return wire.capture


def _soa(zone):
    return labels("ns." + zone) + labels("hostmaster." + zone) + struct.pack(">5I", 1, 2, 3, 4, 5)


def dns_several_questions():
    """A query with three questions, and its answer. Hardly any resolver takes such a query; a
    client that sends it has asked for all three."""
    names = [f"question-{it}.example" for it in (1, 2, 3)]
    asked = [question(it) for it in names]
    told = [answer(it, A, ADDRESS) for it in names]
    return _asked_and_told(message(1, QUERY, asked), names, message(1, ANSWER, asked, told), names)


def dns_edns():
    """EDNS (RFC 6891) with client subnet, cookie and padding."""
    options = bytes.fromhex("0008000700011800cb0071") + bytes.fromhex("000a00080102030405060708")
    options += struct.pack(">HH", 12, 40) + bytes(40)
    opt = b"\0" + struct.pack(">HHIH", OPT, 1232, 0x8000, len(options)) + options
    asked, told = [question("edns.example")], [answer(FIRST_NAME, A, ADDRESS)]
    return _asked_and_told(
        message(2, QUERY, asked, additional=[opt]),
        ["edns.example"],
        message(2, ANSWER, asked, told, additional=[opt]),
        ["edns.example"],
    )


def dns_svcb_record():
    """A question for SVCB (RFC 9460), with which a client looks for an encrypted resolver (RFC
    9462), and its answer. The question tells its name; owners and targets of SVCB records are no
    names that a host uses."""
    name, target = "_dns.resolver.arpa", labels("dot.resolver.example")
    parameters = b"\0\1\0\4\3dot" + b"\0\4\0\4" + ADDRESS
    record = answer(FIRST_NAME, SVCB, struct.pack(">H", 1) + target + parameters)
    asked = [question(name, SVCB)]
    return _asked_and_told(
        message(60, QUERY, asked), [name], message(60, ANSWER, asked, [record]), []
    )


def dns_odd_octets():
    """Octets in labels that are no letters, digits or hyphens: a space, a dot, a backslash, octets
    of no ASCII, a null, a quote. They are told escaped (RFC 4343 section 2.1)."""
    name = b"\4a b.\4c\\\"d\4\xe9\0\x7f~\7example\0"
    text = r"a\032b\..c\\" + '"d' + r".\233\000\127~.example"
    asked, told = [question(name)], [answer(FIRST_NAME, A, ADDRESS)]
    told = message(3, ANSWER, asked, told)
    return _asked_and_told(message(3, QUERY, asked), [text], told, [text])


def dns_upper_case():
    """A question in random case (0x20), answered in another case."""
    ask = message(4, QUERY, [question("uPpEr.ExAmPlE")])
    answers = [answer("UPPER.example", A, ADDRESS)]
    told = message(4, ANSWER, [question("upper.EXAMPLE")], answers)
    return _asked_and_told(ask, ["upper.example"], told, ["upper.example"])


def nothing_dns_compression_loop():
    """Names that point to themselves, to each other, and ahead: a query about one, and an answer of
    which the owners are such names. The question of an answer tells nothing."""
    wire = Wire()
    to_itself, ahead = b"\xc0\x0c", b"\xc0\xff"
    each_other = b"\1a\xc0\x12" + bytes(2) + b"\1b\xc0\x0c"
    for name in (to_itself, ahead, each_other):
        wire.put(udp(*ENDS, message(5, QUERY, [question(name)])))
    asked = question("loop.example")
    here = struct.pack(">H", 0xC000 | 12 + len(asked))
    told = message(6, ANSWER, [asked], [answer(here, A, ADDRESS)])
    wire.put(udp(*ENDS[::-1], told), to_server=False)
    return wire.capture


def dns_deep_compression():
    """An answer whose owners are written by a chain of pointers, a label each."""
    asked = [question("a.deep.example")]
    # Twelve octets of header: the question's name, then label by label what points to it.
    deep, example = b"\xc0\x0e", b"\xc0\x13"
    told = [
        answer(FIRST_NAME, CNAME, b"\1b" + deep),
        answer(b"\1b" + deep, CNAME, b"\1c" + example),
        answer(b"\1c" + example, A, ADDRESS),
    ]
    return _asked_and_told(
        message(7, QUERY, asked),
        ["a.deep.example"],
        message(7, ANSWER, asked, told),
        ["a.deep.example", "b.deep.example", "c.example"],
    )


def dns_second_answer_cut():
    """An answer that ends in the middle of its second record, before the type: what stands before
    it is told."""
    asked = [question("whole.example")]
    told = [answer(FIRST_NAME, A, ADDRESS), answer("cut.example", A, ADDRESS)]
    whole = message(8, ANSWER | 0x0200, asked, told)
    end = whole.index(labels("cut.example")) + 8
    return _asked_and_told(
        message(8, QUERY, asked), ["whole.example"], whole[:end], ["whole.example"]
    )


def dns_nxdomain():
    """A name that does not exist: the query tells it, the answer tells nothing."""
    asked = [question("absent.example")]
    authority = [answer("example", SOA, _soa("example"))]
    told = message(9, ANSWER | 3, asked, authority=authority)
    return _asked_and_told(message(9, QUERY, asked), ["absent.example"], told, [])


def dns_authority_and_additional():
    """Names in the authority and additional sections are nobody's answer."""
    asked, told = [question("www.zone.example")], [answer(FIRST_NAME, A, ADDRESS)]
    authority = [answer("zone.example", NS, labels("ns.provider.example"))]
    additional = [answer("ns.provider.example", A, ADDRESS)]
    return _asked_and_told(
        message(10, QUERY, asked),
        ["www.zone.example"],
        message(10, ANSWER, asked, told, authority, additional),
        ["www.zone.example"],
    )


def dns_response_only():
    """A mirror that shows only what the resolver sends."""
    wire = Wire()
    for number, name in enumerate(("one.example", "two.example")):
        ends = ((CLIENT, 40_001 + number), (RESOLVER, 53))
        _, told = query_and_answer(name)
        wire.put(udp(*ends[::-1], told), to_server=False)
        _tell(wire, "dns-answer", name, ends=ends)
    return wire.capture


def dns_odd_port():
    """DNS on port 5300: the message proves what it is."""
    wire = Wire()
    lookup(wire, "odd-port.example", server=(RESOLVER, 5300))
    return wire.capture


def _framed(octets):
    return struct.pack(">H", len(octets)) + octets


def dns_tcp_several_messages():
    """Two queries in one TCP segment, and both answers in another (RFC 7766 section 6.2.1.1)."""
    wire, ends = Wire(), ((CLIENT, 50_001), (RESOLVER, 53))
    names = ["one.example", "two.example"]
    pairs = [query_and_answer(name, 20 + it) for it, name in enumerate(names)]
    connection = Connection(wire, *ends).open()
    connection.say(b"".join(_framed(ask) for ask, _ in pairs))
    _tell(wire, "dns-query", *names, ends=ends, transport="tcp")
    connection.hear(b"".join(_framed(told) for _, told in pairs))
    _tell(wire, "dns-answer", *names, ends=ends, transport="tcp")
    connection.close()
    return wire.capture


def dns_tcp_split():
    """Messages over several TCP segments: cut between the octets of the length, and anywhere."""
    wire, ends = Wire(), ((CLIENT, 50_001), (RESOLVER, 53))
    connection = Connection(wire, *ends).open()
    ask, told = (_framed(it) for it in query_and_answer("split.example"))
    connection.say(ask[:1])
    connection.say(ask[1:20])
    connection.say(ask[20:])
    _tell(wire, "dns-query", "split.example", ends=ends, transport="tcp")
    connection.hear(told, size=1)
    _tell(wire, "dns-answer", "split.example", ends=ends, transport="tcp")
    second = [_framed(it) for it in query_and_answer("split-2.example", 2)]
    connection.say(second[0][:2])
    connection.say(second[0][2:])
    _tell(wire, "dns-query", "split-2.example", ends=ends, transport="tcp")
    connection.hear(second[1], size=30)
    _tell(wire, "dns-answer", "split-2.example", ends=ends, transport="tcp")
    return wire.capture


def dns_axfr():
    """A zone transfer (RFC 5936) of two messages, the second without a question. Each message tells
    the owners of its addresses and aliases, and the aliases' targets."""
    wire, ends = Wire(), ((CLIENT, 50_001), (RESOLVER, 53))
    zone = "zone.example"
    connection = Connection(wire, *ends).open()
    connection.say(_framed(message(30, 0, [question(zone, AXFR)])))
    _tell(wire, "dns-query", zone, ends=ends, transport="tcp")
    start = answer(zone, SOA, _soa(zone))
    first = [
        start,
        answer(zone, NS, labels("ns." + zone)),
        answer("ns." + zone, A, ADDRESS),
        answer("www." + zone, CNAME, labels("edge.provider.example")),
    ]
    second = [answer("mail." + zone, AAAA, ADDRESS6), answer("mail." + zone, A, ADDRESS), start]
    connection.hear(_framed(message(30, 0x8400, [question(zone, AXFR)], first)))
    names = ("ns." + zone, "www." + zone, "edge.provider.example")
    _tell(wire, "dns-answer", *names, ends=ends, transport="tcp")
    connection.hear(_framed(message(30, 0x8400, [], second)))
    _tell(wire, "dns-answer", "mail." + zone, ends=ends, transport="tcp")
    return wire.capture


def dns_root_and_long_names():
    """A question about the root, which is no name, and one about a name of the greatest length."""
    wire = Wire()
    exchange(wire, message(40, QUERY, [question(b"\0", NS)]), message(40, ANSWER))
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 53, "example"])
    lookup(wire, longest)
    return wire.capture


def nothing_dns_name_too_long():
    """A question about a name of 256 octets, one more than there may be."""
    wire = Wire()
    name = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 54, "example"])
    wire.put(udp(*ENDS, message(41, QUERY, [question(name)])))
    return wire.capture


def nothing_local_name_services():
    """Questions and answers of mDNS, LLMNR and NBNS on their ports, about names that could be those
    of the public tree, sent to groups and to single hosts."""
    wire = Wire()
    ask, told = query_and_answer("printer.corp.example")
    for port, group in ((5353, "224.0.0.251"), (5355, "224.0.0.252"), (137, "10.20.1.255")):
        wire.put(udp((CLIENT, port), (group, port), ask))
        wire.put(udp((CLIENT, 40_001), (SERVER_ON_LAN, port), ask))
        wire.put(udp((SERVER_ON_LAN, port), (CLIENT, 40_001), told), to_server=False)
    return wire.capture


SERVER_ON_LAN = "10.20.1.77"


def nothing_dns_port_other_protocol():
    """Something else on port 53: octets of a VPN, text, and messages shorter than a header."""
    wire = Wire()
    noise = bytes((place * place * 7 + 3) % 251 for place in range(148))
    for octets in (b"\1\0\0\0" + noise, b"hello resolver\n", b"\x50\x48\1\0\0\1", b""):
        wire.put(udp(*ENDS, octets))
        wire.put(udp(*ENDS[::-1], octets), to_server=False)
    return wire.capture


def nothing_odd_port_resembles_dns():
    """Datagrams on other ports that resemble DNS without proving it: a NetBIOS name, a question of
    no class, octets behind the end, counts without records."""
    wire = Wire()
    netbios = b"\x20" + b"EGEJEOCNFHFDCNDBDBCACACACACACAAA" + b"\0"
    name = labels("likeness.example")
    bodies = (
        message(50, QUERY, [netbios + b"\0\x20\0\1"]),
        message(51, QUERY, [name + struct.pack(">HH", 1, 77)]),
        message(52, QUERY, [question(name)]) + b"and more",
        struct.pack(">6H", 53, QUERY, 7, 0, 0, 0) + question(name),
    )
    for port, octets in enumerate(bodies, 7000):
        wire.put(udp((CLIENT, 40_001), ("10.20.1.99", port), octets))
    return wire.capture
