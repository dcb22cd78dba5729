"""Reads dashboards as Grafana's own SDK does and writes them again: a key that is lost is misspelt.

keys.py FILE...; a line on standard output for each lost key, `FILE PATH`.
"""

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

# Keys of annotations that Grafana reads and its SDK does not know.
UNKNOWN_TO_THE_SDK = ("step", "tagKeys", "titleFormat", "useValueForTime")


def keys(value, path=""):
    """The paths of all values that are neither objects nor lists."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from keys(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from keys(inner, f"{path}[{place}]")
    else:
        yield path


def known(path):
    """Whether the SDK should know a path."""
    return not (path.startswith(".annotations.") and path.endswith(UNKNOWN_TO_THE_SDK))


register_default_plugins()
for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        raw = json.load(file)
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(raw)))
    for path in sorted(filter(known, set(keys(raw)) - set(keys(again)))):
        print(name, path)
