#!/bin/sh
# Installs, starts, upgrades, removes and purges the package under a real systemd: test-deb.sh
# PROGRAM. The machine is not changed: systemd is the first process of name spaces of its own (mounts,
# processes, network, control groups), on a copy of the file system that is kept in memory.
#
# Needs root and the packages of setup.sh. PHONEHOME_SKIP_LIVE=1 leaves it out.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

# From here on, in the order in which they run: outside, inside the name spaces, and as a service of
# the systemd in there.
outside() {
    if [ -n "${PHONEHOME_SKIP_LIVE:-}" ]; then
        echo "test-deb: left out"
        return
    fi
    program=$1
    folder=$(mktemp -d)
    group=phonehome-test-$$
    trap 'cleanup' EXIT
    # The packages, the capture and the scripts go in; what is said comes out.
    first=$("$here/deb.sh" "$program" "$folder/first")
    second=$(PHONEHOME_DEB_VERSION=99.0.0-1 "$here/deb.sh" "$program" "$folder/second")
    lintian --fail-on error "$first"
    cp "$first" "$folder/first.deb"
    cp "$second" "$folder/second.deb"
    cp "$here/test-deb.sh" "$folder/"
    gzip -dc "$here/../tests/demo/demo.pcap.gz" >"$folder/demo.pcap"
    # A control group of its own keeps that systemd away from all others.
    for hierarchy in $(hierarchies); do
        mkdir "$hierarchy/$group"
    done
    (
        for hierarchy in $(hierarchies); do
            sh -c 'echo $PPID' >"$hierarchy/$group/cgroup.procs"
        done
        exec timeout --signal=KILL 300 \
            unshare --mount --pid --fork --kill-child --net --cgroup --mount-proc \
            sh "$folder/test-deb.sh" inside "$folder"
    ) >"$folder/log" 2>&1 </dev/null || true
    if ! [ -f "$folder/passed" ]; then
        cat "$folder/log"
        echo "test-deb: FAILED"
        exit 1
    fi
    grep '^ok: ' "$folder/log"
}

cleanup() {
    for hierarchy in $(hierarchies); do
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            find "$hierarchy/$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
            sleep 0.2
        done
    done
    rm -rf "$folder"
}

# Where control groups are: the new hierarchy, and an older one of systemd's own if there is one.
hierarchies() {
    awk '$3 == "cgroup2" || ($3 == "cgroup" && $4 ~ /name=systemd/) { print $2 }' /proc/self/mounts
}

inside() {
    folder=$1
    groups=$(hierarchies)
    mount --make-rprivate /
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/changes /mnt/work /mnt/root
    mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/changes,workdir=/mnt/work /mnt/root
    cd /mnt/root
    mount -t proc proc proc
    mount -t sysfs sysfs sys
    mount --rbind /dev dev
    mount -t tmpfs tmpfs run
    mount -t tmpfs tmpfs tmp
    mkdir run/test
    mount --bind "$folder" run/test
    # Control groups as they are seen from the own one.
    case $groups in
    /sys/fs/cgroup) mount -t cgroup2 cgroup sys/fs/cgroup ;;
    *)
        mount -t tmpfs tmpfs sys/fs/cgroup
        for hierarchy in $groups; do
            mkdir "sys/fs/cgroup/${hierarchy##*/}"
            case $hierarchy in
            */unified) mount -t cgroup2 cgroup sys/fs/cgroup/unified ;;
            *) mount -t cgroup -o none,name=systemd cgroup "sys/fs/cgroup/${hierarchy##*/}" ;;
            esac
        done
        ;;
    esac
    # Of all that starts with a machine, nothing is wanted here.
    for unit in usr/lib/systemd/system/sysinit.target.wants/* \
        usr/lib/systemd/system/sockets.target.wants/* etc/systemd/system/*.wants/*; do
        [ -e "$unit" ] || [ -L "$unit" ] || continue
        case $unit in *.wants/*.target) continue ;; esac
        ln -sf /dev/null "etc/systemd/system/${unit##*/}"
    done
    # Machines for building forbid packages to start services.
    rm -f usr/sbin/policy-rc.d
    # Where the sensor was installed already, it is not the one to be tested.
    rm -rf etc/phonehome var/lib/phonehome
    mkdir -p run/systemd/system
    cat >run/systemd/system/test.service <<TEXT
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sh /run/test/test-deb.sh service
ExecStopPost=/bin/systemctl --force --force poweroff
StandardOutput=append:/run/test/log
StandardError=append:/run/test/log
TEXT
    mkdir old
    pivot_root . old
    umount -l /old
    export container=test
    exec /lib/systemd/systemd --system --unit=test.service --log-target=console --log-level=notice
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

current=
step() {
    done_step
    current=$1
}
done_step() {
    [ -z "$current" ] || echo "ok: $current"
}
fail() {
    echo "failed: $current: $1"
    exit 1
}
is() {
    [ "$1" = "$2" ] || fail "got \"$1\", not \"$2\""
}
wait_until() {
    for _ in $(seq 300); do
        if "$@"; then
            return
        fi
        sleep 0.1
    done
    systemctl status --no-pager --lines 0 phonehome || true
    fail "waited for $*"
}
pid() { systemctl show -P MainPID phonehome; }
ask() { curl -s --max-time 2 "http://127.0.0.1:14663$1"; }
ready() { [ "$(ask /-/ready)" = ready ]; }
not_ready() { ! ready; }
another_process() { [ "$(pid)" != "$1" ] && [ "$(pid)" != 0 ]; }
metric() { ask /metrics | sed -n "/$1/s/.* //p"; }
all_received() { [ "$(metric '^phonehome_capture_received_frames_total')" = 1867 ]; }
findings() { ask /api/v1/findings | grep -q Kaspersky; }

case $1 in
inside | service) "$@" ;;
*) outside "$1" ;;
esac
