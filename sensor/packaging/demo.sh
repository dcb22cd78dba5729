#!/bin/sh
# The main job on a bundled capture: findings on the terminal, then the same file through the sensor
# with its metrics. On a terminal the sensor serves until Ctrl-C; anywhere else it ends by itself.
set -eu

phonehome=$1
capture=$2

"$phonehome" read "$capture"

cat <<TEXT

The same file, through the sensor's threads, with metrics and a status page:

    $phonehome run --replay $capture

TEXT

if [ -t 0 ] && [ -t 1 ]; then
    cat <<TEXT
Open http://127.0.0.1:14663/ for the status page, or ask from another terminal:

    curl -s http://127.0.0.1:14663/metrics | grep phonehome_open_findings
    curl -s http://127.0.0.1:14663/api/v1/findings

Ctrl-C ends it. What to do next: read your own captures with
    $phonehome read FILE.pcap
and see README.md for running it on a mirror port.

TEXT
    exec "$phonehome" run --replay "$capture"
fi

out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$phonehome" run --replay "$capture" --exit-when-done --metrics "$out" --web.listen-address 127.0.0.1:0
grep '^phonehome_open_findings' "$out" | grep -v ' 0$'
cat <<TEXT

What to do next: read your own captures with
    $phonehome read FILE.pcap
and see README.md for running it on a mirror port.
TEXT
