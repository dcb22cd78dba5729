#!/bin/bash
# Makes the certificates of the demo's servers in a new folder.
#
# Usage: certificates.sh FOLDER
#
# One authority and one key for the web; another of the vendor's kind for its own services.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
mkdir "$1"
cd "$1"
exec 2>log
names=$(PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 python3 -c '
import zone
print(",".join("DNS:" + it for it in sorted(set(zone.A) | set(zone.CNAME))))')
ec=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
openssl req -x509 "${ec[@]}" -keyout ca.key -out ca.pem -days 30 -subj '/O=Demo/CN=Demo Web CA'
openssl req "${ec[@]}" -keyout web.key -out web.csr -subj '/CN=web.example'
openssl x509 -req -in web.csr -CA ca.pem -CAkey ca.key -days 30 -out web.crt \
    -extfile <(echo "subjectAltName=$names")
openssl req -x509 "${ec[@]}" -keyout vca.key -out vca.pem -days 30 \
    -subj '/C=RU/O=Kaspersky/CN=Kaspersky Server Authentication CA G3'
for name in touch.kaspersky.com dc1-st.ksn.kaspersky-labs.com; do
    openssl req "${ec[@]}" -keyout "$name.key" -out "$name.csr" \
        -subj "/C=RU/ST=Moscow/L=Moscow/O=AO Kaspersky Lab/OU=IT/CN=$name"
    openssl x509 -req -in "$name.csr" -CA vca.pem -CAkey vca.key -days 30 \
        -out "$name.crt" -extfile <(echo "subjectAltName=DNS:$name,DNS:www.$name")
    cat "$name.crt" "$name.key" >"$name.pem"
done
cat web.crt web.key >web.pem
openssl x509 -in web.crt -pubkey -noout | openssl pkey -pubin -outform der |
    openssl dgst -sha256 -binary | base64 >web.spki
