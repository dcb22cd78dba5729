#!/usr/bin/env python3
"""Says what `phonehome names FILE` must print for a capture, by way of tshark.

Usage: expect-from-tshark.py CAPTURE              to standard output
       expect-from-tshark.py --write FOLDER...    FOLDER/expect.jsonl from FOLDER/input.pcap

The result is a proposal: it is read by a person before it is committed. Rules beyond tshark's:
a message tells each name once for each source; a copy of a frame, and a retransmission, tells
nothing; port 53 is DNS and mDNS, LLMNR and NBNS are not; names quoted in ICMP errors are nobody's;
of certificates, only the first (the server's own) counts.
"""

import json
import os
import subprocess
import sys

ANSWER_TYPES = {"1", "5", "28", "65"}

FIELDS = """
    frame.time_epoch ip.src ipv6.src ip.dst ipv6.dst ip.id
    tcp.srcport tcp.dstport tcp.seq_raw udp.srcport udp.dstport icmp.type
    dns.id dns.flags.response dns.qry.name dns.resp.name dns.resp.type dns.cname
    tls.handshake.type tls.handshake.extensions_server_name tls.handshake.extension.type
    tls.handshake.certificate x509ce.dNSName
    http.request.method http.host http.request.uri
""".split()

CLIENT_HELLO = "1"
ECH = "65037"


def frames(capture):
    """One dictionary of field lists a frame that holds a message of interest."""
    command = ["tshark", "-n", "-r", capture, "-o", "tcp.reassemble_out_of_order:TRUE"]
    command += ["-Y", "(dns && !mdns) || tls.handshake.type == 1 || http.request || "
                "tls.handshake.certificate"]  # fmt: skip
    command += ["-T", "fields", "-E", "separator=/t", "-E", "aggregator=;"]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        values = line.split("\t") + [""] * len(FIELDS)
        yield {name: [v for v in value.split(";") if v] for name, value in zip(FIELDS, values)}


def observations(frame):
    """Source, name and further keys of each name in a frame."""
    if frame["icmp.type"]:
        return
    if frame["dns.flags.response"]:
        yield from dns(frame)
    if CLIENT_HELLO in frame["tls.handshake.type"]:
        source = "quic-sni" if frame["udp.srcport"] else "tls-sni"
        # Extensions of other handshake messages in the same frame would be mixed in here; a hello
        # shares its frame with none of them.
        more = {"ech": "unknown"} if ECH in frame["tls.handshake.extension.type"] else {}
        for name in frame["tls.handshake.extensions_server_name"]:
            yield source, name, more
    elif frame["tls.handshake.certificate"]:
        yield from certificate(frame)
    for method, host in zip(frame["http.request.method"], frame["http.host"]):
        if method == "CONNECT":
            yield "http-connect", frame["http.request.uri"][0].rpartition(":")[0], {}
        else:
            yield "http-host", host.partition(":")[0], {}


def dns(frame):
    if frame["dns.flags.response"] == ["0"]:
        for name in frame["dns.qry.name"]:
            yield "dns-query", name, {}
        return
    targets = iter(frame["dns.cname"])
    for owner, kind in zip(frame["dns.resp.name"], frame["dns.resp.type"]):
        if kind in ANSWER_TYPES:
            yield "dns-answer", owner, {}
        if kind == "5":
            yield "dns-answer", next(targets), {}


def certificate(frame):
    """The alternative names; in these captures the subject's common name is the first of them."""
    for name in frame["x509ce.dNSName"]:
        yield "tls-cert", name, {}


def expectations(capture):
    seen = set()
    for frame in frames(capture):
        look = tuple(str(frame[it]) for it in FIELDS if it != "frame.time_epoch")
        if look in seen:
            continue
        seen.add(look)
        transport = "tcp" if frame["tcp.srcport"] else "udp"
        ends = {
            "src": (frame["ip.src"] + frame["ipv6.src"])[0],
            "src_port": int(frame[f"{transport}.srcport"][0]),
            "dst": (frame["ip.dst"] + frame["ipv6.dst"])[0],
            "dst_port": int(frame[f"{transport}.dstport"][0]),
        }
        seconds, _, fraction = frame["frame.time_epoch"][0].partition(".")
        here = set()
        for source, name, more in observations(frame):
            name = name.lower().rstrip(".")
            if not name or (source, name) in here:
                continue
            here.add((source, name))
            line = {"ts": f"{seconds}.{fraction[:6]}", "source": source, "transport": transport}
            line |= ends | {"name": name} | more
            yield line


def write(line):
    """JSON with the time as a number of six decimals, which a float would not keep."""
    text = json.dumps({k: v for k, v in line.items() if k != "ts"}, separators=(",", ":"))
    return f'{{"ts":{line["ts"]},{text[1:]}'


def main(arguments):
    if arguments[0] != "--write":
        for line in expectations(arguments[0]):
            print(write(line))
        return
    for folder in arguments[1:]:
        lines = [write(it) for it in expectations(os.path.join(folder, "input.pcap"))]
        with open(os.path.join(folder, "expect.jsonl"), "w", encoding="ascii") as file:
            file.write("".join(f"{it}\n" for it in lines))
        print(f"{folder}: {len(lines)} names")


if __name__ == "__main__":
    main(sys.argv[1:])
