#!/bin/sh
# Builds the image of the sensor from dashboards/stack/Containerfile and runs what is in it as a
# container would: test-image.sh PROGRAM. The base is made of Debian's packages, in place of the image
# that the file names, as there may be no registry of images.
#
# Needs root and the packages of setup.sh. PHONEHOME_SKIP_LIVE=1 leaves it out.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
if [ -n "${PHONEHOME_SKIP_LIVE:-}" ]; then
    echo "test-image: left out"
    exit
fi

fail() {
    echo "test-image: FAILED: $1"
    exit 1
}
is() {
    [ "$1" = "$2" ] || fail "got \"$1\", not \"$2\""
}

folder=$(mktemp -d)
cleanup() {
    images umount --all >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap 'cleanup' EXIT
images() {
    buildah --root "$folder/images" --runroot "$folder/run" --storage-driver vfs "$@"
}

# All that the build installs is in the base already, so that it needs no network.
base=$top/target/tools/debian-12.tar
[ -s "$base" ] || sh "$here/setup.sh" test
PHONEHOME_DEB_COMPRESSION=none "$here/deb.sh" "$1" "$folder/debian" >/dev/null
mkdir "$folder/base"
printf 'FROM scratch\nADD debian-12.tar /\n' >"$folder/base/Containerfile"
ln "$base" "$folder/base/" 2>/dev/null || cp "$base" "$folder/base/"
images bud --isolation chroot -q -t localhost/debian:12-slim "$folder/base" >/dev/null
images bud --isolation chroot -t localhost/phonehome:test --build-arg BASE=localhost/debian:12-slim \
    -f "$top/dashboards/stack/Containerfile" "$folder/debian" >"$folder/log" 2>&1 ||
    { cat "$folder/log"; fail "it cannot be built"; }
echo "ok: the image can be built"

of_image() { images inspect --type image --format "{{$1}}" localhost/phonehome:test; }
is "$(of_image .OCIv1.Config.User)" phonehome
is "$(of_image 'index .OCIv1.Config.Entrypoint 0')" /usr/bin/phonehome
container=$(images from localhost/phonehome:test)
root=$(images mount "$container")
is "$(getcap "$root/usr/bin/phonehome" | sed 's/.* //')" cap_net_raw=ep
is "$(find "$root/tmp" "$root/var/lib/apt/lists" -mindepth 1 | wc -l)" 0
is "$(stat -c '%U' "$root/usr/bin/phonehome")" root
echo "ok: its program has one right, and its user is not root"

# As the compose file has it: no rights but one, a file system that is read-only, and here a network
# of its own with a mirror port.
cat >"$folder/enter.sh" <<'TEXT'
set -eu
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,ro,bind "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/var/lib/phonehome"
chmod 777 "$root/var/lib/phonehome"
ip link set lo up
ip link add eth1 mtu 9000 type veth peer name src0 mtu 9000
ip link set eth1 up
ip link set src0 up
id=$(awk -F: '$1 == "phonehome" { print $3 ":" $4 }' "$root/etc/passwd")
chroot --userspec="$id" "$root" /usr/bin/phonehome --version
setpriv --bounding-set=-all,+net_raw,+setuid,+setgid,+sys_chroot \
    chroot --userspec="$id" "$root" /usr/bin/phonehome run --interface eth1 --config /etc/phonehome/phonehome.toml &
sensor=$!
for _ in $(seq 100); do
    [ "$(curl -s --max-time 2 http://127.0.0.1:14663/-/ready)" = ready ] && break
    sleep 0.1
done
[ "$(curl -s http://127.0.0.1:14663/-/ready)" = ready ]
awk '$1 == "Uid:" && $2 != 0 { print "uid is not 0" }' "$root/proc/$sensor/status"
kill "$sensor"
wait "$sensor"
TEXT
unshare --mount --net --pid --fork --kill-child sh "$folder/enter.sh" "$root" >"$folder/said" 2>&1 ||
    { cat "$folder/said"; fail "it does not run"; }
grep -q 'uid is not 0' "$folder/said" || fail "it runs as root"
echo "ok: it captures with that one right, on a file system that is read-only"
