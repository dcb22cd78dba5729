#!/bin/sh
# Installs the Debian packages that are missing: "build" for the build, "deb" for the package too,
# "test" for all of the tests, which also want some tools in target/tools, "peers" for what the sensor
# is compared with.
set -eu

packages="gcc libc6-dev libpcap-dev make"
mode=${1:-build}
if [ "$mode" = deb ] || [ "$mode" = test ]; then
    packages="$packages binutils dpkg-dev"
fi
if [ "$mode" = peers ]; then
    packages="$packages libndpi-bin python3 tcpdump tshark"
fi
if [ "$mode" = test ]; then
    packages="$packages bind9-dnsutils chromium curl ethtool iproute2 lintian logrotate \
        ngtcp2-client ngtcp2-server openssl poppler-utils prometheus python3 rsyslog \
        rsyslog-gnutls socat strace systemd tcpdump tcpreplay"
    packages="$packages buildah docker-compose jq libcap2-bin mmdebstrap"
    packages="$packages prometheus-alertmanager python3-venv"
fi

install_packages() {
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "setup: please install by hand:$1" >&2
        exit 1
    fi
    sudo=""
    if [ "$(id -u)" -ne 0 ]; then
        sudo="sudo"
    fi
    echo "setup: installing$1"
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get update -qq
    # shellcheck disable=SC2086 # a list of words is what is meant
    $sudo apt-get install -y -qq --no-install-recommends $1 >/dev/null
}

# What Debian has not: Grafana's own model of dashboards, from PyPI. And what may not be had where there
# is no registry of images: a base for the sensor's image.
install_tools() {
    tools=$(cd "$(dirname "$0")/../.." && pwd)/target/tools
    wanted='grafana-foundation-sdk==1769699379!11.6.0'
    mkdir -p "$tools"
    if [ "$(cat "$tools/wanted" 2>/dev/null)" != "$wanted" ]; then
        echo "setup: installing $wanted in target/tools"
        if ! { python3 -m venv --clear "$tools/python" &&
            "$tools/python/bin/pip" install -q --no-input "$wanted"; }; then
            echo "setup: $wanted cannot be had; the tests of dashboards need it" >&2
            exit 1
        fi
        echo "$wanted" >"$tools/wanted"
    fi
    if [ ! -s "$tools/debian-12.tar" ] && [ "$(id -u)" -eq 0 ]; then
        echo "setup: making the base of an image in target/tools"
        mmdebstrap --quiet --variant=minbase --include="libcap2-bin libpcap0.8 \
            systemd-standalone-sysusers systemd-standalone-tmpfiles" \
            --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
            bookworm "$tools/new.tar"
        mv "$tools/new.tar" "$tools/debian-12.tar"
    fi
}

missing=""
for package in $packages; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
        missing="$missing $package"
done
[ -z "$missing" ] || install_packages "$missing"
[ "$mode" != test ] || install_tools
