#!/bin/sh
# Installs the Debian packages that are missing: "build" for the build, "deb" for the package too,
# "test" for all of the tests.
set -eu

packages="gcc libc6-dev libpcap-dev make"
mode=${1:-build}
if [ "$mode" = deb ] || [ "$mode" = test ]; then
    packages="$packages binutils dpkg-dev"
fi
if [ "$mode" = test ]; then
    packages="$packages bind9-dnsutils chromium curl ethtool iproute2 lintian ngtcp2-client \
        ngtcp2-server openssl poppler-utils prometheus python3 strace systemd tcpdump tcpreplay"
fi

missing=""
for package in $packages; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: please install by hand:$missing" >&2
    exit 1
fi
sudo=""
if [ "$(id -u)" -ne 0 ]; then
    sudo="sudo"
fi
echo "setup: installing$missing"
# shellcheck disable=SC2086 # a list of words is what is meant
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
