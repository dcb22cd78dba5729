"""Cases of who a device is: DHCP, DHCPv6, mDNS, LLMNR, NBNS, Kerberos, SMB, and addresses that change
hands.

Each ends with a hello to a flagged name, so that there is a finding to say it of."""

import os
import struct

from said import HERE, Connection, Wire, answer, hello, labels, message, question, visit
from wire import ACK, PSH, packed, udp

HOST, OTHER, SERVER = "10.20.1.31", "10.20.1.32", "203.0.113.10"
DHCP_SERVER, NOBODY, ALL = "10.20.1.1", "0.0.0.0", "255.255.255.255"
LAPTOP, DESKTOP = "02:00:5e:00:53:31", "02:00:5e:00:53:32"
UPDATE, LICENCE = "s00.upd.kaspersky.com", "activation-v2.kaspersky.com"
DISCOVER, OFFER, REQUEST, ACK, RELEASE = 1, 2, 3, 5, 7
MDNS_ANSWER = 0x8400


def _mac(text):
    return bytes.fromhex(text.replace(":", ""))


def _option(code, value):
    value = value.encode() if isinstance(value, str) else value
    return bytes([code, len(value)]) + value


def _dhcp(reply, kind, mac, options, client=NOBODY, given=NOBODY, xid=0x50480001):
    """A DHCP message (RFC 2131 section 2)."""
    head = struct.pack(">BBBBIHH", 2 if reply else 1, 1, 6, 0, xid, 0, 0)
    head += packed(client) + packed(given) + bytes(8) + _mac(mac) + bytes(10 + 64 + 128)
    body = b"\x63\x82\x53\x63" + _option(53, bytes([kind])) + b"".join(options) + b"\xff"
    return head + body


def _ask(wire, kind, mac, name=None, more=()):
    options = list(more)
    if name:
        options += [_option(12, name), _option(60, "MSFT 5.0")]
    wire.put(udp((NOBODY, 68), (ALL, 67), _dhcp(False, kind, mac, options)))


def _give(wire, mac, address, seconds=3600):
    """The acknowledgment of a server."""
    options = [_option(54, packed(DHCP_SERVER)), _option(51, struct.pack(">I", seconds))]
    octets = _dhcp(True, ACK, mac, options, given=address)
    wire.put(udp((DHCP_SERVER, 67), (address, 68), octets), to_server=False)
    return wire.capture.at


def _lease(wire, mac, address, name):
    """The four messages of a new lease; gives the time of the last."""
    _ask(wire, DISCOVER, mac, name)
    offer = _dhcp(True, OFFER, mac, [_option(51, struct.pack(">I", 3600))], given=address)
    wire.put(udp((DHCP_SERVER, 67), (address, 68), offer), to_server=False)
    wanted = [_option(50, packed(address)), _option(54, packed(DHCP_SERVER))]
    _ask(wire, REQUEST, mac, name, wanted)
    return _give(wire, mac, address)


def _uses(wire, name=UPDATE, host=HOST, port=50_001):
    """A flagged contact, so that there is a finding."""
    visit(wire, name, ends=((host, port), (SERVER, 443)))


def _of_dhcp(mac, name, since):
    return {"mac": mac, "name": name, "source": "dhcp", "class": "MSFT 5.0", "since": since}


def identity_dhcp():
    """A lease, with the host name and the class that the client says (RFC 2131, 2132)."""
    wire = Wire()
    since = _lease(wire, LAPTOP, HOST, "Laptop-31")
    _uses(wire)
    wire.capture.host(HOST, _of_dhcp(LAPTOP, "laptop-31", since))
    return wire.capture


def identity_dhcp_renewed():
    """A client that renews: it asks from its address, and nothing else of the lease is seen. Its name
    is that of option 81 (RFC 4702), in labels."""
    wire = Wire()
    name = labels("renewed.corp.example")
    options = [_option(81, b"\x04\0\0" + name)]
    octets = _dhcp(False, REQUEST, LAPTOP, options, client=HOST)
    wire.put(udp((HOST, 68), (DHCP_SERVER, 67), octets))
    since = wire.capture.at
    _uses(wire)
    expected = {"mac": LAPTOP, "name": "renewed.corp.example", "source": "dhcp", "since": since}
    wire.capture.host(HOST, expected)
    return wire.capture


def identity_dhcp_busy():
    """Five hundred clients that ask, 160 KB in the one flow that all share, then a lease: triage lets
    all of it pass."""
    wire = Wire()
    for number in range(500):
        _ask(wire, DISCOVER, f"02:00:5e:10:{number >> 8:02x}:{number & 255:02x}", f"pc-{number}")
    since = _lease(wire, LAPTOP, HOST, "laptop-31")
    _uses(wire)
    wire.capture.host(HOST, _of_dhcp(LAPTOP, "laptop-31", since))
    return wire.capture


def identity_lease_reused():
    """A lease that is given back and given to another device: each has the contact that it made, and
    the verdict on one does not rest on the other's."""
    wire = Wire()
    first = _lease(wire, LAPTOP, HOST, "laptop-31")
    _uses(wire, UPDATE)
    octets = _dhcp(False, RELEASE, LAPTOP, [], client=HOST)
    wire.put(udp((HOST, 68), (DHCP_SERVER, 67), octets))
    second = _lease(wire, DESKTOP, HOST, "desktop-32")
    _uses(wire, LICENCE, port=50_002)
    wire.capture.host(
        HOST,
        _of_dhcp(DESKTOP, "desktop-32", second),
        verdict="likely",
        earlier=[{"identity": _of_dhcp(LAPTOP, "laptop-31", first), "verdict": "likely"}],
    )
    return wire.capture


def identity_lease_reused_in_silence():
    """A lease that is given to another device, which contacts nobody: the finding stays that of the
    device that made it, and has its name."""
    wire = Wire()
    since = _lease(wire, LAPTOP, HOST, "laptop-31")
    _uses(wire)
    _lease(wire, DESKTOP, HOST, "desktop-32")
    wire.capture.host(HOST, _of_dhcp(LAPTOP, "laptop-31", since), earlier=[])
    return wire.capture


def identity_lease_moves():
    """A device that is given another address is the same device at both."""
    wire = Wire()
    first = _lease(wire, LAPTOP, HOST, "laptop-31")
    _uses(wire)
    second = _lease(wire, LAPTOP, OTHER, "laptop-31")
    _uses(wire, host=OTHER)
    wire.capture.host(HOST, _of_dhcp(LAPTOP, "laptop-31", first))
    wire.capture.host(OTHER, _of_dhcp(LAPTOP, "laptop-31", second))
    return wire.capture


def identity_dhcp_refused():
    """An offer that is not taken, and a refusal: the address is nobody's."""
    wire = Wire()
    _ask(wire, DISCOVER, LAPTOP, "laptop-31")
    for kind in (OFFER, 6):
        octets = _dhcp(True, kind, LAPTOP, [], given=HOST)
        wire.put(udp((DHCP_SERVER, 67), (HOST, 68), octets), to_server=False)
    _uses(wire)
    wire.capture.host(HOST, None)
    return wire.capture


def _option6(code, value):
    return struct.pack(">HH", code, len(value)) + value


def _dhcp6(kind, mac, options):
    """A DHCPv6 message (RFC 8415 section 8) of a client with a DUID of link-layer address and time."""
    duid = struct.pack(">HHI", 1, 1, 0x2A000000) + _mac(mac)
    return bytes([kind]) + b"\0\0\1" + _option6(1, duid) + b"".join(options)


HOST6, SERVER6 = "fd20::31", "2001:db8:113::10"
LINK, ALL_SERVERS, LINK_OF_SERVER = "fe80::31", "ff02::1:2", "fe80::1"


def _lease6(wire, relayed):
    name = _option6(39, b"\0" + labels("laptop-31.corp.example"))
    given = packed(HOST6) + struct.pack(">II", 1800, 3600)
    association = _option6(3, struct.pack(">III", 1, 900, 1500) + _option6(5, given))
    ask, told = _dhcp6(3, LAPTOP, [name]), _dhcp6(7, LAPTOP, [association])
    if relayed:
        for kind, inner in ((12, ask), (13, told)):
            outer = bytes([kind, 0]) + packed("fd20::1") + packed(LINK) + _option6(9, inner)
            ends = (("fd20::1", 547), ("fd20::53", 547))
            wire.put(udp(*(ends if kind == 12 else ends[::-1]), outer), kind == 12)
    else:
        wire.put(udp((LINK, 546), (ALL_SERVERS, 547), ask))
        wire.put(udp((LINK_OF_SERVER, 547), (LINK, 546), told), to_server=False)
    since = wire.capture.at
    visit(wire, UPDATE, ends=((HOST6, 50_001), (SERVER6, 443)))
    name = "laptop-31.corp.example"
    wire.capture.host(HOST6, {"mac": LAPTOP, "name": name, "source": "dhcpv6", "since": since})
    return wire.capture


def identity_dhcpv6():
    """A request and a reply of DHCPv6 (RFC 8415), with a name (RFC 4704) and a DUID that holds the
    hardware address."""
    return _lease6(Wire(), False)


def identity_dhcpv6_relayed():
    """The same between a relay and a server."""
    return _lease6(Wire(), True)


def _flushing(owner, kind, address):
    """A record with the bit that makes older ones void (RFC 6762 section 10.2)."""
    head = labels(owner) + struct.pack(">HHIH", kind, 0x8001, 120, len(address))
    return head + address


def identity_mdns():
    """An announcement of mDNS (RFC 6762): the name and an IPv6 address, told over IPv4."""
    wire = Wire()
    owner = "tablet-31.local"
    records = [(1, packed(HOST)), (28, packed(HOST6))]
    octets = message(0, MDNS_ANSWER, [], [_flushing(owner, *it) for it in records])
    wire.put(udp((HOST, 5353), ("224.0.0.251", 5353), octets))
    since = wire.capture.at
    _uses(wire)
    visit(wire, UPDATE, ends=((HOST6, 50_001), (SERVER6, 443)))
    for host in (HOST, HOST6):
        wire.capture.host(host, {"mac": None, "name": owner, "source": "mdns", "since": since})
    return wire.capture


def identity_mdns_of_others():
    """Announcements of mDNS about others: a reflector passes on what a host said, and a host claims
    another's address. Neither is believed."""
    wire = Wire()
    for sender, owner, address in (
        (DHCP_SERVER, "tablet-31.local", HOST),
        (OTHER, "liar.local", HOST),
    ):
        octets = message(0, MDNS_ANSWER, [], [answer(owner, 1, packed(address), ttl=120)])
        wire.put(udp((sender, 5353), ("224.0.0.251", 5353), octets))
    _uses(wire)
    wire.capture.host(HOST, None)
    return wire.capture


def identity_llmnr():
    """An answer of LLMNR (RFC 4795) about the name of the host that gives it."""
    wire = Wire()
    ask = [question("laptop-31")]
    wire.put(udp((OTHER, 40_001), ("224.0.0.252", 5355), message(7, 0, ask)))
    told = [answer("laptop-31", 1, packed(HOST), ttl=30)]
    wire.put(udp((HOST, 5355), (OTHER, 40_001), message(7, 0x8000, ask, told)), False)
    since = wire.capture.at
    _uses(wire)
    wire.capture.host(HOST, {"mac": None, "name": "laptop-31", "source": "llmnr", "since": since})
    return wire.capture


def _netbios(name, suffix):
    """A name in first-level encoding (RFC 1001 section 14.1)."""
    octets = name.encode().ljust(15) + bytes([suffix])
    return b"\x20" + bytes(0x41 + it for octet in octets for it in divmod(octet, 16)) + b"\0"


def identity_nbns():
    """NetBIOS names that a host registers (RFC 1002 section 4.2.2): of its group, of the person, and of
    the workstation, which is the host's."""
    wire = Wire()
    for name, suffix, flags in (
        ("OFFICE", 0x00, 0x8000),
        ("JDOE", 0x03, 0),
        ("LAPTOP-31", 0x00, 0),
    ):
        encoded = _netbios(name, suffix)
        octets = struct.pack(">HHHHHH", 7, 0x2910, 1, 0, 0, 1) + encoded + b"\0\x20\0\1"
        octets += b"\xc0\x0c" + struct.pack(">HHIHH", 0x20, 1, 300_000, 6, flags) + packed(HOST)
        wire.put(udp((HOST, 137), ("10.20.1.255", 137), octets))
    since = wire.capture.at
    _uses(wire)
    wire.capture.host(HOST, {"mac": None, "name": "laptop-31", "source": "nbns", "since": since})
    return wire.capture


def _sample(name):
    """A message of a real program, of those that the parsers' own tests read."""
    path = os.path.join(HERE, "..", "..", "src", "identity", "samples", name + ".bin")
    with open(path, "rb") as file:
        return file.read()


FILES, TICKETS, CALLER = "10.20.1.40", "10.20.1.41", "laptop-7"


def _logs_on(wire, port=445):
    """A connection to a file server."""
    return Connection(wire, (HOST, 50_010), (FILES, port)).open()


def _named(wire, source, since, name=CALLER):
    _uses(wire)
    wire.capture.host(HOST, {"mac": None, "name": name, "source": source, "since": since})
    return wire.capture


def _unnamed(wire):
    _uses(wire)
    wire.capture.host(HOST, None)
    return wire.capture


def identity_smb():
    """A client of SMB 3 logs on with NTLM (MS-SMB2, MS-NLMP), and reads a file: its workstation is the
    host's name."""
    wire = Wire()
    connection = _logs_on(wire)
    connection.say(_sample("smbclient-negotiate"))
    connection.say(_sample("smbclient-ntlm-negotiate"))
    connection.hear(_sample("smbd-challenge"))
    connection.say(_sample("smbclient-authenticate"))
    since = wire.capture.at
    connection.say(_sample("smbclient-tree-connect"))
    connection.hear(b"\0\0\x20\0\xfeSMB" + bytes(0x2000 - 4))
    connection.close()
    return _named(wire, "smb", since)


def identity_smb_1():
    """A client of SMB 1 on port 139: it is named when it asks for a session (RFC 1002 section 4.3.2),
    and again by NTLM."""
    wire = Wire()
    connection = _logs_on(wire, 139)
    connection.say(_sample("smbclient-session-request"))
    since = wire.capture.at
    connection.hear(b"\x82\0\0\0")
    connection.say(_sample("smbclient-negotiate-1"))
    connection.say(_sample("smbclient-authenticate-1"))
    connection.close()
    return _named(wire, "smb", since)


def identity_smb_split():
    """The message that logs on in segments of 100 octets, of which the later ones come first, and the
    second twice."""
    wire = Wire()
    connection = _logs_on(wire)
    connection.say(_sample("smbclient-negotiate"))
    octets = _sample("smbclient-authenticate")
    starts = list(range(0, len(octets), 100))
    for start in starts[:0:-1] + [100, 0]:
        connection.raw(PSH | ACK, octets[start : start + 100], ahead=start)
    since = wire.capture.at
    return _named(wire, "smb", since)


def identity_smb_without_syn():
    """A connection whose beginning was not seen: the message that logs on begins a segment."""
    wire = Wire()
    connection = Connection(wire, (HOST, 50_010), (FILES, 445))
    connection.hear(_sample("smbd-challenge"))
    connection.say(_sample("smbclient-authenticate"), size=400)
    return _named(wire, "smb", wire.capture.at)


def identity_smb_with_ticket():
    """A client of SMB that logs on with a ticket of Kerberos: all of its names are encrypted."""
    wire = Wire()
    connection = _logs_on(wire)
    connection.say(_sample("smbclient-negotiate"))
    connection.say(_sample("impacket-kerberos"))
    connection.say(_sample("smbclient-tree-connect"))
    connection.close()
    return _unnamed(wire)


def identity_smb_without_workstation():
    """A client of SMB that leaves its workstation empty."""
    wire = Wire()
    connection = _logs_on(wire)
    connection.say(_sample("smbclient-negotiate"))
    connection.say(_sample("impacket-authenticate"))
    connection.close()
    return _unnamed(wire)


def identity_smb_server():
    """The server's half alone, with its challenge, and what a client says from the port of a server:
    neither end is named."""
    wire = Wire()
    connection = Connection(wire, (OTHER, 50_010), (HOST, 445))
    connection.hear(_sample("smbd-challenge"))
    connection.hear(_sample("smbclient-authenticate"))
    _uses(wire, host=OTHER)
    wire.capture.host(OTHER, None)
    return _unnamed(wire)


def identity_smb_later():
    """A client that says eight times which versions it speaks before it logs on, which none does: by
    then it is not listened to any more."""
    wire = Wire()
    connection = _logs_on(wire)
    for _ in range(8):
        connection.say(_sample("smbclient-negotiate"))
    connection.say(_sample("smbclient-authenticate"))
    connection.close()
    return _unnamed(wire)


def identity_smb_and_hello():
    """A hello on the port of SMB, behind a message of it: one names the connection, the other the host."""
    wire = Wire()
    connection = _logs_on(wire)
    connection.say(_sample("smbclient-session-request"))
    since = wire.capture.at
    connection.hear(b"\x82\0\0\0")
    octets = hello("behind-smb.example")
    connection.say(octets[:200])
    connection.say(octets[200:])
    connection.tell("tls-sni", "behind-smb.example")
    connection.close()
    return _named(wire, "smb", since)


def _asks_for_ticket(wire, name, end=None):
    wire.put(udp((HOST, 50_010), (TICKETS, 88), _sample(name)[:end]))
    return wire.capture.at


def identity_kerberos():
    """A host asks for a ticket with its own account (RFC 4120), whose name ends with a dollar sign."""
    wire = Wire()
    since = _asks_for_ticket(wire, "kinit-machine")
    wire.put(udp((TICKETS, 88), (HOST, 50_010), _sample("krb5kdc-reply")), to_server=False)
    return _named(wire, "kerberos", since)


def identity_kerberos_tcp():
    """The same over TCP, where the length goes first, in a segment of its own."""
    wire = Wire()
    connection = Connection(wire, (HOST, 50_010), (TICKETS, 88)).open()
    octets = _sample("kinit-machine-tcp")
    connection.say(octets[:4])
    connection.say(octets[4:])
    since = wire.capture.at
    reply = _sample("krb5kdc-reply")
    connection.hear(struct.pack(">I", len(reply)) + reply)
    connection.close()
    return _named(wire, "kerberos", since)


def identity_kerberos_host():
    """A host asks for a ticket with its own principal, as those with a key table do."""
    wire = Wire()
    since = _asks_for_ticket(wire, "kinit-host")
    return _named(wire, "kerberos", since, "laptop-7.example.org")


def identity_kerberos_netbios():
    """A person asks for a ticket that is to be used from a host: the NetBIOS name among the addresses
    is the host's, and the person's is left alone."""
    wire = Wire()
    return _named(wire, "kerberos", _asks_for_ticket(wire, "net-netbios-address"))


def identity_kerberos_person():
    """A person asks for tickets, in one request with an address: nothing says which host it is."""
    wire = Wire()
    for name in ("kinit-person", "kinit-addresses", "kvno-ticket"):
        _asks_for_ticket(wire, name)
    connection = Connection(wire, (HOST, 50_011), (TICKETS, 88)).open()
    octets = _sample("kinit-person")
    connection.say(struct.pack(">I", len(octets)) + octets)
    connection.close()
    return _unnamed(wire)


def identity_names_disagree():
    """One host that is called otherwise in each protocol: DHCP is believed first, and what LLMNR says
    after it changes nothing."""
    wire = Wire()
    since = _lease(wire, LAPTOP, HOST, "by-dhcp")
    told = [answer("by-mdns.local", 1, packed(HOST), ttl=120)]
    octets = message(0, MDNS_ANSWER, [], told)
    wire.put(udp((HOST, 5353), ("224.0.0.251", 5353), octets))
    told = [answer("by-llmnr", 1, packed(HOST), ttl=30)]
    octets = message(7, 0x8000, [question("by-llmnr")], told)
    wire.put(udp((HOST, 5355), (OTHER, 40_001), octets), False)
    _uses(wire)
    wire.capture.host(HOST, _of_dhcp(LAPTOP, "by-dhcp", since))
    return wire.capture


def identity_damaged():
    """Messages that break rules: a DHCP option that ends too early, a NetBIOS name in another
    encoding, an mDNS record that is cut off, a request for a ticket that is cut off, a workstation
    that is not there. Nothing is known of the host."""
    wire = Wire()
    cut = _dhcp(True, ACK, LAPTOP, [], given=HOST)[:-1] + b"\x0c\x40short"
    wire.put(udp((DHCP_SERVER, 67), (HOST, 68), cut), to_server=False)
    octets = struct.pack(">HHHHHH", 7, 0x2910, 1, 0, 0, 1) + b"\x20" + b"a" * 32 + b"\0\0\x20\0\1"
    wire.put(udp((HOST, 137), ("10.20.1.255", 137), octets))
    octets = message(0, MDNS_ANSWER, [], [answer("cut.local", 1, packed(HOST), ttl=120)])[:-1]
    wire.put(udp((HOST, 5353), ("224.0.0.251", 5353), octets))
    _asks_for_ticket(wire, "kinit-machine", -1)
    octets = bytearray(_sample("smbclient-authenticate"))
    octets[octets.index(b"NTLMSSP") + 44] = 0xFF
    _logs_on(wire).say(bytes(octets))
    _uses(wire)
    wire.capture.host(HOST, None)
    return wire.capture
