#!/usr/bin/env python3
"""Runs all fuzz targets under libFuzzer, one after the other, and says how many executions there were.

Usage: run.py EXECUTIONS [--only TARGET] [--sanitizer none|address] [--record FILE]

Each target gets its part of the executions, as src/lib.rs says. It begins with the committed corpus;
what it adds to that lies in target/found/TARGET, for `cargo fuzz cmin`. The toolchain is the stable
one; with AddressSanitizer RUSTC_BOOTSTRAP is set. Exit code 1 if a target broke, with its input.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# A pack has a head and sources before its first signature.
MAX_LEN = {"pack": 16384}
DEFAULT_MAX_LEN = 6144


def targets():
    """Names of the targets, each with its part in a thousandth."""
    with open(os.path.join(HERE, "src/lib.rs"), encoding="utf-8") as file:
        found = re.findall(r'target\(\s*"(\w+)",\s*[\w:]+,\s*(\d+),?\s*\)', file.read())
    return {name: int(part) for name, part in found}


def build(sanitizer):
    environment = dict(os.environ)
    if sanitizer != "none":
        environment["RUSTC_BOOTSTRAP"] = "1"
    command = ["cargo", "fuzz", "build", "-s", sanitizer]
    subprocess.run(command, cwd=os.path.dirname(HERE), env=environment, check=True)
    triple = f"{platform.machine()}-unknown-linux-gnu"
    return os.path.join(HERE, "target", triple, "release")


def run(programs, name, executions):
    """What became of a target: executions, coverage, features, inputs, seconds, input that broke it."""
    found = os.path.join(HERE, "target/found", name)
    broken = os.path.join(HERE, "artifacts", name, "")
    os.makedirs(found, exist_ok=True)
    os.makedirs(broken, exist_ok=True)
    command = [os.path.join(programs, name), f"-runs={executions}", "-print_final_stats=1"]
    command += [f"-max_len={MAX_LEN.get(name, DEFAULT_MAX_LEN)}", "-timeout=30"]
    command += ["-rss_limit_mb=3072", f"-artifact_prefix={broken}"]
    command += [found, os.path.join(HERE, "corpus", name)]
    begin = time.monotonic()
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace")
    seconds = time.monotonic() - begin
    said = done.stderr
    units = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    states = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", said)
    cov, features, inputs = states[-1] if states else ("", "", "")
    if done.returncode:
        print(said[-4000:], file=sys.stderr)
    ran = int(units.group(1)) if units else 0
    return ran, cov, features, inputs, seconds, done.returncode


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("executions", type=int)
    parser.add_argument("--only", action="append", help="this target; may be given several times")
    parser.add_argument("--sanitizer", choices=("none", "address"), default="none")
    parser.add_argument("--record", help="write the result to this file too")
    arguments = parser.parse_args()
    parts = targets()
    wanted = arguments.only or list(parts)
    programs = build(arguments.sanitizer)
    lines = [
        f"Fuzz targets under libFuzzer, sanitizer: {arguments.sanitizer}.",
        "",
        f"Machine: {platform.node()}, {os.cpu_count()} CPUs, Linux {platform.release()}, "
        f"{time.strftime('%Y-%m-%d')}",
        "",
        "| target | executions | edges | features | inputs | seconds | outcome |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    total = broken = 0
    for name in wanted:
        executions = max(1, arguments.executions * parts[name] // 1000)
        ran, cov, features, inputs, seconds, code = run(programs, name, executions)
        total += ran
        broken += bool(code)
        outcome = f"broke, exit code {code}" if code else "no finding"
        lines.append(
            f"| {name} | {ran:,} | {cov} | {features} | {inputs} | {seconds:.0f} | {outcome} |"
        )
        print(lines[-1], flush=True)
    lines.append(f"| all | {total:,} | | | | | {broken} targets broke |")
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if arguments.record:
        with open(arguments.record, "w", encoding="utf-8") as file:
            file.write(text)
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
