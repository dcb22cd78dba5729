"""Checks a compose file, given as JSON on standard input, against the schema of the Compose specification.

A line on standard output for each thing that is wrong.
"""

import importlib.util
import json
import pathlib
import sys

import jsonschema

# The package is read for its schema only; what it would import is not installed.
PACKAGE = importlib.util.find_spec("compose").submodule_search_locations[0]
SCHEMA = json.loads(pathlib.Path(PACKAGE, "config", "compose_spec.json").read_text("utf-8"))

for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(json.load(sys.stdin)):
    print("/".join(map(str, error.absolute_path)), error.message)
