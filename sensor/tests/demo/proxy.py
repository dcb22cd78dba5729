"""The site's HTTP proxy: CONNECT only (RFC 9110 section 9.3.6), names resolved here.

Usage: proxy.py ADDRESS SECONDS
"""

import asyncio
import sys

PORT = 3128


async def serve(reader, writer):
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split("\r\n")[0].split(" ")
        if method != "CONNECT":
            writer.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = target.rpartition(":")
        to_server, from_server = await open_leg(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(copy(reader, to_server), copy(from_server, writer))
    except (asyncio.IncompleteReadError, OSError, ValueError):
        pass
    finally:
        writer.close()


async def open_leg(host, port):
    reader, writer = await asyncio.open_connection(host, port)
    return writer, reader


async def copy(reader, writer):
    try:
        while octets := await reader.read(16384):
            writer.write(octets)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def main(address, seconds):
    await asyncio.start_server(serve, address, PORT)
    await asyncio.sleep(seconds)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
