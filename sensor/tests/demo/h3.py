"""HTTP/3 (RFC 9114) by aioquic: a server for all QUIC addresses, and a client for one request.

Usage: h3.py serve CHAIN KEY SECONDS
       h3.py get NAME ADDRESS PATH
"""

import asyncio
import ssl
import sys

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration

import zone
from world import content


class Server(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)

    def quic_event_received(self, event):
        for it in self.http.handle_event(event):
            if isinstance(it, HeadersReceived):
                self.answer(it.stream_id, dict(it.headers))

    def answer(self, stream, headers):
        host, path = headers[b":authority"].decode(), headers[b":path"].decode()
        kind, body = content(host, path)
        fields = [(b":status", b"200"), (b"content-type", kind.encode())]
        self.http.send_headers(stream, fields)
        self.http.send_data(stream, body, end_stream=True)
        self.transmit()


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.ended = asyncio.get_running_loop().create_future()

    def quic_event_received(self, event):
        for it in self.http.handle_event(event):
            if isinstance(it, (DataReceived, HeadersReceived)) and it.stream_ended:
                if not self.ended.done():
                    self.ended.set_result(None)

    async def post(self, name, path, body):
        stream = self._quic.get_next_available_stream_id()
        fields = [(b":method", b"POST"), (b":scheme", b"https")]
        fields += [(b":authority", name.encode()), (b":path", path.encode())]
        self.http.send_headers(stream, fields)
        self.http.send_data(stream, body, end_stream=True)
        self.transmit()
        await asyncio.wait_for(self.ended, 10)


async def run_server(chain, key, seconds):
    configuration = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
    configuration.load_cert_chain(chain, key)
    for address in zone.QUIC_ADDRESSES:
        await serve(address, 443, configuration=configuration, create_protocol=Server)
    await asyncio.sleep(seconds)


async def run_client(name, address, path):
    configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name=name)
    configuration.verify_mode = ssl.CERT_NONE
    # The library binds to the IPv6 wildcard, which reaches IPv4 as a mapped address.
    async with connect(address, 443, configuration=configuration, create_protocol=Client) as it:
        await it.post(name, path, b"m" * 2000)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(run_server(sys.argv[2], sys.argv[3], float(sys.argv[4])))
    else:
        asyncio.run(run_client(*sys.argv[2:5]))
