#!/bin/bash
# Makes demo.pcap.gz: real clients and small servers in network namespaces, seen at one bridge.
#
# Usage: make-capture.sh [OUTPUT]        (as root; about two minutes)
#
# Needs: bash, iproute2, nftables, ethtool, tcpdump, dig, curl, openssl, ssh and dropbear, chromium,
# and python3 with aioquic (PHONEHOME_PYTHON names the interpreter; without it, one is set up in
# the temporary folder, which is the only step that uses a network).
#
#   hosts 10.20.0.x ── bridge (tcpdump) ── gateway 10.20.0.1 (firewall) ── "Internet"
#
# The namespaces have no way out. Keys and certificates live in the temporary folder and go with it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
output=$(realpath "${1:-$here/demo.pcap.gz}")
work=$(mktemp -d /tmp/phonehome-demo.XXXXXX)
prefix=phd
seconds=150
spaces=()
pids=()

# The vendor's networks, as the firewall blocks them for one host, with the public resolver.
blocked=10.20.0.12
blocked_networks='77.74.176.0/21, 82.202.184.0/23, 185.85.14.0/23, 79.133.168.0/22, 8.8.8.8/32'

clean_up() {
    trap - EXIT
    local pid space
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for space in "${spaces[@]}"; do
        # Only processes inside the namespaces made below.
        for pid in $(ip netns pids "$space"); do
            kill "$pid" 2>/dev/null || true
        done
        ip netns del "$space"
    done
    rm -rf "$work"
}
trap clean_up EXIT

space() {
    ip netns add "$prefix-$1"
    spaces+=("$prefix-$1")
    # Addresses are usable at once, and nothing but the bridge's ports is configured by itself.
    ip netns exec "$prefix-$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
        net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0 \
        net.ipv6.conf.default.router_solicitations=0
    ip -n "$prefix-$1" link set lo up
}

# Runs a program in a namespace under a host name and a resolver of its own, so that nothing of the
# machine's names can be asked for or told.
run() {
    local name=$1
    shift
    local resolv=$work/resolv.conf
    [ -e "$work/resolv-$name" ] && resolv=$work/resolv-$name
    # shellcheck disable=SC2016 # expanded by the inner shell
    exec ip netns exec "$prefix-$name" unshare --uts sh -c '
        hostname "$1"
        mount --bind "$2" /etc/resolv.conf
        mount --bind "$3" /etc/hosts
        shift 3
        exec env -i PATH="$PATH" HOME="$PHD_HOME" LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 "$@"
    ' sh "ws-$name" "$resolv" "$work/hosts" "$@"
}

serve() {
    (run "$@") >>"$work/servers.log" 2>&1 &
    pids+=($!)
}

# A client that fails is part of several stories.
client() {
    (run "$@") >>"$work/clients.log" 2>&1 || true
}

mac() {
    printf '02:50:48:00:00:%02x' "$1"
}

# Segments and checksums as a network card would put them on the wire.
no_offload() {
    ip netns exec "$1" ethtool -K "$2" tso off gso off gro off tx off >/dev/null 2>&1
}

host() {
    local number=$1
    space "$number"
    ip -n "$prefix-sw" link add "p$number" type veth peer name eth0 netns "$prefix-$number"
    ip -n "$prefix-$number" link set eth0 address "$(mac "$number")"
    no_offload "$prefix-$number" eth0
    no_offload "$prefix-sw" "p$number"
    ip -n "$prefix-sw" link set "p$number" master br0 up
    ip -n "$prefix-$number" link set eth0 up
    if [ "$number" = 35 ]; then
        echo 'nameserver fd20::53' >"$work/resolv-35"
    else
        ip -n "$prefix-$number" address add "10.20.0.$number/24" broadcast + dev eth0
        [ "$number" = 1 ] || ip -n "$prefix-$number" route add default via 10.20.0.1
    fi
    case $number in
        1 | 35 | 53)
            ip -n "$prefix-$number" address add "fd20::$number/64" dev eth0 nodad
            [ "$number" = 1 ] || ip -n "$prefix-$number" -6 route add default via fd20::1
            ;;
    esac
}

network() {
    space sw
    ip netns exec "$prefix-sw" sh -c '
        sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
        [ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] ||
            sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0'
    ip -n "$prefix-sw" link add br0 address 02:50:48:ff:00:00 type bridge mcast_snooping 0
    ip -n "$prefix-sw" link set br0 up
    local number
    for number in 1 11 12 13 14 15 16 17 21 31 32 33 34 35 36 40 53; do
        host "$number"
    done

    space net
    ip -n "$prefix-1" link add eth1 address 02:50:48:fe:00:01 type veth \
        peer name eth0 netns "$prefix-net"
    ip -n "$prefix-net" link set eth0 address 02:50:48:fe:00:02
    no_offload "$prefix-1" eth1
    no_offload "$prefix-net" eth0
    ip -n "$prefix-1" address add 198.18.0.1/30 dev eth1
    ip -n "$prefix-1" address add fd21::1/64 dev eth1 nodad
    ip -n "$prefix-net" address add 198.18.0.2/30 dev eth0
    ip -n "$prefix-net" address add fd21::2/64 dev eth0 nodad
    ip -n "$prefix-1" link set eth1 up
    ip -n "$prefix-net" link set eth0 up
    ip -n "$prefix-1" route add default via 198.18.0.2
    ip -n "$prefix-1" -6 route add default via fd21::2
    ip -n "$prefix-net" route add 10.20.0.0/24 via 198.18.0.1
    ip -n "$prefix-net" -6 route add fd20::/64 via fd21::1
    local address
    for address in $(python3 "$here/zone.py"); do
        case $address in
            *:*) ip -n "$prefix-net" address add "$address/128" dev lo nodad ;;
            *) ip -n "$prefix-net" address add "$address/32" dev lo ;;
        esac
    done
    ip netns exec "$prefix-1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
        net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
    ip netns exec "$prefix-1" nft -f - <<EOF
table ip firewall {
    chain forward {
        type filter hook forward priority 0;
        ip saddr $blocked ip daddr { $blocked_networks } drop
    }
}
EOF
}

# Asks for NAME at the resolver and, as the product does, at a public resolver some milliseconds
# later; prints an address of the second answer. One process asks all, for the sake of the gap.
ask_twice() {
    printf '%s\n' "@10.20.0.53 $2 A" "@8.8.8.8 $2 A" "@8.8.8.8 $2 AAAA" |
        (run "$1" dig +tries=1 +time=2 -f -) |
        awk '$4 == "A" { address = $5 } END { print address }'
}

# HOST NAME [curl options]: a message of a few kB and its answer, to the address that DNS gave.
post() {
    local from=$1 name=$2
    shift 2
    local address
    address=$(ask_twice "$from" "$name")
    [ -n "$address" ] || return 0
    client "$from" curl -sk -o /dev/null --connect-timeout 3 -m 10 \
        --resolve "$name:443:$address" --data-binary "@$work/message" "$@" "https://$name/v1/data"
}

# HOST URL [options]: a browser that opens a page, renders it and leaves.
browse() {
    local from=$1 url=$2
    shift 2
    client "$from" timeout -k 2 25 chromium --headless=new --no-sandbox --disable-gpu \
        --user-data-dir="$work/profile-$from" \
        --ignore-certificate-errors-spki-list="$(cat "$work/certificates/web.spki")" \
        --disable-background-networking --disable-component-update --disable-sync \
        --disable-default-apps --disable-extensions --disable-domain-reliability --no-pings \
        --disable-client-side-phishing-detection --metrics-recording-only --no-first-run \
        --disable-search-engine-choice-screen --disable-breakpad --password-store=basic \
        --disable-features=OptimizationHints,MediaRouter,Translate,NetworkTimeServiceQuerying \
        --host-resolver-rules='MAP *.google.com ~NOTFOUND, MAP *.googleapis.com ~NOTFOUND' \
        --disable-dev-shm-usage --timeout=4000 "$@" --dump-dom "$url"
}

product() {
    local round
    client 11 python3 "$here/lan.py" dhcp 10.20.0.11 "$(mac 11)" FIN-WS-11
    client 11 python3 "$here/lan.py" nbns 10.20.0.11 FIN-WS-11
    for round in 1 2 3; do
        post 11 ds.kaspersky.com
        post 11 touch.kaspersky.com --tls-max 1.2
        post 11 dc1-st.ksn.kaspersky-labs.com --tls-max 1.2
        [ "$round" != 1 ] || post 11 activation-v2.kaspersky.com
        post 11 s00.upd.kaspersky.com
        post 11 s03.upd.kaspersky.com
        [ "$round" = 3 ] || sleep 34
    done
}

blocked_product() {
    local name
    client 12 python3 "$here/lan.py" dhcp 10.20.0.12 "$(mac 12)" FIN-WS-12
    for name in ds.kaspersky.com dc1-file.ksn.kaspersky-labs.com touch.kaspersky.com \
        s01.upd.kaspersky.com downloads.upd.kaspersky.com s00.upd.kaspersky.com; do
        client 12 curl -4 -sk -o /dev/null --connect-timeout 4 "https://$name/"
        sleep 3
    done
    ask_twice 12 ds.kaspersky.com >/dev/null
}

# An anti-malware client of another company with the vendor's engine inside.
embedded() {
    local name
    client 14 python3 "$here/lan.py" dhcp 10.20.0.14 "$(mac 14)" ENG-WS-14
    client 14 curl -4 -s -o /dev/null http://kav8.zonealarm.com/v6/index/u1313g.xml
    client 14 curl -4 -s -o /dev/null http://dnl-01.geo.kaspersky.com/index/u1313g.xml
    for name in updates.checkpoint.com ksn-crypto-file-geo.kaspersky-labs.com \
        ksn-crypto-url-geo.kaspersky-labs.com; do
        client 14 curl -4 -sk -o /dev/null --data-binary "@$work/message" "https://$name/"
        sleep 5
    done
    client 14 curl -4 -s -o /dev/null http://kav8.zonealarm.com/v6/index/u1313g.xml
}

# A product behind the proxy: the host never sends a DNS query for the vendor's names.
proxied_product() {
    local name
    for name in dc1.ksn.kaspersky-labs.com s07.upd.kaspersky.com activation-v2.kaspersky.com; do
        sleep 4
        client 17 curl -sk -o /dev/null -x http://10.20.0.40:3128 \
            --data-binary "@$work/message" "https://$name/v1/data"
    done
}

camera() {
    local address
    client 21 python3 "$here/lan.py" dhcp 10.20.0.21 "$(mac 21)" HIKVISION-00000021
    client 21 python3 "$here/lan.py" sadp 10.20.0.21 "$(mac 21)"
    address=$(run 21 dig +short time.ys7.com A)
    client 21 python3 "$here/lan.py" ntp 10.20.0.21 "$address"
    address=$(run 21 dig +short litedev.hik-connect.com A)
    client 21 python3 "$here/lan.py" cloud 10.20.0.21 "$address" 8666
    sleep 8
    address=$(run 21 dig +short dev.hik-connect.com A)
    client 21 python3 "$here/lan.py" cloud 10.20.0.21 "$address" 8555
    sleep 20
    client 21 python3 "$here/lan.py" sadp 10.20.0.21 "$(mac 21)"
}

phone() {
    local name address
    client 16 python3 "$here/lan.py" dhcp 10.20.0.16 "$(mac 16)" Pixel-8
    for name in tnc16-normal-useast5.tiktokv.us api16-normal-useast5.tiktokv.us \
        log16-normal-useast5.tiktokv.us; do
        client 16 curl -4 -sk -o /dev/null --data-binary "@$work/message" "https://$name/"
        sleep 2
    done
    for name in mssdk-quic-sg.tiktokv.com frontier-va.tiktokv.com; do
        address=$(run 16 dig +short "$name" A | tail -1)
        client 16 "$python" "$here/h3.py" get "$name" "$address" /v1/report
    done
    client 16 curl -4 -sk -o /dev/null --data-binary "@$work/message" \
        https://log16-normal-useast5.tiktokv.us/
}

clean_hosts() {
    local name
    client 32 curl -4 -sk -o /dev/null https://www.debian.org/
    client 32 curl -4 -s -o /dev/null http://deb.debian.org/debian/dists/bookworm/InRelease
    client 32 python3 "$here/lan.py" mdns 10.20.0.32 lab-ws-32
    for name in notkaspersky.com kaspersky.com.evil.example kasperskylab.github.io \
        tiktok.com.example.net mytiktokv.com www.hiking.example; do
        client 33 curl -4 -sk -o /dev/null "https://$name/"
    done
    client 33 curl -4 -s -o /dev/null http://notkaspersky.com/kaspersky.com/update
    client 34 curl -sk -o /dev/null -x http://10.20.0.40:3128 https://www.debian.org/
    client 35 curl -6 -sk -o /dev/null https://en.wikipedia.org/wiki/Bridge
    client 35 dig +short en.wikipedia.org AAAA
    client 36 dig +tcp www.debian.org A
    client 36 dig +tcp +keepopen www.example.com A deb.debian.org A doesnotexist.example A
    client 36 sh -c 'openssl s_client -connect 203.0.113.13:443 -noservername </dev/null'
    client 36 sh -c \
        'openssl s_client -connect 203.0.113.13:443 -servername WWW.Debian.ORG </dev/null'
    client 36 ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null -o GlobalKnownHostsFile=/dev/null \
        -o IdentityFile=none -o IdentitiesOnly=yes demo@shell.example true
    client 36 python3 "$here/lan.py" ntp 10.20.0.36 203.0.113.124
    client 36 python3 "$here/lan.py" hang_up 10.20.0.36 10.20.0.53 late.example
    client 36 python3 "$here/lan.py" dht 10.20.0.36 203.0.113.16
}

# One after the other: a browser takes a whole core.
browsers() {
    browse 13 https://www.kaspersky.com/
    sleep 8
    browse 13 https://usa.kaspersky.com/
    sleep 8
    browse 15 https://www.dailynews.example/
    sleep 8
    browse 16 https://v16m-default.tiktokcdn-us.com/ \
        --origin-to-force-quic-on=v16m-default.tiktokcdn-us.com:443
    sleep 8
    browse 31 https://www.example.com/
    sleep 8
    browse 31 https://video.example/
}

if [ "$(id -u)" != 0 ]; then
    echo "make-capture.sh: needs root, for network namespaces" >&2
    exit 2
fi

python=${PHONEHOME_PYTHON:-}
if [ -z "$python" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" -q install aioquic
    python=$work/venv/bin/python3
fi

echo 'nameserver 10.20.0.53' >"$work/resolv.conf"
echo '127.0.0.1 localhost' >"$work/hosts"
mkdir "$work/home"
export PHD_HOME=$work/home
openssl rand 2100 >"$work/message"
bash "$here/certificates.sh" "$work/certificates"
network

serve net python3 "$here/world.py" "$work/certificates" "$seconds"
serve net "$python" "$here/h3.py" serve "$work/certificates/web.crt" \
    "$work/certificates/web.key" "$seconds"
serve 53 python3 "$here/resolver.py" "$seconds" 10.20.0.53 fd20::53
serve 40 python3 "$here/proxy.py" 10.20.0.40 "$seconds"
dropbearkey -t ed25519 -f "$work/ssh.key" >/dev/null 2>&1
serve net timeout "$seconds" dropbear -F -E -r "$work/ssh.key" -p 203.0.113.22:22 -P "$work/ssh.pid"
sleep 2

serve sw timeout "$seconds" tcpdump -Z root -i br0 --time-stamp-precision=nano -s 0 -U \
    -w "$work/demo.pcap"
capture=${pids[-1]}
sleep 1

stories=()
for story in product blocked_product embedded proxied_product camera phone clean_hosts browsers; do
    $story &
    stories+=($!)
done
pids+=("${stories[@]}")
wait "${stories[@]}"
sleep 1
kill -INT "$capture"
wait "$capture" || true

# Frames of several processors may be a few microseconds out of order.
python3 "$here/sort_frames.py" "$work/demo.pcap" | gzip -9n >"$output"
[ -z "${PHONEHOME_KEEP_LOGS:-}" ] || cp "$work"/*.log "$PHONEHOME_KEEP_LOGS"
ls -l "$output"
