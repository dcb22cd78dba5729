#!/bin/sh
# Sets up the stack as dashboards/stack/README.md says, command by command, under a real systemd, and
# waits until its dashboards have data: test-stack.sh PROGRAM.
#
# Needs root and the packages of setup.sh. PHONEHOME_SKIP_LIVE=1 leaves it out.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

# shellcheck source=sensor/packaging/in-systemd.sh
. "$here/in-systemd.sh"

outside() {
    if [ -n "${PHONEHOME_SKIP_LIVE:-}" ]; then
        echo "test-stack: left out"
        return
    fi
    folder=$(mktemp -d)
    trap 'cleanup' EXIT
    top=$(cd "$here/../.." && pwd)
    PHONEHOME_DEB_COMPRESSION=none "$here/deb.sh" "$1" "$folder/repository/target/debian"
    cp -r "$top/dashboards" "$folder/repository/"
    cp "$here/test-stack.sh" "$here/in-systemd.sh" "$folder/"
    gzip -dc "$here/../tests/demo/demo.pcap.gz" >"$folder/demo.pcap"
    # Each block of commands that is to be run, by its name.
    awk -v folder="$folder" '
        /<!-- run: [a-z]+ -->/ { name = $3 }
        /^ *```sh$/ && name != "" { file = folder "/" name ".sh"; next }
        /^ *```$/ { if (file != "") close(file); file = ""; name = "" }
        file != "" { print > file }
    ' "$top/dashboards/stack/README.md"
    enclose "$folder" test-stack.sh
}

service() {
    export DEBIAN_FRONTEND=noninteractive
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    ip link set lo up
    ip link add eth1 mtu 9000 type veth peer name src0 mtu 9000
    for end in eth1 src0; do
        echo 1 >/proc/sys/net/ipv6/conf/$end/disable_ipv6
        ip link set $end up
    done
    # Whatever of these was on the machine is not what is set up here.
    for unit in prometheus prometheus-alertmanager; do
        rm -f /etc/systemd/system/$unit.service
        rm -rf /var/lib/prometheus/metrics2 /var/lib/prometheus/alertmanager
    done
    install -d -o prometheus -g prometheus /var/lib/prometheus/metrics2 /var/lib/prometheus/alertmanager
    systemctl daemon-reload
    cd /run/test/repository
    began=$(date +%s)

    step "the sensor is set up by the commands of the README"
    sh -eux /run/test/sensor.sh
    wait_until sensor_is_ready

    step "so are Prometheus and Alertmanager"
    sh -eux /run/test/prometheus.sh
    wait_until answers http://127.0.0.1:9090/-/ready
    wait_until answers http://127.0.0.1:9093/-/ready
    is "$(curl -s http://127.0.0.1:9090/api/v1/rules | jq '[.data.groups[].rules[] | select(.type == "alerting")] | length')" \
        "$(grep -c ' - alert: ' dashboards/prometheus/alerts.yml)"
    wait_until knows_alertmanager
    is "$(curl -s http://127.0.0.1:9090/api/v1/status/runtimeinfo | jq -r .data.storageRetention)" 400d

    step "Prometheus has data of both jobs"
    tcpreplay -q --pps=2000 -i src0 /run/test/demo.pcap >/dev/null
    wait_until has_both_jobs
    sh -eux /run/test/look.sh

    step "the files of Grafana are where it looks for them"
    sh -eux /run/test/grafana.sh
    path=$(sed -n 's/^ *path: //p' /etc/grafana/provisioning/dashboards/phonehome.yaml)
    is "$(find "$path" -name '*.json' | wc -l)" 5
    test -s /etc/grafana/provisioning/datasources/prometheus.yaml

    step "the dashboards have data within five minutes"
    wait_until has 'sum(phonehome_open_findings) > 0'
    wait_until has 'sum(phonehome_active_hosts{window="7d"}) > 0'
    wait_until has 'count(phonehome_host_finding_info) > 5'
    wait_until has 'sum(rate(phonehome_capture_received_frames_total[5m])) >= 0'
    took=$(($(date +%s) - began))
    [ "$took" -lt 300 ] || fail "it took $took seconds"
    done_step
    echo "ok: it took $took seconds in all"
    touch /run/test/passed
}

answers() { curl -sf --max-time 2 "$1" >/dev/null; }
sensor_is_ready() { answers http://127.0.0.1:14663/-/ready; }
knows_alertmanager() {
    curl -s http://127.0.0.1:9090/api/v1/alertmanagers |
        jq -e '.data.activeAlertmanagers[0].url == "http://127.0.0.1:9093/api/v2/alerts"' >/dev/null
}
has() {
    curl -s --max-time 2 --data-urlencode "query=$1" http://127.0.0.1:9090/api/v1/query |
        jq -e '.data.result | length > 0' >/dev/null
}
has_both_jobs() { has 'sum(up{job="phonehome"}) + sum(up{job="phonehome-hosts"}) == 2'; }

# The slowest job is asked every minute.
PATIENCE_TENTHS=900

act "$@"
