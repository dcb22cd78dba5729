"""What the made-up Internet of the demo holds: names, addresses, pages.

The vendors' names are their real ones and most addresses lie in the networks where their services
were seen, so that the capture looks like the real thing. Every one of them lives in a network
namespace without a way out. Names below .example and addresses below 203.0.113.0/24 are reserved
for documentation (RFC 2606, RFC 5737).
"""

# The server that the resolver asks, and the public one that a product asks on the side.
UPSTREAM = "203.0.113.53"
PUBLIC_RESOLVER = "8.8.8.8"

CNAME = {
    "ds.kaspersky.com": "ksn-ds.geoksn.kaspersky.com",
    "touch.kaspersky.com": "touch.geo.kaspersky.com",
    "dc1.ksn.kaspersky-labs.com": "ksn-dc1.geoksn.kaspersky.com",
    "dc1-st.ksn.kaspersky-labs.com": "ksn-dc1-st.geoksn.kaspersky.com",
    "dc1-file.ksn.kaspersky-labs.com": "ksn-dc1-file.geoksn.kaspersky.com",
    "activation-v2.kaspersky.com": "activation-v2.geo.kaspersky.com",
    "v16m-default.tiktokcdn-us.com": "tiktokcdn-us.com.edgesuite.net",
    "www.debian.org": "static.debian.example",
    "en.wikipedia.org": "dyna.wikimedia.org",
}

A = {
    # Kaspersky, by the product.
    "ksn-ds.geoksn.kaspersky.com": ["82.202.184.184", "82.202.184.193", "82.202.185.146"],
    "touch.geo.kaspersky.com": ["185.85.15.23", "185.85.15.31"],
    "ksn-dc1.geoksn.kaspersky.com": ["79.133.168.20"],
    "ksn-dc1-st.geoksn.kaspersky.com": ["79.133.168.9", "79.133.168.12", "79.133.168.15"],
    "ksn-dc1-file.geoksn.kaspersky.com": ["79.133.168.21"],
    "activation-v2.geo.kaspersky.com": ["77.74.181.40"],
    "s00.upd.kaspersky.com": ["77.74.181.10"],
    "s01.upd.kaspersky.com": ["77.74.181.11"],
    "s03.upd.kaspersky.com": ["77.74.181.13"],
    "s07.upd.kaspersky.com": ["77.74.181.17"],
    "downloads.upd.kaspersky.com": ["77.74.181.20"],
    # Kaspersky, by the engine inside another product, and that product's own servers.
    "dnl-01.geo.kaspersky.com": ["77.74.181.31"],
    "ksn-crypto-file-geo.kaspersky-labs.com": ["79.133.169.21"],
    "ksn-crypto-url-geo.kaspersky-labs.com": ["79.133.169.24"],
    "kav8.zonealarm.com": ["203.0.113.80"],
    "updates.checkpoint.com": ["203.0.113.81"],
    # Kaspersky, by a browser.
    "www.kaspersky.com": ["185.85.15.34"],
    "usa.kaspersky.com": ["185.85.15.35"],
    "content.kaspersky-labs.com": ["185.85.15.36"],
    # ByteDance, by a browser and by the app.
    "analytics.tiktok.com": ["71.18.0.10"],
    "log16-normal-useast5.tiktokv.us": ["71.18.8.16"],
    "tnc16-normal-useast5.tiktokv.us": ["71.18.8.17"],
    "api16-normal-useast5.tiktokv.us": ["71.18.8.18"],
    "mssdk-quic-sg.tiktokv.com": ["71.18.9.20"],
    "frontier-va.tiktokv.com": ["71.18.9.21"],
    "tiktokcdn-us.com.edgesuite.net": ["203.0.113.90"],
    # Hikvision.
    "litedev.hik-connect.com": ["203.0.113.100"],
    "dev.hik-connect.com": ["203.0.113.101"],
    "time.ys7.com": ["203.0.113.123"],
    # Nobody's business.
    "www.dailynews.example": ["203.0.113.10"],
    "www.example.com": ["203.0.113.11"],
    "static.example.com": ["203.0.113.12"],
    "static.debian.example": ["203.0.113.13"],
    "deb.debian.org": ["203.0.113.14"],
    "dyna.wikimedia.org": ["203.0.113.15"],
    "video.example": ["203.0.113.16"],
    "shell.example": ["203.0.113.22"],
    "ntp.example": ["203.0.113.124"],
    # Names that only look like a vendor's.
    "notkaspersky.com": ["203.0.113.30"],
    "kaspersky.com.evil.example": ["203.0.113.31"],
    "kasperskylab.github.io": ["203.0.113.32"],
    "tiktok.com.example.net": ["203.0.113.33"],
    "mytiktokv.com": ["203.0.113.34"],
    "www.hiking.example": ["203.0.113.35"],
}

AAAA = {
    "dyna.wikimedia.org": ["2620:0:862:ed1a::1"],
    "www.example.com": [],
}

# HTTPS records (RFC 9460): priority 1, target ".", and the protocols offered. A browser that reads
# this uses QUIC from the first connection on.
HTTPS_ALPN = {"video.example": ["h3"]}

# Addresses whose server speaks no TLS 1.3, so that its certificate can be read on the wire, and the
# name in that certificate, which is from an authority of the vendor's kind.
TLS12_ADDRESSES = {it: "touch.kaspersky.com" for it in A["touch.geo.kaspersky.com"]}
TLS12_ADDRESSES |= {
    it: "dc1-st.ksn.kaspersky-labs.com" for it in A["ksn-dc1-st.geoksn.kaspersky.com"]
}

QUIC_ADDRESSES = ["71.18.9.20", "71.18.9.21", "203.0.113.90", "203.0.113.16"]
NTP_ADDRESSES = ["203.0.113.123", "203.0.113.124"]
DEVICE_PORTS = {"203.0.113.100": 8666, "203.0.113.101": 8555}

PAGES = {
    "www.kaspersky.com": """<!doctype html><title>Home</title><h1>Products for home</h1>
<img src="https://content.kaspersky-labs.com/box-1.png">
<img src="https://content.kaspersky-labs.com/box-2.png">
<img src="/logo.png">""",
    "usa.kaspersky.com": """<!doctype html><title>Home</title><h1>Products</h1>
<img src="https://content.kaspersky-labs.com/box-3.png">""",
    "www.dailynews.example": """<!doctype html><title>News</title><h1>Bridge reopened</h1>
<img src="/bridge.png">
<script src="https://analytics.tiktok.com/i18n/pixel/events.js?sdkid=DEMO&lib=ttq"></script>""",
    "www.example.com": """<!doctype html><title>Example</title><h1>Example</h1>
<img src="https://static.example.com/a.png">""",
    "v16m-default.tiktokcdn-us.com": "<!doctype html><title>Clip</title><h1>Clip</h1>",
    "video.example": """<!doctype html><title>Video</title><h1>Nothing is on</h1>""",
}


def addresses():
    """All addresses that hold a server, IPv4 first."""
    v4 = {address for group in A.values() for address in group}
    v6 = {address for group in AAAA.values() for address in group}
    return sorted(v4 | {UPSTREAM, PUBLIC_RESOLVER}) + sorted(v6)


if __name__ == "__main__":
    print("\n".join(addresses()))
