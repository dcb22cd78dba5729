"""Octets of frames: captures, link and network headers, tunnels' helpers. Standard library only."""

import datetime
import ipaddress
import json
import struct

ETHERNET, NULL, PPP, RAW, C_HDLC, FRELAY, LINUX_SLL = 1, 0, 9, 101, 104, 107, 113
ARCNET_LINUX = 129
RADIOTAP, NFLOG, LINUX_SLL2 = 127, 239, 276
IPV4, IPV6 = 0x0800, 0x86DD
TCP, UDP, GRE = 6, 17, 47

# Some moment; captures of one second or two begin there.
START = 1_795_600_000 * 10**9 + 123_456_789
STEP = 1_234_567


class Capture:
    """Frames with their times, and the lines that they should give."""

    def __init__(self, link=ETHERNET):
        self.link = link
        self.at = START
        self.frames = []
        self.lines = []
        self.hosts = []
        self.packs = {}
        # What `phonehome read --json` has to say, if that is expected.
        self.document = None

    def frame(self, octets, snap=65535, wait=STEP):
        """Adds a frame, of which `snap` octets are kept, after `wait` nanoseconds."""
        self.at += wait
        self.frames.append((self.at, octets[:snap], len(octets)))

    def tell(self, source, transport, src, dst, name, **more):
        """Expects a line about what the newest frame has completed; ends are (address, port)."""
        line = {
            "ts": None,
            "source": source,
            "transport": transport,
            "src": src[0],
            "src_port": src[1],
            "dst": dst[0],
            "dst_port": dst[1],
            "name": name,
            **more,
        }
        micros = self.at // 1000
        text = json.dumps(line, separators=(",", ":"))
        self.lines.append(text.replace("null", f"{micros // 10**6}.{micros % 10**6:06d}", 1))

    def host(self, host, identity, vendor="kaspersky", **more):
        """Expects a finding of a host, and who the host is; `since` is a time in nanoseconds."""
        line = {"host": host, "vendor": vendor, "identity": identity, **more}
        self.hosts.append(json.dumps(_timed(line), separators=(",", ":")))

    def nobody(self, host):
        """Expects no finding of a host."""
        self.hosts.append(json.dumps({"host": host, "vendor": None}, separators=(",", ":")))

    def pack(self, text, vendor, name, payload):
        """Has a pack of a vendor loaded, which claims a payload."""
        source = f"facts of {name}"
        filled = text.format(id=vendor, vendor=name, payload=payload, source=source)
        self.packs[f"packs/{vendor}.toml"] = filled.encode()

    def pcap(self):
        """The capture file, with nanoseconds."""
        parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, self.link)]
        for at, octets, wire_len in self.frames:
            seconds, nanos = divmod(at, 10**9)
            parts += [struct.pack("<IIII", seconds, nanos, len(octets), wire_len), octets]
        return b"".join(parts)

    def pcap_of_big_endian_machine(self):
        """The capture file, with microseconds, in the other order of octets."""
        parts = [struct.pack(">IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, self.link)]
        for at, octets, wire_len in self.frames:
            seconds, micros = divmod(at // 1000, 10**6)
            parts += [struct.pack(">IIII", seconds, micros, len(octets), wire_len), octets]
        return b"".join(parts)


def _timed(value):
    """The same with times as findings have them."""
    if isinstance(value, list):
        return [_timed(it) for it in value]
    if not isinstance(value, dict):
        return value
    timed = {key: _timed(it) for key, it in value.items()}
    if "since" in timed:
        seconds, nanos = divmod(timed["since"], 10**9)
        moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
        timed["since"] = f"{moment:%Y-%m-%dT%H:%M:%S}.{nanos // 1000:06d}Z"
    return timed


def checksum(octets):
    """Internet checksum (RFC 1071)."""
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def packed(address):
    return ipaddress.ip_address(address).packed


def ether_type(packet):
    return IPV6 if packet[0] >> 4 == 6 else IPV4


def ip(src, dst, protocol, payload, identification=0x1234, fragment=0x4000):
    """An IPv4 or IPv6 packet; `fragment` is the IPv4 field of flags and offset."""
    src, dst = packed(src), packed(dst)
    if len(src) == 16:
        return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + src + dst + payload
    total = 20 + len(payload)
    head = struct.pack(">BBHHHBBH", 0x45, 0, total, identification, fragment, 64, protocol, 0)
    head += src + dst
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def with_transport_checksum(src, dst, protocol, octets, place):
    pseudo = packed(src) + packed(dst) + struct.pack(">II", len(octets), protocol)
    value = checksum(pseudo + octets) or 0xFFFF
    return octets[:place] + struct.pack(">H", value) + octets[place + 2 :]


def udp_payload(src, dst, payload):
    """A UDP header and what follows it; ends are (address, port)."""
    head = struct.pack(">HHHH", src[1], dst[1], 8 + len(payload), 0)
    return with_transport_checksum(src[0], dst[0], UDP, head + payload, 6)


def udp(src, dst, payload):
    """An IP packet with a UDP datagram."""
    return ip(src[0], dst[0], UDP, udp_payload(src, dst, payload))


FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def tcp_payload(src, dst, seq, ack, flags, payload=b"", options=b""):
    """A TCP header and what follows it."""
    words = 5 + len(options) // 4
    head = struct.pack(
        ">HHIIBBHHH",
        src[1],
        dst[1],
        seq & 0xFFFF_FFFF,
        ack & 0xFFFF_FFFF,
        words << 4,
        flags,
        64_240,
        0,
        0,
    )
    return with_transport_checksum(src[0], dst[0], TCP, head + options + payload, 16)


def tcp(src, dst, seq, ack, flags, payload=b"", options=b""):
    """An IP packet with a TCP segment."""
    return ip(src[0], dst[0], TCP, tcp_payload(src, dst, seq, ack, flags, payload, options))


STATION, ROUTER = bytes.fromhex("025048000021"), bytes.fromhex("025048000001")


def ethernet(packet, kind=None):
    """An Ethernet frame from the station to the router around a packet, of its own EtherType."""
    return ROUTER + STATION + struct.pack(">H", kind or ether_type(packet)) + packet


def gre(kind, payload, flags=0, fields=b""):
    """A GRE header (RFC 2784, RFC 2890) and what follows it."""
    return struct.pack(">HH", flags, kind) + fields + payload


def fragments(packet, size, identification=0x4242):
    """Cuts the payload of an IPv4 or IPv6 packet into fragments of `size` octets, in order."""
    return [
        fragment(packet, start, start + size, identification)
        for start in range(0, payload_len(packet), size)
    ]


def payload_len(packet):
    return len(packet) - (40 if packet[0] >> 4 == 6 else 20)


def fragment(packet, start, end, identification=0x4242):
    """The octets from `start` to `end` of a packet's payload as a fragment of it."""
    is_v6 = packet[0] >> 4 == 6
    payload = packet[40:] if is_v6 else packet[20:]
    more = end < len(payload)
    piece = payload[start:end]
    if is_v6:
        src, dst = packet[8:24], packet[24:40]
        head = struct.pack(">BBHI", packet[6], 0, start | more, identification)
        return ip(src, dst, 44, head + piece)
    field = (start // 8) | (0x2000 if more else 0)
    return ip(packet[12:16], packet[16:20], packet[9], piece, identification, field)
