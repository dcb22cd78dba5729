"""Octets of QUIC: packets of clients and servers, really encrypted.

The keys of Initials can be derived by anyone (RFC 9001 section 5.2). This needs the package
`cryptography` (Debian: python3-cryptography).
"""

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from said import CHROMIUM, hello_message

V1, V2, DRAFT_29 = 1, 0x6B33_43CF, 0xFF00_001D
INITIAL, ZERO_RTT, HANDSHAKE, RETRY = range(4)
SALTS = {
    V1: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
    V2: "0dede3def700a6db819381be6e269dcbf9bd2ed9",
    DRAFT_29: "afbfec289993d24c9e9786f19c6111e04390a899",
}
DCID, SCID = bytes.fromhex("8394c8f03e515708"), bytes.fromhex("c5c5c5")
SMALLEST = 1200


def varint(value):
    """An integer (RFC 9000 section 16)."""
    for prefix, size in ((0, 1), (1, 2), (2, 4), (3, 8)):
        if value < 1 << (8 * size - 2):
            return (prefix << (8 * size - 2) | value).to_bytes(size, "big")
    raise ValueError(value)


def expand_label(secret, label, size):
    """HKDF-Expand-Label (RFC 8446 section 7.1) of up to one digest."""
    full = b"tls13 " + label
    info = struct.pack(">HB", size, len(full)) + full + b"\0\1"
    return hmac.new(secret, info, hashlib.sha256).digest()[:size]


def keys(version, dcid, side):
    """Key, nonce and header key of a side (RFC 9001 section 5.1, RFC 9369 section 3.3)."""
    secret = hmac.new(bytes.fromhex(SALTS[version]), dcid, hashlib.sha256).digest()
    secret = expand_label(secret, side + b" in", 32)
    word = b"quicv2" if version == V2 else b"quic"
    return [expand_label(secret, word + b" " + it, size) for it, size in ((b"key", 16), (b"iv", 12), (b"hp", 16))]


def first_octet(version, kind):
    shift = 1 if version == V2 else 0
    return 0xC0 | ((kind + shift) & 3) << 4


def long_header(version, kind, dcid, scid, low=0):
    head = struct.pack(">BI", first_octet(version, kind) | low, version)
    return head + bytes([len(dcid)]) + dcid + bytes([len(scid)]) + scid


def crypto(offset, octets):
    """A CRYPTO frame."""
    return b"\6" + varint(offset) + varint(len(octets)) + octets


def initial(frames, number=0, version=V1, dcid=DCID, scid=SCID, first=None, token=b"", size=SMALLEST, side=b"client"):
    """An Initial packet, filled up with PADDING to `size` octets; `first` is the connection id that
    the keys are made of, if it is not that of the packet."""
    key, nonce, header_key = keys(version, first or dcid, side)
    head = long_header(version, INITIAL, dcid, scid, 1) + varint(len(token)) + token
    frames += bytes(max(0, size - len(head) - 4 - len(frames) - 16))
    head += struct.pack(">HH", 0x4000 | (2 + len(frames) + 16), number)
    nonce = nonce[:-2] + bytes(one ^ other for one, other in zip(nonce[-2:], struct.pack(">H", number)))
    sealed = AESGCM(key).encrypt(nonce, frames, head)
    cipher = Cipher(algorithms.AES(header_key), modes.ECB()).encryptor()
    mask = cipher.update(sealed[2:18])
    number = bytes(one ^ other for one, other in zip(head[-2:], mask[1:3]))
    return bytes([head[0] ^ mask[0] & 0x0F]) + head[1:-2] + number + sealed


def opaque(kind, size, version=V1, dcid=DCID, scid=SCID):
    """A 0-RTT or Handshake packet that nobody can open."""
    noise = bytes((place * 31 + place * place) % 251 for place in range(size))
    return long_header(version, kind, dcid, scid) + varint(size) + noise


def retry(new_id, version=V1, first=DCID, dcid=SCID):
    """A Retry packet with its integrity tag (RFC 9001 section 5.8)."""
    packet = long_header(version, RETRY, dcid, new_id) + b"a token of the server"
    key, nonce = (bytes.fromhex(it) for it in ("be0c690b9f66575a1d766b54e368c84e", "461599d35d632bf2239825bb"))
    return packet + AESGCM(key).encrypt(nonce, b"", bytes([len(first)]) + first + packet)


def version_negotiation(versions, dcid=SCID, scid=DCID):
    """A Version Negotiation packet (RFC 9000 section 17.2.1)."""
    head = b"\x80\0\0\0\0" + bytes([len(dcid)]) + dcid + bytes([len(scid)]) + scid
    return head + b"".join(struct.pack(">I", it) for it in versions)


def quic_hello(name, client=CHROMIUM, more=None):
    """A client's hello as it goes over QUIC: with ALPN h3 and transport parameters."""
    values = {16: b"\0\3\2h3", 0x39: bytes.fromhex("0404801000000f03") + SCID}
    return hello_message(name, client, {**values, **(more or {})})


def parts(octets, size):
    """Pieces of a message with their offsets."""
    return [(at, octets[at : at + size]) for at in range(0, len(octets), size)]


def initials(handshake, octets=1100, start=0, **more):
    """The datagrams of a message: one Initial each, of so many octets of it."""
    cut = enumerate(parts(handshake, octets), start)
    return [initial(crypto(*part), number, **more) for number, part in cut]


def server_initial(dcid=SCID, scid=b"server's", first=DCID, version=V1):
    """What a server says first: an ACK and the beginning of a ServerHello."""
    frames = bytes.fromhex("0200000000") + crypto(0, b"\2\0\0\x56\3\3" + bytes(84))
    return initial(frames, 0, version, dcid, scid, first, side=b"server")
