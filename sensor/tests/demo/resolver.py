"""The site's resolver: forwards to one server upstream, caches, and enforces a block list.

Usage: resolver.py SECONDS ADDRESS...

The block list holds for one client only, so that the other stories stay undisturbed. The case of
letters upstream is random, as current resolvers do it against forged answers.
"""

import asyncio
import random
import struct
import sys

import asked
import dns_message
import zone

BLOCKED_CLIENT = "10.20.0.12"
REFUSED = {"s01.upd.kaspersky.com"}
SINKHOLED = {"downloads.upd.kaspersky.com"}

cache = {}


class Upstream(asyncio.DatagramProtocol):
    """One query: `answer` is what comes back."""

    def __init__(self, message):
        self.message = message
        self.answer = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        transport.sendto(self.message)

    def datagram_received(self, data, addr):
        if data[:2] == self.message[:2] and not self.answer.done():
            self.answer.set_result(data)


async def resolve(message, client):
    """The response to `message`, from the block list, the cache or upstream."""
    name, kind, end = dns_message.question(message)
    asked.tell(client, "dns", name)
    blocked = policy(name.lower(), kind, message, client)
    if blocked:
        return blocked
    key = (name.lower(), kind)
    if key not in cache:
        cache[key] = await ask_upstream(name, kind)
    found = cache[key]
    # The question is put back as the client wrote it; offsets stay, so compression holds.
    return message[:2] + found[2:12] + message[12:end] + found[end:]


def policy(name, kind, message, client):
    if not client.endswith(BLOCKED_CLIENT):
        return None
    if name in REFUSED:
        return dns_message.response(message, [], dns_message.NXDOMAIN)
    if name in SINKHOLED:
        sink = [(name, kind, 60, "0.0.0.0")] if kind == dns_message.TYPES["A"] else []
        return dns_message.response(message, sink)
    return None


async def ask_upstream(name, kind):
    mixed = "".join(random.choice((it.lower(), it.upper())) for it in name)
    message = dns_message.query(random.randrange(65536), mixed, kind)
    loop = asyncio.get_running_loop()
    transport, exchange = await loop.create_datagram_endpoint(
        lambda: Upstream(message), remote_addr=(zone.UPSTREAM, 53)
    )
    try:
        return await asyncio.wait_for(exchange.answer, 2)
    finally:
        transport.close()


class Server(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport
        self.tasks = set()

    def datagram_received(self, data, addr):
        task = asyncio.ensure_future(self.serve(data, addr))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def serve(self, data, addr):
        self.transport.sendto(await resolve(data, addr[0]), addr)


async def over_tcp(reader, writer):
    client = writer.get_extra_info("peername")[0]
    try:
        while True:
            (length,) = struct.unpack(">H", await reader.readexactly(2))
            reply = await resolve(await reader.readexactly(length), client)
            writer.write(struct.pack(">H", len(reply)) + reply)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def main(seconds, addresses):
    loop = asyncio.get_running_loop()
    for address in addresses:
        await loop.create_datagram_endpoint(Server, local_addr=(address, 53))
        await asyncio.start_server(over_tcp, address, 53)
    await asyncio.sleep(seconds)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))
