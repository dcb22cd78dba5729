"""Cases of encapsulations: a lookup and a TLS connection inside, both directions."""

import struct

from said import (
    A,
    ANSWER,
    CLIENT,
    FIRST_NAME,
    RESOLVER,
    SERVER,
    Wire,
    answer,
    look_up_and_visit,
    lookup,
    message,
    question,
    visit,
)
from wire import GRE, UDP, checksum, ether_type, ethernet, fragments, gre, ip, udp, udp_payload

NEAR, FAR = "192.0.2.1", "192.0.2.2"
NEAR6, FAR6 = "2001:db8::1", "2001:db8::2"
IPV4_IN_IP, IPV6_IN_IP, TRANSPARENT_BRIDGING = 4, 41, 0x6558


def _outer(protocol, payload, to_server, ends=(NEAR, FAR)):
    """An IP packet between the ends of a tunnel, in a frame."""
    src, dst = ends if to_server else ends[::-1]
    return ethernet(ip(src, dst, protocol, payload))


def _over_udp(port, payload, to_server):
    """A datagram to a tunnel's port, from a port that depends on the flow."""
    src, dst = (NEAR, FAR) if to_server else (FAR, NEAR)
    return ethernet(udp((src, 49_152 + len(payload) % 64), (dst, port), payload))


def _case(name, wrap, is_v6=False):
    return look_up_and_visit(Wire(wrap=wrap), name, is_v6)


def _label(number, is_last):
    return struct.pack(">I", number << 12 | is_last << 8 | 64)


def mpls():
    """One MPLS label (RFC 3032) between Ethernet and IP."""
    return _case("mpls.example", lambda it, _: ethernet(_label(16_001, 1) + it, 0x8847))


def mpls_two_labels():
    """Two MPLS labels, then IPv6, which the labels do not name: its first octet does."""
    labels = _label(16_001, 0) + _label(299_776, 1)
    return _case("two-labels.example", lambda it, _: ethernet(labels + it, 0x8847), is_v6=True)


def mpls_pseudowire():
    """Ethernet behind MPLS labels and a control word (RFC 4448)."""
    labels = _label(16_001, 0) + _label(24_005, 1) + bytes(4)
    return _case("pseudowire.example", lambda it, _: ethernet(labels + ethernet(it), 0x8847))


def pppoe():
    """A PPPoE session (RFC 2516), after a frame of its discovery."""
    wire = Wire(wrap=lambda it, _: ethernet(_pppoe(it), 0x8864))
    discovery = bytes.fromhex("1109000000080101000001030000")
    wire.capture.frame(ethernet(discovery, 0x8863))
    return look_up_and_visit(wire, "pppoe.example")


def _pppoe(packet):
    protocol = 0x0057 if packet[0] >> 4 == 6 else 0x0021
    return struct.pack(">BBHHH", 0x11, 0, 0x2345, len(packet) + 2, protocol) + packet


def gre_plain():
    """GRE (RFC 2784) without any optional field."""
    return _case("gre.example", lambda it, out: _outer(GRE, gre(ether_type(it), it), out))


def gre_key_sequence():
    """GRE with checksum, key and sequence number (RFC 2890)."""

    def wrap(packet, to_server):
        fields = struct.pack(">HHII", 0, 0, 0xCAFE, 77)
        octets = gre(ether_type(packet), packet, 0xB000, fields)
        octets = octets[:4] + struct.pack(">H", checksum(octets)) + octets[6:]
        return _outer(GRE, octets, to_server)

    return _case("gre-key.example", wrap)


def gre_over_ipv6():
    """GRE between IPv6 addresses, IPv4 inside."""
    ends = (NEAR6, FAR6)
    return _case(
        "gre-v6.example", lambda it, out: _outer(GRE, gre(ether_type(it), it), out, ends)
    )


def nvgre():
    """NVGRE (RFC 7637): Ethernet in GRE, the key is a network and a flow number."""
    key = struct.pack(">I", 6001 << 8 | 0x5A)
    wrap = lambda it, out: _outer(
        GRE, gre(TRANSPARENT_BRIDGING, ethernet(it), 0x2000, key), out
    )
    return _case("nvgre.example", wrap)


def erspan_i():
    """ERSPAN type I: Ethernet in GRE without sequence number and without a header of its own."""
    return _case("erspan-i.example", lambda it, _: _outer(GRE, gre(0x88BE, ethernet(it)), True))


def erspan_ii():
    """ERSPAN type II: GRE with sequence number, eight octets, Ethernet."""
    head = struct.pack(">II", 1 << 28 | 20 << 16 | 101, 7)
    wrap = lambda it, _: _outer(GRE, gre(0x88BE, head + ethernet(it), 0x1000, bytes(4)), True)
    return _case("erspan-ii.example", wrap)


def erspan_iii():
    """ERSPAN type III: twelve octets, and in the frames back eight more of a platform."""

    def wrap(packet, to_server):
        head = struct.pack(">IIHH", 2 << 28 | 20 << 16 | 101, 0x01020304, 0, not to_server)
        platform = b"" if to_server else struct.pack(">II", 5 << 26, 99)
        octets = head + platform + ethernet(packet)
        return _outer(GRE, gre(0x22EB, octets, 0x1000, bytes(4)), True)

    return _case("erspan-iii.example", wrap)


def _vxlan(frame, network=4242):
    return struct.pack(">II", 0x0800_0000, network << 8) + frame


def vxlan():
    """VXLAN (RFC 7348)."""
    return _case("vxlan.example", lambda it, out: _over_udp(4789, _vxlan(ethernet(it)), out))


def vxlan_first_fragment_cut():
    """An answer in VXLAN, whose datagram was too long for the underlay and came in fragments, of
    which 300 octets each were kept: what there is of the first one is read."""
    wire = Wire(snap=300)
    src, dst = (RESOLVER, 53), (CLIENT, 40_001)
    records = [answer(FIRST_NAME, A, bytes([203, 0, 113, it])) for it in range(1, 90)]
    inner = udp(src, dst, message(7, ANSWER, [question("underlay.example")], records))
    datagram = udp((NEAR, 49_152), (FAR, 4789), _vxlan(ethernet(inner)))
    for number, piece in enumerate(fragments(datagram, 1_480)):
        wire.put(piece)
        if number == 0:
            wire.capture.tell("dns-answer", "udp", src, dst, "underlay.example")
    return wire.capture


def vxlan_gpe():
    """VXLAN with the generic protocol extension: IP without Ethernet inside."""

    def wrap(packet, to_server):
        protocol = 2 if packet[0] >> 4 == 6 else 1
        head = struct.pack(">II", 0x0C00_0000 | protocol, 4242 << 8)
        return _over_udp(4790, head + packet, to_server)

    return _case("vxlan-gpe.example", wrap)


def geneve_options():
    """GENEVE (RFC 8926) with options of twelve octets, Ethernet inside."""
    option = struct.pack(">HBB", 0x0103, 0x01, 2) + b"metadata"
    head = struct.pack(">BBHI", len(option) // 4, 0, TRANSPARENT_BRIDGING, 77 << 8) + option
    return _case("geneve.example", lambda it, out: _over_udp(6081, head + ethernet(it), out))


def ipip():
    """IPv4 in IPv4 (RFC 2003)."""
    return _case("ipip.example", lambda it, out: _outer(IPV4_IN_IP, it, out))


def ipv4_in_ipv6():
    """IPv4 in IPv6 (RFC 2473), as in DS-Lite."""
    return _case("ds-lite.example", lambda it, out: _outer(IPV4_IN_IP, it, out, (NEAR6, FAR6)))


def sixin4():
    """IPv6 in IPv4 (RFC 4213): protocol 41."""
    return _case("sixinfour.example", lambda it, out: _outer(IPV6_IN_IP, it, out), is_v6=True)


def teredo():
    """Teredo (RFC 4380), with an authentication and an origin field in the packets back."""

    def wrap(packet, to_server):
        if to_server:
            return ethernet(udp((NEAR, 51_413), (FAR, 3544), packet))
        authentication = bytes([0, 1, 0, 0]) + bytes(8) + b"\0"
        origin = struct.pack(">HHI", 0, 0x3737 ^ 0xFFFF, 0x3FFF_FDFE)
        return ethernet(udp((FAR, 3544), (NEAR, 51_413), authentication + origin + packet))

    return _case("teredo.example", wrap, is_v6=True)


def ayiya():
    """AYIYA: IPv6 in UDP, with an identity of 16 octets and a signature of 20."""

    def wrap(packet, to_server):
        # Length and kind of the identity, of the signature, of authentication and operation; IPv6.
        head = bytes([0x41, 0x52, 0x11, IPV6_IN_IP]) + struct.pack(">I", 1_700_000_000)
        src, dst = (NEAR, FAR) if to_server else (FAR, NEAR)
        payload = head + bytes(range(16)) + bytes(20) + packet
        return ethernet(udp((src, 5072), (dst, 5072), payload))

    return _case("ayiya.example", wrap, is_v6=True)


def gtpu():
    """GTP-U (3GPP TS 29.281), with the extension header that 5G puts there in the packets back."""

    def wrap(packet, to_server):
        if to_server:
            head = struct.pack(">BBHI", 0x30, 255, len(packet), 0xABCD)
        else:
            # No sequence number, a container for a PDU session, no further extension.
            extension = struct.pack(">HBBBBBB", 0, 0, 0x85, 1, 0x10, 9, 0)
            head = struct.pack(">BBHI", 0x34, 255, len(extension + packet), 0xABCE) + extension
        src, dst = (NEAR, FAR) if to_server else (FAR, NEAR)
        return ethernet(udp((src, 2152), (dst, 2152), head + packet))

    return _case("gtpu.example", wrap)


def l2tp_ppp():
    """L2TP version 2 (RFC 2661): PPP with address and control octets, lengths in the packets
    back."""

    def wrap(packet, to_server):
        ppp = b"\xff\x03\x00\x21" + packet
        if to_server:
            head = struct.pack(">HHH", 0x0002, 11, 22)
        else:
            head = struct.pack(">HHHH", 0x4002, 8 + len(ppp), 33, 44)
        src, dst = (NEAR, FAR) if to_server else (FAR, NEAR)
        return ethernet(udp((src, 1701), (dst, 1701), head + ppp))

    return _case("l2tp.example", wrap)


def pptp():
    """PPTP (RFC 2637): PPP in GRE version 1, with a frame that only acknowledges before."""

    def wrap(packet, to_server):
        ppp = b"\xff\x03\x00\x21" + packet
        fields = struct.pack(">HHI", len(ppp), 0x0102, 5)
        return _outer(GRE, gre(0x880B, ppp, 0x3001, fields), to_server)

    wire = Wire(wrap=wrap)
    acknowledgment = gre(0x880B, b"", 0x2081, struct.pack(">HHI", 0, 0x0102, 4))
    wire.capture.frame(_outer(GRE, acknowledgment, True))
    return look_up_and_visit(wire, "pptp.example")


def etherip():
    """EtherIP (RFC 3378)."""
    return _case("etherip.example", lambda it, out: _outer(97, b"\x30\0" + ethernet(it), out))


def authentication_header():
    """An authentication header (RFC 4302) in transport mode: what follows is in clear."""

    def wrap(packet, _to_server):
        head = struct.pack(">BBHII", packet[9], 4, 0, 0x1000, 1) + bytes(12)
        return ethernet(ip(packet[12:16], packet[16:20], 51, head + packet[20:]))

    return _case("ah.example", wrap)


def vxlan_in_gre():
    """A VXLAN datagram in GRE in a VLAN: the innermost addresses are told."""

    def wrap(packet, to_server):
        src, dst = ("198.51.100.7", "198.51.100.8")[:: 1 if to_server else -1]
        datagram = udp((src, 50_000), (dst, 4789), _vxlan(ethernet(packet)))
        frame = _outer(GRE, gre(0x0800, datagram), to_server)
        return frame[:12] + bytes.fromhex("81000014") + frame[12:]

    return _case("vxlan-in-gre.example", wrap)


def _nested(packet, depth):
    for level in range(depth):
        packet = ip(f"192.0.2.{level + 1}", f"192.0.2.{level + 101}", IPV4_IN_IP, packet)
    return ethernet(packet)


def tunnel_depth_eight():
    """IPv4 in IPv4, eight times over: as deep as is read."""
    return _case("eight-deep.example", lambda it, _: _nested(it, 8))


def nothing_tunnel_depth():
    """IPv4 in IPv4, nine times over: deeper than is read."""
    wire = Wire(wrap=lambda it, _: _nested(it, 9))
    look_up_and_visit(wire, "nine-deep.example")
    wire.capture.lines.clear()
    return wire.capture


def nothing_tunnel_port_not_tunnel():
    """Datagrams to the ports of tunnels that hold no tunnel: text, octets that resemble DNS
    without being it, and the beginning of a VXLAN header with nothing behind."""
    wire = Wire()
    likeness = bytes.fromhex("50480100000100000000000006676172626167")
    for port in (1701, 2152, 3544, 4789, 4790, 6081, 8472):
        for payload in (likeness, b"hello there, no tunnel at all\n", _vxlan(b""), b""):
            wire.put(udp((CLIENT, 40_000 + port), (SERVER, port), payload))
    return wire.capture


def tunnel_port_of_client():
    """A resolver's client that happens to use the port of VXLAN, then those of GENEVE and GTP-U."""
    wire = Wire()
    for port in (4789, 6081, 2152):
        lookup(wire, f"port-{port}.example", (CLIENT, port), (RESOLVER, 53))
    return wire.capture


def tunnel_ends_named_alike():
    """The same addresses and ports inside and outside of a tunnel: a lookup between the ends of an
    IP-in-IP tunnel, and one inside. Both are told."""
    wire = Wire()
    lookup(wire, "outside.example")
    inner = Wire(wire.capture, lambda it, out: _outer(IPV4_IN_IP, it, out, (CLIENT, RESOLVER)))
    lookup(inner, "inside.example", (CLIENT, 40_002))
    visit(inner, "inside.example")
    return wire.capture


def nothing_gre_keepalive():
    """Keep-alives of a GRE tunnel, of protocol zero, and version 1 without payload."""
    wire = Wire()
    for octets in (gre(0, b""), gre(0x880B, b"", 0x2081, bytes(8))):
        wire.capture.frame(_outer(GRE, octets, True))
    return wire.capture


def nothing_esp():
    """IPsec ESP (RFC 4303): packets of random octets, bare and in UDP on port 4500."""
    wire = Wire()
    for number in range(1, 9):
        noise = bytes((number * 37 + place * place * 11) % 251 for place in range(96))
        esp = struct.pack(">II", 0x1000_0001, number) + noise
        wire.capture.frame(_outer(50, esp, number % 2 == 1))
        datagram = udp_payload((NEAR, 4500), (FAR, 4500), esp)
        wire.capture.frame(ethernet(ip(NEAR, FAR, UDP, datagram)))
    return wire.capture
