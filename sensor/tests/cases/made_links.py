"""Cases of link layers other than plain Ethernet."""

import struct

from said import CHROMIUM, Wire, hello, look_up_and_visit
from wire import (
    ARCNET_LINUX,
    C_HDLC,
    FRELAY,
    IPV4,
    LINUX_SLL,
    LINUX_SLL2,
    NFLOG,
    NULL,
    PPP,
    RADIOTAP,
    RAW,
    ROUTER,
    STATION,
    Capture,
    checksum,
    ether_type,
    ethernet,
)


def _case(link, name, wrap, is_v6=False):
    return look_up_and_visit(Wire(Capture(link), wrap), name, is_v6)


def sll():
    """Linux cooked capture (`tcpdump -i any`)."""

    def wrap(packet, to_server):
        kind = 4 if to_server else 0
        return struct.pack(">HHH8sH", kind, 1, 6, STATION, ether_type(packet)) + packet

    return _case(LINUX_SLL, "sll.example", wrap)


def sll_vlan():
    """Linux cooked capture in which a VLAN tag stands behind the protocol."""

    def wrap(packet, _to_server):
        tag = struct.pack(">HH", 20, ether_type(packet))
        return struct.pack(">HHH8sH", 4, 1, 6, STATION, 0x8100) + tag + packet

    return _case(LINUX_SLL, "sll-vlan.example", wrap)


def sll2():
    """Linux cooked capture, version 2."""

    def wrap(packet, to_server):
        kind = 4 if to_server else 0
        head = struct.pack(">HHIHBB8s", ether_type(packet), 0, 2, 1, kind, 6, STATION)
        return head + packet

    return _case(LINUX_SLL2, "sll2.example", wrap)


def span_duplicates_of_two_ports():
    """Each frame twice, 40 microseconds apart, as two ports that are mirrored show it: once as the
    station sent it, once with other hardware addresses, a VLAN tag, a TTL that is one less and the
    header checksum that belongs to it. Each name is told once."""

    class Twice(Wire):
        def put(self, packet, to_server=True):
            super().put(packet, to_server)
            routed = bytearray(packet)
            routed[8] -= 1
            routed[10:12] = b"\0\0"
            routed[10:12] = struct.pack(">H", checksum(routed[:20]))
            frame = STATION + ROUTER + struct.pack(">HHH", 0x8100, 7, IPV4) + routed
            self.capture.frames.append((self.capture.at + 40_000, frame, len(frame)))

    return look_up_and_visit(Twice(), "two-ports.example")


def null_loopback():
    """BSD loopback: the address family in the order of a little machine one way, of a big one the
    other."""

    def wrap(packet, to_server):
        return struct.pack("<I" if to_server else ">I", 2) + packet

    return _case(NULL, "loopback.example", wrap)


def null_loopback_ether_type():
    """BSD loopback in which an EtherType stands in the second half of the address family, as some
    programs write it; the first half may hold anything."""

    def wrap(packet, to_server):
        return struct.pack(">HH", 0 if to_server else 0x0F00, ether_type(packet)) + packet

    return _case(NULL, "loopback-type.example", wrap)


def arcnet():
    """ARCNET as Linux shows it: with the header of RFC 1051 one way, of RFC 1201 the other."""

    def wrap(packet, to_server):
        if to_server:
            return bytes([0xBE, 0x50, 0, 0, 240]) + packet
        return bytes([0x50, 0xBE, 0, 0, 212, 0]) + struct.pack(">H", 7) + packet

    return _case(ARCNET_LINUX, "arcnet.example", wrap)


def null_loopback_ipv6():
    """BSD loopback with IPv6, whose family is 28 on FreeBSD and 30 on macOS."""

    def wrap(packet, to_server):
        return struct.pack("<I", 28 if to_server else 30) + packet

    return _case(NULL, "loopback-v6.example", wrap, is_v6=True)


def raw_ip():
    """IPv6 without any link layer."""
    return _case(RAW, "raw.example", lambda it, _: it, is_v6=True)


def ppp():
    """PPP: with address and control octets one way, without them and with a protocol of one octet
    (RFC 1661 section 6.5) the other."""

    def wrap(packet, to_server):
        return (b"\xff\x03\x00\x21" if to_server else b"\x21") + packet

    return _case(PPP, "ppp.example", wrap)


def hdlc():
    """Cisco HDLC, with a keep-alive before."""
    wrap = lambda it, _: struct.pack(">BBH", 0x0F, 0, ether_type(it)) + it
    wire = Wire(Capture(C_HDLC), wrap)
    wire.capture.frame(bytes.fromhex("8f008035000000020000000000000000ffff0000"))
    return look_up_and_visit(wire, "hdlc.example")


def frame_relay():
    """Frame relay (RFC 2427): IP by its protocol number one way, behind a SNAP header the other."""

    def wrap(packet, to_server):
        address = b"\x18\x41\x03"
        if to_server:
            return address + b"\xcc" + packet
        return address + bytes.fromhex("0080000000") + struct.pack(">H", 0x0800) + packet

    return _case(FRELAY, "frame-relay.example", wrap)


def nflog():
    """Netfilter log: attributes, the packet in one of them."""

    def wrap(packet, _to_server):
        attributes = b""
        for kind, value in ((1, b"\x08\0\1\0"), (10, b"phonehome\0"), (9, packet)):
            value_with_head = struct.pack("<HH", len(value) + 4, kind) + value
            attributes += value_with_head + bytes(-len(value_with_head) % 4)
        return struct.pack(">BBH", 2, 0, 5) + attributes

    return _case(NFLOG, "nflog.example", wrap)


def _data_frame(packet, to_server, fields=b"\0\0", kind=0x08):
    """A data frame of IEEE 802.11 with LLC and SNAP."""
    direction = 1 if to_server else 2
    addresses = (ROUTER, STATION, ROUTER) if to_server else (STATION, ROUTER, ROUTER)
    head = bytes([kind, direction]) + b"\x2c\0" + b"".join(addresses) + fields
    return head + b"\xaa\xaa\x03\0\0\0" + struct.pack(">H", ether_type(packet)) + packet


def radiotap_80211():
    """Monitor mode: a radiotap header before a data frame of IEEE 802.11 one way, before one with
    QoS, padding to four octets and a check sequence the other; a beacon first."""

    def wrap(packet, to_server):
        if to_server:
            return struct.pack("<BBHI", 0, 0, 8, 0) + _data_frame(packet, True)
        # Time, flags (check sequence, padded header) and rate.
        flags = 0x10 | 0x20
        head = struct.pack("<BBHIQBB", 0, 0, 18, 0b111, 12_345, flags, 108)
        frame = _data_frame(packet, False, b"\0\0" b"\0\0" b"\0\0", 0x88)
        return head + frame + b"\xde\xad\xbe\xef"

    wire = Wire(Capture(RADIOTAP), wrap)
    beacon = b"\x80\0\0\0" + b"\xff" * 6 + ROUTER + ROUTER + bytes(14) + b"\0\x04demo"
    wire.capture.frame(struct.pack("<BBHI", 0, 0, 8, 0) + beacon)
    return look_up_and_visit(wire, "wireless.example")


def nothing_80211_protected():
    """Data frames of IEEE 802.11 with the bit that says that they are encrypted. What stands
    behind the header resembles a packet in clear, and is not to be read as one."""

    def wrap(packet, to_server):
        frame = bytearray(_data_frame(packet, to_server))
        frame[1] |= 0x40
        return struct.pack("<BBHI", 0, 0, 8, 0) + bytes(frame)

    capture = _case(RADIOTAP, "protected.example", wrap)
    capture.lines.clear()
    return capture


def triple_vlan():
    """Three VLAN tags, the outer two by the older EtherType 0x9100."""
    tags = bytes.fromhex("91000064" "910000c8" "8100012c")

    def wrap(packet, _to_server):
        frame = ethernet(packet)
        return frame[:12] + tags + frame[12:]

    return _case(1, "triple-vlan.example", wrap)


def llc_snap():
    """IP in IEEE 802.3 frames, with a length, LLC and SNAP (RFC 1042)."""

    def wrap(packet, _to_server):
        body = b"\xaa\xaa\x03\0\0\0" + struct.pack(">H", ether_type(packet)) + packet
        return ethernet(body, len(body))

    return _case(1, "snap.example", wrap)


def ethernet_padding():
    """Frames with octets behind the end of the IP packet, which belong to nobody: what a switch
    pads with, and a trailer of a capture device."""
    trailer = b"GET / HTTP/1.1\r\nHost: trailer.example\r\n\r\n"
    return _case(1, "padded.example", lambda it, _: ethernet(it) + trailer)


def big_endian_file():
    """A capture file of a big-endian machine, with microseconds."""
    capture = look_up_and_visit(Wire(), "big-endian.example")
    return capture, capture.pcap_of_big_endian_machine()


def nothing_empty():
    """A capture without a frame."""
    return Capture()


def nothing_unknown_link():
    """A link type reserved for private use: nobody can say what its frames hold."""
    return _without_lines(_case(147, "private.example", lambda it, _: it))


def nothing_macsec():
    """MACsec (IEEE 802.1AE) with encryption: what follows the tag is noise."""
    capture = Capture()
    for number in range(1, 6):
        plain = enumerate(hello("macsec.example", CHROMIUM)[:300])
        noise = bytes(value ^ (place * 73 + number) & 0xFF for place, value in plain)
        tag = struct.pack(">BBI", 0x2C, 0, number) + STATION + b"\0\1"
        capture.frame(ethernet(tag + noise, 0x88E5))
    return capture


def _without_lines(capture):
    capture.lines.clear()
    return capture
