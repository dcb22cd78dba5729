#!/bin/sh
# Installs, starts, upgrades, removes and purges the package under a real systemd: test-deb.sh
# PROGRAM. The machine is not changed: systemd is the first process of name spaces of its own (mounts,
# processes, network, control groups), on a copy of the file system that is kept in memory.
#
# Needs root and the packages of setup.sh. PHONEHOME_SKIP_LIVE=1 leaves it out.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

. "$here/in-systemd.sh"

# From here on, in the order in which they run: outside, inside the name spaces, and as a service of
# the systemd in there.
outside() {
    if [ -n "${PHONEHOME_SKIP_LIVE:-}" ]; then
        echo "test-deb: left out"
        return
    fi
    program=$1
    folder=$(mktemp -d)
    trap 'cleanup' EXIT
    # The packages, the capture and the scripts go in; what is said comes out.
    first=$("$here/deb.sh" "$program" "$folder/first")
    second=$(PHONEHOME_DEB_VERSION=99.0.0-1 "$here/deb.sh" "$program" "$folder/second")
    lintian --fail-on error "$first"
    cp "$first" "$folder/first.deb"
    cp "$second" "$folder/second.deb"
    cp "$here/test-deb.sh" "$here/in-systemd.sh" "$folder/"
    gzip -dc "$here/../tests/demo/demo.pcap.gz" >"$folder/demo.pcap"
    enclose "$folder" test-deb.sh
}

service() {
    export DEBIAN_FRONTEND=noninteractive
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    conf=/etc/phonehome/phonehome.toml
    state=/var/lib/phonehome
    ip link set lo up
    connect
    # What the sensor says goes where the test can show it.
    mkdir -p /run/systemd/system/phonehome.service.d
    cat >/run/systemd/system/phonehome.service.d/test.conf <<TEXT
[Service]
StandardError=append:/run/test/log
WatchdogSec=3
TimeoutAbortSec=2
RestartSec=1
TEXT

    step "the package can be installed, and starts nothing"
    dpkg --install /run/test/first.deb
    is "$(stat -c '%a %U:%G' $conf)" "640 root:phonehome"
    is "$(stat -c '%a %U:%G' $state)" "750 phonehome:phonehome"
    is "$(systemctl is-enabled phonehome || true)" disabled
    is "$(systemctl is-active phonehome || true)" inactive
    phonehome --version
    test -e /usr/share/man/man1/phonehome-run.1.gz

    step "its units are right, and leave it little to do harm with"
    systemd-analyze verify --man=no phonehome.service phonehome@mon0.service
    for unit in phonehome.service phonehome@.service; do
        systemd-analyze security --offline=true --threshold=20 --no-pager \
            /usr/lib/systemd/system/$unit | tail -n 1
    done

    step "it starts by its unit once an interface is chosen"
    sed -i 's/^interface = .*/interface = ["mon0"]/' $conf
    phonehome config check $conf
    echo '# an edit of mine' >>$conf
    systemctl enable --now phonehome
    is "$(systemctl is-active phonehome)" active
    wait_until ready
    case $(systemctl show -P StatusText phonehome) in
    "at work; "*) ;;
    *) fail "status: $(systemctl show -P StatusText phonehome)" ;;
    esac

    step "it has no rights, and all protections are in force"
    for status in /proc/"$(pid)"/task/*/status; do
        is "$(awk '$1 == "Uid:" { print $2 }' "$status")" "$(id -u phonehome)"
        is "$(awk '$1 ~ /^Cap(Inh|Prm|Eff|Amb):$/ { print $2 }' "$status" | sort -u)" 0000000000000000
        is "$(awk '$1 == "NoNewPrivs:" { print $2 }' "$status")" 1
    done
    is "$(metric '^phonehome_protection[{]' | sort | uniq -c | tr -s ' ')" " 7 1"

    step "it counts what is sent, and finds what is in it"
    tcpreplay -q --pps=4000 -i src0 /run/test/demo.pcap >/dev/null
    wait_until all_received
    wait_until findings

    step "a reload reads the packs again, and the same process goes on"
    before=$(pid)
    systemctl reload phonehome
    wait_until grep -q 'reloaded; packs: ' /run/test/log
    is "$(pid)" "$before"

    step "an interface that goes away and comes back is taken up by a new start"
    before=$(pid)
    ip link del mon0
    wait_until not_ready
    connect
    wait_until another_process "$before"
    wait_until ready

    step "findings go on after a new start"
    grep -q 'findings are kept in /var/lib/phonehome; [1-9]' /run/test/log
    wait_until findings
    is "$(stat -c '%a %U:%G' $state/phonehome.db)" "600 phonehome:phonehome"

    step "a sensor that hangs is started anew by the watchdog"
    before=$(pid)
    kill -STOP "$before"
    wait_until another_process "$before"
    wait_until ready

    step "the prefilter works with what the README says it needs"
    sed -i 's/^#* *prefilter = .*/prefilter = "flow-required"/' $conf
    grep -q '^prefilter = "flow-required"' $conf || printf '[capture]\nprefilter = "flow-required"\n' >>$conf
    phonehome config check $conf
    cat >/run/systemd/system/phonehome.service.d/prefilter.conf <<TEXT
[Service]
AmbientCapabilities=CAP_BPF
CapabilityBoundingSet=CAP_BPF
SystemCallFilter=bpf
TEXT
    systemctl daemon-reload
    systemctl restart phonehome
    wait_until ready
    is "$(metric '^phonehome_capture_prefiltered[{]')" 1
    is "$(awk '$1 == "CapEff:" { print $2 }' /proc/"$(pid)"/status)" 0000000000000000
    rm /run/systemd/system/phonehome.service.d/prefilter.conf
    sed -i '/^prefilter = "flow-required"/d' $conf
    systemctl daemon-reload
    systemctl restart phonehome
    wait_until ready

    step "an upgrade keeps settings and findings, and restarts it"
    before=$(pid)
    echo mine >$state/kept
    dpkg --force-confdef --install /run/test/second.deb
    is "$(tail -n 1 $conf)" "# an edit of mine"
    is "$(stat -c '%a %U:%G' $conf)" "640 root:phonehome"
    is "$(cat $state/kept)" mine
    is "$(dpkg-query -W -f '${Version}' phonehome)" 99.0.0-1
    wait_until another_process "$before"
    wait_until ready
    wait_until findings

    step "removal stops it, and keeps settings and findings"
    before=$(pid)
    dpkg --remove phonehome
    ! [ -e /proc/"$before" ] || fail "it still runs"
    ! [ -e /usr/bin/phonehome ] || fail "the program is still there"
    is "$(tail -n 1 $conf)" "# an edit of mine"
    is "$(cat $state/kept)" mine

    step "a purge deletes both"
    dpkg --purge phonehome
    for path in /etc/phonehome $state /usr/share/phonehome \
        /etc/systemd/system/multi-user.target.wants/phonehome.service; do
        ! [ -e $path ] && ! [ -L $path ] || fail "$path is still there: $(ls -la $path)"
    done
    done_step
    touch /run/test/passed
}

connect() {
    ip link add mon0 mtu 65535 type veth peer name src0 mtu 65535
    for end in mon0 src0; do
        echo 1 >/proc/sys/net/ipv6/conf/$end/disable_ipv6
        ip link set $end up
    done
}

pid() { systemctl show -P MainPID phonehome; }
ask() { curl -s --max-time 2 "http://127.0.0.1:14663$1"; }
ready() { [ "$(ask /-/ready)" = ready ]; }
not_ready() { ! ready; }
another_process() { [ "$(pid)" != "$1" ] && [ "$(pid)" != 0 ]; }
metric() { ask /metrics | sed -n "/$1/s/.* //p"; }
all_received() { [ "$(metric '^phonehome_capture_received_frames_total')" = 1867 ]; }
findings() { ask /api/v1/findings | grep -q Kaspersky; }

act "$@"
