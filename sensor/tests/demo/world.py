"""The servers of the demo's Internet: DNS, HTTP, HTTPS, NTP, and a device cloud.

Usage: world.py CERTIFICATES SECONDS

CERTIFICATES is a folder with web.pem (certificate and key for all names) and a NAME.pem for each
name in zone.TLS12_ADDRESSES. Ends after SECONDS.
"""

import asyncio
import hashlib
import ssl
import struct
import sys
import time
import zlib

import asked
import dns_message
import zone

NTP_EPOCH = 2_208_988_800


def answers(name):
    """Records for `name`, by type, each with the CNAME chain that leads to it."""
    name, chain = name.lower(), []
    while name in zone.CNAME:
        chain.append((name, dns_message.TYPES["CNAME"], 300, zone.CNAME[name]))
        name = zone.CNAME[name]
    known = name in zone.A or name in zone.AAAA
    a = [(name, dns_message.TYPES["A"], 60, it) for it in zone.A.get(name, [])]
    aaaa = [(name, dns_message.TYPES["AAAA"], 60, it) for it in zone.AAAA.get(name, [])]
    https = []
    if name in zone.HTTPS_ALPN:
        https = [(name, dns_message.TYPES["HTTPS"], 60, zone.HTTPS_ALPN[name])]
    return known, chain, {1: a, 28: aaaa, 65: https}


def reply_to(message):
    """The response to a DNS query; names outside the zone do not exist."""
    name, kind, _ = dns_message.question(message)
    known, chain, by_type = answers(name)
    rcode = 0 if known else dns_message.NXDOMAIN
    return dns_message.response(message, chain + by_type.get(kind, []), rcode)


class Dns(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(reply_to(data), addr)


class Ntp(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        if len(data) < 48:
            return
        now = time.time() + NTP_EPOCH
        stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
        head = struct.pack(">BBbb", 0x24, 2, 6, -20) + struct.pack(">II", 0, 0) + b"DEMO"
        self.transport.sendto(head + stamp + data[40:48] + stamp + stamp, addr)


async def dns_over_tcp(reader, writer):
    try:
        while True:
            (length,) = struct.unpack(">H", await reader.readexactly(2))
            reply = reply_to(await reader.readexactly(length))
            writer.write(struct.pack(">H", len(reply)) + reply)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def device_cloud(reader, writer):
    """Takes what a camera says and acknowledges it."""
    try:
        while await reader.read(512):
            writer.write(bytes.fromhex("703f0000000000000100"))
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def web(reader, writer):
    """HTTP/1.1 with connections that stay open; the body depends on host and path only."""
    client = writer.get_extra_info("peername")[0]
    kind = "https" if writer.get_extra_info("sslcontext") else "http"
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = dict(it.lower().split(": ", 1) for it in head[1:] if ": " in it)
            await reader.readexactly(int(fields.get("content-length", 0)))
            asked.tell(client, kind, fields.get("host", ""))
            mime, body = content(fields.get("host", ""), head[0].split(" ")[1])
            status = "HTTP/1.1 200 OK\r\n"
            fields = f"Content-Type: {mime}\r\nContent-Length: {len(body)}\r\n"
            writer.write((status + fields + "Cache-Control: no-store\r\n\r\n").encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, ValueError):
        pass
    writer.close()


def content(host, path):
    """Content type and octets of a resource."""
    if path == "/" and host in zone.PAGES:
        return "text/html", zone.PAGES[host].encode()
    if path.endswith(".png"):
        return "image/png", png()
    if path.split("?")[0].endswith(".js"):
        return "text/javascript", b"window.ttq = window.ttq || [];\n" + b"// filler\n" * 200
    if path == "/favicon.ico":
        return "image/png", png()
    return "application/octet-stream", filler(f"{host}{path}", 3000)


def filler(seed, length):
    """Octets that do not compress, the same for the same `seed`."""
    out, block = b"", seed.encode()
    while len(out) < length:
        block = hashlib.sha256(block).digest()
        out += block
    return out[:length]


def png():
    """An 8 x 8 grey picture."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    rows = zlib.compress((b"\0" + b"\x80" * 8) * 8)
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def tls(chain, only_tls12):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    context.set_alpn_protocols(["http/1.1"])
    if only_tls12:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


async def main(certificates, seconds):
    loop = asyncio.get_running_loop()
    modern = tls(f"{certificates}/web.pem", only_tls12=False)
    for address in zone.addresses():
        context = modern
        if name := zone.TLS12_ADDRESSES.get(address):
            context = tls(f"{certificates}/{name}.pem", only_tls12=True)
        await asyncio.start_server(web, address, 80)
        await asyncio.start_server(web, address, 443, ssl=context)
    for address in (zone.UPSTREAM, zone.PUBLIC_RESOLVER):
        await loop.create_datagram_endpoint(Dns, local_addr=(address, 53))
        await asyncio.start_server(dns_over_tcp, address, 53)
    for address in zone.NTP_ADDRESSES:
        await loop.create_datagram_endpoint(Ntp, local_addr=(address, 123))
    for address, port in zone.DEVICE_PORTS.items():
        await asyncio.start_server(device_cloud, address, port)
    await asyncio.sleep(seconds)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
