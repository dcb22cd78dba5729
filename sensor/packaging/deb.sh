#!/bin/sh
# Makes the Debian package of a program that is built: deb.sh PROGRAM FOLDER. Prints the path of the
# package, which is written to the folder. PHONEHOME_DEB_VERSION gives another version than its own.
# PHONEHOME_DEB_COMPRESSION=none is for tests that are in a hurry.
set -eu

program=$1
out=$2
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)

version=${PHONEHOME_DEB_VERSION:-$("$program" --version | cut -d ' ' -f 2)-1}
architecture=$(dpkg --print-architecture)
# The newest change of the sources dates all files, so that the same sources give the same package.
: "${SOURCE_DATE_EPOCH:=$(git -C "$top" log -1 --format=%ct 2>/dev/null || date +%s)}"
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
umask 022

put() { # MODE FILE... FOLDER
    mode=$1
    shift
    for folder in "$@"; do :; done
    mkdir -p "$root/$folder"
    while [ $# -gt 1 ]; do
        install -m "$mode" "$1" "$root/$folder/"
        shift
    done
}

put 755 "$program" usr/bin
strip --remove-section=.comment --remove-section=.note "$root/usr/bin/phonehome"
put 644 "$here"/phonehome.service "$here"/phonehome@.service usr/lib/systemd/system
for kind in sysusers tmpfiles; do
    mkdir -p "$root/usr/lib/$kind.d"
    install -m 644 "$here/$kind.conf" "$root/usr/lib/$kind.d/phonehome.conf"
done
put 640 "$top/sensor/phonehome.toml" etc/phonehome
sed -i '/^\[state\]$/,/^\[/ s|^# folder = "DIR"$|folder = "/var/lib/phonehome"|' "$root/etc/phonehome/phonehome.toml"
grep -qx 'folder = "/var/lib/phonehome"' "$root/etc/phonehome/phonehome.toml"
mkdir -p "$root/etc/phonehome/packs.d"
chmod 750 "$root/etc/phonehome" "$root/etc/phonehome/packs.d"
put 644 "$top"/signatures/data/packs/*.toml usr/share/phonehome/packs

"$program" generate "$work/generated"
put 644 "$work/generated/phonehome.bash" usr/share/bash-completion/completions
mv "$root/usr/share/bash-completion/completions/phonehome.bash" \
    "$root/usr/share/bash-completion/completions/phonehome"
put 644 "$work/generated/_phonehome" usr/share/zsh/vendor-completions
put 644 "$work/generated/phonehome.fish" usr/share/fish/vendor_completions.d
put 644 "$work"/generated/*.1 usr/share/man/man1
gzip -9n "$root"/usr/share/man/man1/*.1

doc=usr/share/doc/phonehome
put 644 "$top/README.md" "$doc"
for folder in grafana prometheus; do
    if [ -d "$top/dashboards/$folder" ]; then
        mkdir -p "$root/$doc/dashboards"
        cp -r "$top/dashboards/$folder" "$root/$doc/dashboards/"
    fi
done
gzip -9nc "$top/CHANGELOG.md" >"$root/$doc/changelog.gz"
gzip -9n >"$root/$doc/changelog.Debian.gz" <<TEXT
phonehome ($version) unstable; urgency=medium

  * What changes for the person who runs the sensor is in changelog.gz.

 -- The phonehome authors <maintainers@phonehome.invalid>  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
TEXT
{
    sed '/@MIT@/d' "$here/debian/copyright"
    sed -n '/^Permission/,$p' "$top/LICENSE-MIT" | sed 's/^$/./; s/^/ /'
    printf '\nLicense: BSD-3-Clause\n'
    sed -n '/^Redistribution/,$p' "$top/LICENSE-JA4" | sed 's/^$/./; s/^/ /'
} >"$root/$doc/copyright"
find "$root/$doc" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +

mkdir -p "$work/debian" "$root/DEBIAN"
# The tool wants to know which package it works for.
printf 'Source: phonehome\n\nPackage: phonehome\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O --ignore-missing-info root/usr/bin/phonehome 2>/dev/null |
    sed -n 's/^shlibs:Depends=//p')
sed -e "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@DEPENDS@/$depends/" \
    -e "s/@SIZE@/$(du -sk --apparent-size "$root" | cut -f 1)/" \
    "$here/debian/control" >"$root/DEBIAN/control"
install -m 755 "$here/debian/postinst" "$here/debian/prerm" "$here/debian/postrm" "$root/DEBIAN/"
echo /etc/phonehome/phonehome.toml >"$root/DEBIAN/conffiles"
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"

mkdir -p "$out"
package=$out/phonehome_${version}_$architecture.deb
dpkg-deb --root-owner-group -Z"${PHONEHOME_DEB_COMPRESSION:-xz}" --build "$root" "$package" >/dev/null
echo "$package"
