"""Tells what clients ask for: a JSON line a request, appended to the file that ASKED names."""

import json
import os


def tell(client, kind, name):
    """`kind` is `dns`, `http` or `https`. Without ASKED nothing is told."""
    if path := os.environ.get("ASKED"):
        line = {"client": client, "kind": kind, "name": name.lower().rstrip(".")}
        with open(path, "a") as file:
            file.write(json.dumps(line) + "\n")
