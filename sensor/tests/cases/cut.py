#!/usr/bin/env python3
"""Cuts capture cases out of the demo capture, and rewrites some of them.

Usage: cut.py [CASE...]      in any folder; all cases without arguments

Each case takes the frames of demo.pcap.gz that a tshark filter selects, passes them through the
steps named beside it, and writes NAME/input.pcap. Steps change what the wire did to the frames
(order, tags, loss), never what a client said. Needs tshark.
"""

import gzip
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
DEMO = os.path.join(HERE, "..", "demo", "demo.pcap.gz")
ETHERNET_ADDRESSES = 12


def tagged(protocol, vlan):
    """Puts a VLAN tag (IEEE 802.1Q) in front of what is there."""

    def step(frames):
        tag = struct.pack(">HH", protocol, vlan)
        cut = ETHERNET_ADDRESSES
        return [(at, it[:cut] + tag + it[cut:]) for at, it in frames]

    return step


def payload(frame):
    """TCP payload of an untagged IPv4 frame."""
    ip = 14
    tcp = ip + (frame[ip] & 0x0F) * 4
    end = ip + struct.unpack_from(">H", frame, ip + 2)[0]
    return frame[tcp + (frame[tcp + 12] >> 4) * 4 : end]


def swap_first_segments(frames):
    """Lets the second segment with payload overtake the first; times stay in order."""
    first, second = [number for number, (_, it) in enumerate(frames) if payload(it)][:2]
    frames = list(frames)
    (early, one), (late, two) = frames[first], frames[second]
    frames[first], frames[second] = (early, two), (late, one)
    return frames


def repeat_first_segment(frames):
    """Sends the first segment with payload twice, as after a lost acknowledgement."""
    first = [number for number, (_, it) in enumerate(frames) if payload(it)][0]
    at, frame = frames[first]
    return frames[: first + 1] + [(at + 1000, frame)] + frames[first + 1 :]


def up_to_first_segment(frames):
    """Ends the capture after the first segment with payload."""
    first = [number for number, (_, it) in enumerate(frames) if payload(it)][0]
    return frames[: first + 1]


def first_frame(frames):
    """Ends the capture after its first frame."""
    return frames[:1]


def twice(frames):
    """Shows each frame twice, as a mirror of both the ingress and the egress port does."""
    return [copy for at, it in frames for copy in ((at, it), (at + 500, it))]


def flow(first, **fields):
    """Filter for all of the conversation that the first frame matching `first` belongs to."""
    return {"first": first, **fields}


CLIENT_HELLO = "tls.handshake.type == 1"
SERVER_NAME = "tls.handshake.extensions_server_name"

# A case's filter, or the conversation of the first frame that matches one, and its steps.
CASES = {
    "dns-udp": ("dns && ip.addr == 10.20.0.33 && udp && !icmp", []),
    "dns-tcp": ("ip.addr == 10.20.0.36 && tcp.port == 53", []),
    "dns-cname-chain": (
        "dns && !icmp && ip.addr == 10.20.0.11 && dns.qry.name == dc1-st.ksn.kaspersky-labs.com",
        [],
    ),
    "dns-mixed-case": (
        'dns && ip.addr == 203.0.113.53 && dns.qry.name matches "(?i)tiktok"',
        [],
    ),
    "dns-https-record": ("dns && ip.addr == 10.20.0.31 && dns.qry.name == video.example", []),
    "dns-refused-by-policy": ("dns && udp && !icmp && ip.addr == 10.20.0.12", []),
    "tls-single-segment": (
        flow(f"{CLIENT_HELLO} && {SERVER_NAME} == WWW.Debian.ORG"),
        [],
    ),
    "tls-split-pq": (
        flow(f"{CLIENT_HELLO} && {SERVER_NAME} == www.kaspersky.com"),
        [],
    ),
    "tls-out-of-order": (
        flow(f"{CLIENT_HELLO} && {SERVER_NAME} == usa.kaspersky.com"),
        [swap_first_segments],
    ),
    "tls-retransmitted": (
        flow(f"{CLIENT_HELLO} && {SERVER_NAME} == content.kaspersky-labs.com"),
        [repeat_first_segment],
    ),
    "tls-client-half-only": (
        flow(
            f"{CLIENT_HELLO} && {SERVER_NAME} == analytics.tiktok.com",
            also="ip.src == 10.20.0.15",
        ),
        [],
    ),
    "tls-no-syn": (
        flow(
            f"{CLIENT_HELLO} && {SERVER_NAME} == www.example.com",
            also="tcp.flags.syn == 0",
        ),
        [],
    ),
    "tls12-certificate": (
        flow(f"{CLIENT_HELLO} && {SERVER_NAME} == touch.kaspersky.com"),
        [],
    ),
    "http-host": ("ip.addr == 10.20.0.14 && tcp.port == 80", []),
    "http-connect-proxy": (flow("http.request.method == CONNECT && ip.src == 10.20.0.17"), []),
    "quic-v1": (
        flow(f"{CLIENT_HELLO} && {SERVER_NAME} == mssdk-quic-sg.tiktokv.com"),
        [],
    ),
    "quic-split": (flow("quic && ip.src == 10.20.0.31 && quic.long.packet_type == 0"), []),
    "vlan": (
        "ip.addr == 10.20.0.33 && (dns || tcp.port == 80) && !icmp",
        [tagged(0x8100, 20)],
    ),
    "qinq": (
        flow(f"{CLIENT_HELLO} && {SERVER_NAME} == www.dailynews.example"),
        [tagged(0x8100, 20), tagged(0x88A8, 300)],
    ),
    "ipv6": ("ipv6.addr == fd20::35 && (tcp || dns) && !icmpv6", []),
    "span-duplicates": ("ip.addr == 10.20.0.32 && (dns || tcp.port == 80)", [twice]),
    "nothing-blocked-connection": ("ip.addr == 10.20.0.12 && tcp", []),
    "nothing-hello-cut": (
        flow(f"{CLIENT_HELLO} && {SERVER_NAME} == www.kaspersky.com"),
        [up_to_first_segment],
    ),
    "nothing-server-half-only": (
        flow(
            f"{CLIENT_HELLO} && {SERVER_NAME} == www.kaspersky.com",
            also="ip.src == 185.85.15.34",
        ),
        [],
    ),
    "nothing-quic-hello-cut": (
        flow("quic && ip.src == 10.20.0.31 && quic.long.packet_type == 0"),
        [first_frame],
    ),
    "nothing-ssh": ("ip.addr == 10.20.0.36 && tcp.port == 22", []),
    "nothing-ntp": ("ntp", []),
    "nothing-tls-without-sni": (
        flow(f"{CLIENT_HELLO} && !{SERVER_NAME}"),
        [],
    ),
    "nothing-mdns": ("mdns && !icmp", []),
    "nothing-nbns-dhcp": ("nbns || dhcp", []),
    "nothing-bittorrent": ("udp.port == 6881", []),
    "nothing-device-discovery": ("udp.port == 37020 && !icmp", []),
    "nothing-device-cloud": ("tcp.port == 8666 || tcp.port == 8555", []),
    "nothing-icmp-quotes": ("icmp", []),
    "nothing-arp-nd": ("arp || icmpv6", []),
}


def tshark(capture, *arguments):
    command = ["tshark", "-r", capture, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()


def selected(capture, condition):
    """Numbers of the frames that a case holds."""
    if isinstance(condition, str):
        return tshark(capture, "-Y", condition, "-T", "fields", "-e", "frame.number")
    fields = ("-T", "fields", "-E", "separator=,", "-e", "tcp.stream", "-e", "udp.stream")
    line = tshark(capture, "-Y", condition["first"], *fields)[0]
    tcp, udp = line.split(",")
    stream = f"tcp.stream == {tcp}" if tcp else f"udp.stream == {udp} && !icmp"
    if "also" in condition:
        stream += f" && {condition['also']}"
    return tshark(capture, "-Y", stream, "-T", "fields", "-e", "frame.number")


def read(path):
    """Time in nanoseconds and octets of each frame of a little-endian nanosecond capture."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] != b"\x4d\x3c\xb2\xa1":
        sys.exit(f"{path}: not a little-endian nanosecond capture")
    frames, at = [], 24
    while at < len(data):
        seconds, nanos, held, _ = struct.unpack_from("<IIII", data, at)
        frames.append((seconds * 10**9 + nanos, data[at + 16 : at + 16 + held]))
        at += 16 + held
    return data[:24], frames


def write(path, head, frames):
    with open(path, "wb") as file:
        file.write(head)
        for at, frame in frames:
            seconds, nanos = divmod(at, 10**9)
            file.write(struct.pack("<IIII", seconds, nanos, len(frame), len(frame)) + frame)


def main(names):
    with tempfile.NamedTemporaryFile(suffix=".pcap") as plain:
        with gzip.open(DEMO) as file:
            plain.write(file.read())
        plain.flush()
        head, frames = read(plain.name)
        for name in names or CASES:
            condition, steps = CASES[name]
            numbers = selected(plain.name, condition)
            case = [frames[int(it) - 1] for it in numbers]
            for step in steps:
                case = step(case)
            os.makedirs(os.path.join(HERE, name), exist_ok=True)
            write(os.path.join(HERE, name, "input.pcap"), head, case)
            print(f"{name}: {len(case)} frames, {sum(len(it) for _, it in case)} octets")


if __name__ == "__main__":
    main(sys.argv[1:])
