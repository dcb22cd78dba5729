# Runs a test as a service of a real systemd; read by the scripts of such tests. The machine is not
# changed: systemd is the first process of name spaces of its own (mounts, processes, network, control
# groups), on a copy of the file system that is kept in memory.
#
# Needs root and the packages of setup.sh. Such a script has the functions `outside`, which prepares a
# folder and calls `enclose`, and `service`, and ends with a call of `act`.

group=phonehome-test-$$

# Runs the script NAME, which is in FOLDER and sees it as /run/test, as that service: enclose FOLDER
# NAME. What it says goes to FOLDER/log; it has to leave FOLDER/passed.
enclose() {
    folder=$1
    name=$2
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
            sh "$folder/$name" inside "$folder" "$name"
    ) >"$folder/log" 2>&1 </dev/null || true
    if ! [ -f "$folder/passed" ]; then
        cat "$folder/log"
        echo "$name: FAILED"
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
    name=$2
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
ExecStart=/bin/sh /run/test/$name service
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
    for _ in $(seq "${PATIENCE_TENTHS:-300}"); do
        if "$@"; then
            return
        fi
        sleep 0.1
    done
    systemctl status --no-pager --lines 0 phonehome || true
    fail "waited for $*"
}

act() {
    case $1 in
    inside | service) "$@" ;;
    *) outside "$1" ;;
    esac
}
