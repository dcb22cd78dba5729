"""The little of DNS (RFC 1035) that the demo's servers need."""

import ipaddress
import struct

TYPES = {"A": 1, "CNAME": 5, "AAAA": 28, "HTTPS": 65}
NXDOMAIN = 3


def question(message):
    """Name as it was written, type, and the offset behind the first question."""
    labels, at = [], 12
    while message[at]:
        length = message[at]
        labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    (kind,) = struct.unpack_from(">H", message, at + 1)
    return ".".join(labels), kind, at + 5


def query(ident, name, kind):
    """A query with recursion desired and an EDNS record for 1232 octets."""
    head = struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 1)
    opt = b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)
    return head + _name(name, {}, 0) + struct.pack(">HH", kind, 1) + opt


def response(asked, records, rcode=0):
    """Answers the message `asked` with `records`: (owner, type, ttl, value) each."""
    _, _, end = question(asked)
    flags = 0x8080 | (asked[2] & 0x01) << 8 | rcode
    message = asked[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + asked[12:end]
    seen = {}
    _remember(question(asked)[0].lower(), 12, seen)
    for owner, kind, ttl, value in records:
        message += _name(owner, seen, len(message))
        message += struct.pack(">HHI", kind, 1, ttl)
        data = _data(kind, value, seen, len(message) + 2)
        message += struct.pack(">H", len(data)) + data
    return message


def _data(kind, value, seen, at):
    if kind in (TYPES["A"], TYPES["AAAA"]):
        return ipaddress.ip_address(value).packed
    if kind == TYPES["CNAME"]:
        return _name(value, seen, at)
    alpn = b"".join(bytes([len(it)]) + it.encode() for it in value)
    return struct.pack(">H", 1) + b"\0" + struct.pack(">HH", 1, len(alpn)) + alpn


def _remember(name, at, seen):
    while name:
        seen.setdefault(name, at)
        label, _, name = name.partition(".")
        at += 1 + len(label)


def _name(name, seen, at):
    """Encodes `name`, with a pointer to the longest ending that stands in the message already."""
    out = b""
    name = name.lower() if name.lower() in seen else name
    while name:
        pointer = seen.get(name.lower())
        if pointer is not None:
            return out + struct.pack(">H", 0xC000 | pointer)
        seen[name.lower()] = at + len(out)
        label, _, name = name.partition(".")
        out += bytes([len(label)]) + label.encode("ascii")
    return out + b"\0"
