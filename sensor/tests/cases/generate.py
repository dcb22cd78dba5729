#!/usr/bin/env python3
"""Makes the capture cases that the demo capture does not hold.

Usage: generate.py [CASE...]      in any folder; all cases without arguments

Writes NAME/input.pcap, NAME/expect.jsonl and NAME/README.md, NAME/hosts.jsonl where hosts have
findings that say who they are, and of some NAME/findings.json. Same code, same octets. Headers are
laid out here; hellos are those of real clients, taken out of the cases that cut.py makes, with
another name put in. What is expected is said where the frames are made: it is what their octets
hold by the RFCs, and was never taken from the sensor's output.
"""

import json
import os
import sys
import textwrap

sys.dont_write_bytecode = True

import made_discovery
import made_dns
import made_ech
import made_findings
import made_http
import made_identity
import made_links
import made_others
import made_quic
import made_tcp
import made_tunnels

MODULES = (
    made_tunnels,
    made_links,
    made_tcp,
    made_dns,
    made_http,
    made_findings,
    made_others,
    made_ech,
    made_quic,
    made_identity,
    made_discovery,
)
HERE = os.path.dirname(os.path.abspath(__file__))
ORIGIN = "Origin: `generate.py` in the folder above."


def cases():
    """Name, function and text of each case: the functions of the modules that have a docstring and
    a name without leading underscore, `_` read as `-`."""
    found = {}
    for module in MODULES:
        for name, it in vars(module).items():
            if callable(it) and getattr(it, "__module__", "") == module.__name__:
                if not name.startswith("_"):
                    found[name.replace("_", "-")] = it
    return found


def text_of(name, make):
    paragraphs = textwrap.dedent("    " + make.__doc__).strip().split("\n\n")
    filled = [textwrap.fill(" ".join(it.split()), 99) for it in paragraphs]
    return "\n\n".join([f"# {name}", *filled, ORIGIN]) + "\n"


def main(names):
    known = cases()
    for name in names or known:
        made = known[name]()
        capture, octets = made if isinstance(made, tuple) else (made, made.pcap())
        if name.startswith("nothing-") != (not capture.lines):
            sys.exit(f"{name}: the name does not say whether something is expected")
        folder = os.path.join(HERE, name)
        os.makedirs(folder, exist_ok=True)
        parts = {
            "input.pcap": octets,
            "expect.jsonl": "".join(it + "\n" for it in capture.lines).encode(),
            "README.md": text_of(name, known[name]).encode(),
        }
        if capture.hosts:
            parts["hosts.jsonl"] = "".join(it + "\n" for it in capture.hosts).encode()
        parts.update(capture.packs)
        if capture.packs:
            os.makedirs(os.path.join(folder, "packs"), exist_ok=True)
        if capture.document is not None:
            text = json.dumps(capture.document, indent=2) + "\n"
            parts["findings.json"] = text.encode()
        for part, content in parts.items():
            with open(os.path.join(folder, part), "wb") as file:
                file.write(content)


if __name__ == "__main__":
    main(sys.argv[1:])
