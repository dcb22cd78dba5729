#!/usr/bin/env python3
"""Names that phonehome, tshark and nDPI's ndpiReader find in the same captures, side by side.

Usage: peers.py --sensor PROGRAM --captures FOLDER [--only GLOB] [--named]
                [--sample N] [--record FILE]

FOLDER holds manifest.csv (a line a capture: file, sha256, must, ext, may), the captures, and
expected/XX/SHA256.jsonl.gz, which say what names are on the wire and how sure that is. Of each
capture the pairs of source and name are compared. A name that only a peer reports is listed with
its cause, which the expectation and the headers that tshark shows tell: `MISS` if phonehome should
have it, `unexplained` if nothing tells. Either ends the program with exit code 1.

A peer that is not installed has no column: apt-get install libndpi-bin tshark.
"""

import argparse
import collections
import csv
import fnmatch
import gzip
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

SOURCES = ("dns-query", "dns-answer", "tls-sni", "quic-sni", "http-host", "http-connect")
HOST_NAME = re.compile(r"^(?=.{1,253}$)[a-z0-9_*-]{1,63}(\.[a-z0-9_*-]{1,63})*$")
ANSWER_TYPES = {"1", "5", "28", "65"}
TYPES_THAT_LIST_TYPES = {"47", "50"}
# An update (RFC 2136) has zones, prerequisites and updates where others have questions and answers.
OPCODE_UPDATE = "5"
PATIENCE_SECONDS = 120

TSHARK_FIELDS = """
    frame.protocols udp.srcport udp.dstport
    dns.flags.response dns.flags.opcode dns.count.answers
    dns.qry.name dns.qry.class dns.resp.name dns.resp.type dns.cname
    tls.handshake.type tls.handshake.extensions_server_name
    http.request.method http.host http.request.uri
""".split()

# What nDPI calls the protocol of a flow, and the sources that its name may be from.
NDPI_SOURCES = {
    "DNS": ("dns-query", "dns-answer"),
    "TLS": ("tls-sni",),
    "QUIC": ("quic-sni",),
    "HTTP": ("http-host", "http-connect"),
    "HTTP_Connect": ("http-connect", "http-host"),
    "HTTP_Proxy": ("http-host", "http-connect"),
}


def output(command, fine=(0,)):
    """Standard output of a program; None if it takes too long, or prints nothing and ends with
    another exit code than those that are fine."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode not in fine and not done.stdout:
        return None
    return done.stdout.decode("utf-8", "replace")


def normal(source, name):
    """A name as the expectations write it."""
    name = name.strip().lower()
    if source == "http-host":
        bracketed = re.match(r"^\[([0-9a-f:.]+)\](:\d*)?$", name)
        name = bracketed.group(1) if bracketed else re.sub(r":\d*$", "", name)
    return name.removesuffix(".")


def is_address(name):
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        return False


def names_of_sensor(sensor, capture):
    # 1 says that the capture is damaged: what comes before is read.
    text = output([sensor, "names", capture], fine=(0, 1))
    if text is None:
        return None
    lines = (json.loads(line) for line in text.splitlines())
    return {(it["source"], normal(it["source"], it["name"])) for it in lines}


def names_of_tshark(capture):
    """Pairs of source and name, each with the headers of a frame that it is in."""
    wanted = "dns || tls.handshake.type == 1 || http.host || http.request.method == CONNECT"
    command = ["tshark", "-n", "-r", capture, "-o", "tcp.reassemble_out_of_order:TRUE"]
    command += ["-Y", wanted, "-T", "fields", "-E", "separator=/t", "-E", "aggregator=\x1f"]
    for field in TSHARK_FIELDS:
        command += ["-e", field]
    text = output(command)
    if text is None:
        return None
    found = {}
    for line in text.splitlines():
        values = line.split("\t") + [""] * len(TSHARK_FIELDS)
        frame = {
            name: [it for it in value.split("\x1f") if it]
            for name, value in zip(TSHARK_FIELDS, values)
        }
        layers = frame["frame.protocols"][0] if frame["frame.protocols"] else ""
        for source, name in names_in(frame):
            name = normal(source, name)
            if name and name != "<root>":
                # Of several frames, the one with the fewest headers is the plainest.
                kept = found.get((source, name))
                if kept is None or plainness(layers) < plainness(kept["layers"]):
                    found[source, name] = {"layers": layers, "class": frame["dns.qry.class"]}
    return found


def plainness(layers):
    return (cause_of_layers(layers) is not None, layers.count(":"))


def names_in(frame):
    if frame["dns.flags.response"] and set(frame["dns.flags.response"]) <= {"0", "False"}:
        for name in frame["dns.qry.name"]:
            yield "dns-query", name
    elif frame["dns.flags.response"] and set(frame["dns.flags.opcode"]) != {OPCODE_UPDATE}:
        kinds = frame["dns.resp.type"]
        # The types that an NSEC record lists stand among those of the records: behind the first of
        # these it cannot be told which are whose.
        listing = [place for place, it in enumerate(kinds) if it in TYPES_THAT_LIST_TYPES]
        records = list(zip(frame["dns.resp.name"], kinds[: listing[0]] if listing else kinds))
        targets = frame["dns.cname"]
        # Those of the other sections stand behind those of the answer section; of several messages
        # in a frame it cannot be told which are whose.
        if len(frame["dns.count.answers"]) == 1:
            records = records[: int(frame["dns.count.answers"][0], 0)]
            targets = targets[: sum(kind == "5" for _, kind in records)]
        for name, kind in records:
            if kind in ANSWER_TYPES:
                yield "dns-answer", name
        for name in targets:
            yield "dns-answer", name
    if "1" in frame["tls.handshake.type"]:
        is_quic = ":quic" in frame["frame.protocols"][0]
        for name in frame["tls.handshake.extensions_server_name"]:
            yield ("quic-sni" if is_quic else "tls-sni"), name
    if "CONNECT" in frame["http.request.method"]:
        for name in frame["http.request.uri"][:1]:
            yield "http-connect", name.rpartition(":")[0] or name
    elif frame["http.request.method"]:
        for name in frame["http.host"]:
            yield "http-host", name


def names_of_ndpi(capture):
    """Pairs of what nDPI calls the protocol and the name of a flow."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as table:
        command = ["ndpiReader", "-q", "-d", "-t", "-i", capture, "-C", table.name]
        if output(command) is None:
            return None
        with open(table.name, encoding="utf-8", errors="replace") as file:
            rows = [line.split(",") for line in file if not line.startswith("#")]
    found = set()
    for row in rows:
        if len(row) > 11 and row[11]:
            found.add((row[10].split(".")[0], normal("http-host", row[11])))
    return found


def expected(folder, sha256):
    """Levels of pairs of source and name: must and ext before may."""
    path = os.path.join(folder, sha256[:2], sha256 + ".jsonl.gz")
    levels = {}
    if os.path.exists(path):
        with gzip.open(path, "rt") as file:
            for line in file:
                level, source, *_, name, _, _ = json.loads(line)
                rank = ("must", "ext", "may").index(level)
                key = (source, name)
                levels[key] = min(levels.get(key, 9), rank)
    return levels


def cause_of_layers(layers):
    """Why a name below these headers is not told, by the headers."""
    layers = layers.split(":")
    for layer, cause in (
        ("mdns", "mDNS: a local name service"),
        ("llmnr", "LLMNR: a local name service"),
        ("nbns", "NBNS: a local name service"),
        ("icmp", "quoted in an ICMP error"),
        ("icmpv6", "quoted in an ICMP error"),
        ("dtls", "DTLS"),
        ("ssdp", "SSDP"),
        ("gquic", "Google's QUIC with a handshake of its own"),
        ("http2", "HTTP/2"),
    ):
        if layer in layers:
            return cause
    if "http" in layers and "tls" in layers[: layers.index("http")]:
        return "HTTP within TLS, decrypted with keys that are in the file"
    return None


def cause_of_name(name, ours):
    """Why a name is not told as a peer writes it."""
    if is_address(name):
        return "an IP address, not a name"
    # Who does not escape a dot within a label writes it like one between labels.
    unescaped = {it.replace("\\.", ".") for it in ours}
    if not HOST_NAME.match(name) or name in unescaped - ours:
        return "octets that no host name has, written in another way"
    if any(name != it and (it.startswith(name) or it.endswith(name)) for it in ours):
        return "cut short by the peer: phonehome has the whole name"
    return None


def cause_for_tshark(source, name, found, levels, ours):
    rank = levels.get((source, name))
    if rank in (0, 1):
        return "MISS"
    seen = found[source, name]
    cause = cause_of_layers(seen["layers"])
    if cause is None and source.startswith("dns") and set(seen["class"]) - {"0x0001", "1"}:
        cause = "DNS of a class other than IN"
    cause = cause or cause_of_name(name, {it[1] for it in ours})
    if cause is None and any(it[1] == name for it in ours):
        cause = "told as of another source"
    if cause is None and rank == 2:
        cause = "a malformed or odd message, by the expectations"
    return cause or "unexplained"


def cause_for_ndpi(protocol, name, found, levels, ours):
    sources = NDPI_SOURCES.get(protocol, ())
    if any(levels.get((it, name)) in (0, 1) for it in sources):
        return "MISS"
    names = {it[1] for it in ours}
    if name in names:
        return "told as of another source"
    if not sources:
        return f"{protocol}: no source of names of hosts that are asked for"
    cause = cause_of_name(name, names)
    if cause:
        return cause
    by_tshark = [it for it in found if it[1] == name] if found is not None else []
    for key in by_tshark:
        cause = cause_of_layers(found[key]["layers"])
        if cause:
            return cause
    if any(levels.get((it, name)) == 2 for it in SOURCES):
        return "a malformed or odd message, by the expectations"
    if found is not None and not by_tshark:
        return "not asked for on the wire: tshark does not find it either"
    return "unexplained"


def compare(arguments, row):
    """Counts of a capture by program and source, and what only a peer reports."""
    capture = os.path.join(arguments.captures, row["file"])
    counts = collections.Counter()
    only = []
    ours = names_of_sensor(arguments.sensor, capture)
    if ours is None:
        return row["file"], counts, [("phonehome", "", "", "MISS")]
    levels = expected(os.path.join(arguments.captures, "expected"), row["sha256"])
    counts.update(("phonehome", it[0]) for it in ours)
    counts.update(
        ("expected", source) for (source, _), rank in levels.items() if rank < 2
    )
    found = None
    if "tshark" in arguments.peers:
        found = names_of_tshark(capture)
        counts["tshark", "failed"] += found is None
    for source, name in sorted(found or ()):
        if cause_of_layers(found[source, name]["layers"]) is None:
            counts["tshark", source] += 1
        if (source, name) not in ours:
            cause = cause_for_tshark(source, name, found, levels, ours)
            only.append(("tshark", source, name, cause))
    if "ndpiReader" in arguments.peers:
        flows = names_of_ndpi(capture)
        counts["ndpiReader", "failed"] += flows is None
        for protocol, name in sorted(flows or ()):
            sources = NDPI_SOURCES.get(protocol, ())
            for source in sources:
                # One flow, one name: it is counted for each source that truly has it.
                if (source, name) in ours or levels.get((source, name)) in (0, 1):
                    counts["ndpiReader", source] += 1
            if not any((it, name) in ours for it in sources):
                cause = cause_for_ndpi(protocol, name, found, levels, ours)
                only.append(("ndpiReader", protocol, name, cause))
    return row["file"], counts, only


def report(arguments, files, counts, only):
    """The result as Markdown."""
    programs = ["expected", "phonehome", *arguments.peers]
    lines = ["# Names found, beside peers", ""]
    lines += [f"{files} captures. Versions:", ""]
    lines += [f"- {it}: {version(arguments, it)}" for it in programs[1:]]
    lines += ["", "Pairs of source and name, each once a capture. *expected* are those that the"]
    lines += ["expectations are sure of. Of tshark, names of local name services, ICMP errors and"]
    lines += ["the like are left out, and of DNS those behind the answer section; of nDPI, names that"]
    lines += ["are not on the wire as such.", ""]
    lines += ["| source | " + " | ".join(programs) + " |", "|---|" + "---:|" * len(programs)]
    for source in (*SOURCES, "all"):
        cells = []
        for program in programs:
            of = SOURCES if source == "all" else (source,)
            cells.append(str(sum(counts[program, it] for it in of)))
        lines.append(f"| {source} | " + " | ".join(cells) + " |")
    for peer in arguments.peers:
        if counts[peer, "failed"]:
            lines += ["", f"{peer} did not read {counts[peer, 'failed']} of the captures."]
        causes = collections.defaultdict(list)
        for file, (who, source, name, cause) in only:
            if who == peer:
                causes[cause].append((file, source, name))
        total = sum(map(len, causes.values()))
        lines += ["", f"## What only {peer} reports: {total}", ""]
        lines += ["| cause | names | captures | for instance |", "|---|---:|---:|---|"]
        for cause, found in sorted(causes.items(), key=lambda it: -len(it[1])):
            captures = len({it[0] for it in found})
            example = f"{found[0][1]} `{found[0][2][:60]}`"
            lines.append(f"| {cause} | {len(found)} | {captures} | {example} |")
        open_ones = causes["MISS"] + causes["unexplained"]
        if open_ones:
            lines += ["", "Misses and what nothing explains:", ""]
            lines += [f"- {file}: {source} `{name}`" for file, source, name in open_ones]
    return "\n".join(lines) + "\n"


def version(arguments, program):
    if program == "phonehome":
        text = output([arguments.sensor, "--version"])
    else:
        text = output([program, "--version" if program == "tshark" else "-h"])
    lines = [it.strip() for it in (text or "").splitlines() if it.strip()]
    return lines[0].removeprefix("Welcome to ") if lines else "version unknown"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sensor", required=True, help="the program")
    parser.add_argument("--captures", required=True, help="folder with manifest.csv")
    parser.add_argument("--only", help="captures whose file fits this pattern")
    parser.add_argument("--named", action="store_true", help="captures with expected or possible names only")
    parser.add_argument("--sample", type=int, default=1, help="every Nth capture only")
    parser.add_argument("--record", help="write the result to this file too")
    parser.add_argument("-j", type=int, default=os.cpu_count(), help="captures at once")
    arguments = parser.parse_args()
    manifest = os.path.join(arguments.captures, "manifest.csv")
    if not os.path.isfile(manifest):
        sys.exit(f"peers: there is no {manifest}: --captures names no folder of captures")
    arguments.peers = [it for it in ("tshark", "ndpiReader") if shutil.which(it)]
    for peer in {"tshark", "ndpiReader"} - set(arguments.peers):
        print(f"peers: {peer} is not installed, and has no column", file=sys.stderr)
    with open(manifest, encoding="utf-8") as file:
        rows = [it for it in csv.DictReader(file) if it["file"]]
    rows = [it for it in rows if os.path.isfile(os.path.join(arguments.captures, it["file"]))]
    if arguments.only:
        rows = [it for it in rows if fnmatch.fnmatch(it["file"], arguments.only)]
    if arguments.named:
        rows = [it for it in rows if any(int(it[level]) for level in ("must", "ext", "may"))]
    rows = rows[:: arguments.sample]
    if not rows:
        sys.exit(f"peers: no capture of {manifest} is there")
    counts = collections.Counter()
    only = []
    with ThreadPoolExecutor(arguments.j) as pool:
        for file, of_file, only_here in pool.map(lambda it: compare(arguments, it), rows):
            counts.update(of_file)
            only.extend((file, it) for it in only_here)
    text = report(arguments, len(rows), counts, only)
    print(text, end="")
    if arguments.record:
        with open(arguments.record, "w", encoding="utf-8") as file:
            file.write(text)
    open_ones = [it for it in only if it[1][3] in ("MISS", "unexplained")]
    sys.exit(bool(open_ones))


if __name__ == "__main__":
    main()
