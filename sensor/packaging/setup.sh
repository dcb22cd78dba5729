#!/bin/sh
# Installs the Debian packages that are missing: "build" for the build, "deb" for the package too,
# "test" for all of the tests, which also want a Python with Grafana's keys in target/tools.
set -eu

packages="gcc libc6-dev libpcap-dev make"
mode=${1:-build}
if [ "$mode" = deb ] || [ "$mode" = test ]; then
    packages="$packages binutils dpkg-dev"
fi
if [ "$mode" = test ]; then
    packages="$packages bind9-dnsutils buildah chromium curl ethtool iproute2 jq lintian \
        mmdebstrap ngtcp2-client ngtcp2-server openssl prometheus prometheus-alertmanager python3 \
        python3-venv strace systemd tcpdump tcpreplay"
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

# Grafana's own model of dashboards; from PyPI, as Debian has none.
install_tools() {
    tools=$(cd "$(dirname "$0")/../.." && pwd)/target/tools
    wanted='grafana-foundation-sdk==1769699379!11.6.0'
    if [ "$(cat "$tools/wanted" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    echo "setup: installing $wanted in target/tools"
    rm -rf "$tools"
    mkdir -p "$(dirname "$tools")"
    if ! { python3 -m venv "$tools" && "$tools/bin/pip" install -q --no-input "$wanted"; }; then
        echo "setup: $wanted cannot be had; the tests of dashboards need it" >&2
        exit 1
    fi
    echo "$wanted" >"$tools/wanted"
}

missing=""
for package in $packages; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
        missing="$missing $package"
done
[ -z "$missing" ] || install_packages "$missing"
[ "$mode" != test ] || install_tools
