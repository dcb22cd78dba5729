"""Cases of vendors' devices and servers that show on the local network without a name.

Each host looks up a name of nobody first, so that there is a line to expect."""

import json
import struct

from said import Connection, Wire, lookup
from wire import udp

CAMERA, SEARCHER, OTHER = "10.20.1.64", "10.20.1.21", "10.20.1.22"
SADP_GROUP, DHIP_GROUP, ALL = "239.255.255.250", "239.255.255.251", "255.255.255.255"
SERVER = "10.20.1.90"
PACK = """id = "{id}"
vendor = "{vendor}"
version = "1.0.0"
date = "2026-11-26"
description = "For a test."

[[source]]
id = 1
text = "{source}"

[[signature]]
id = "{id}-w01"
payload = "{payload}"
category = "discovery"
evidence = "device"
confidence = "reported"
product = "{vendor} device"
sources = [1]
date = "2026-07-18"
"""


def _wire():
    wire = Wire()
    lookup(wire, "time.example", client=(SEARCHER, 40_001))
    return wire


def _probe_match():
    fields = (
        ("Uuid", "13A888A9-F1B1-4020-AE9F-05607682D23B"),
        ("Types", "inquiry"),
        ("DeviceType", "154391"),
        ("DeviceDescription", "DS-2CD2042WD-I"),
        ("DeviceSN", "DS-2CD2042WD-I20160909AAWR639999999"),
        ("CommandPort", "8000"),
        ("MAC", "02-00-5e-00-53-64"),
        ("IPv4Address", CAMERA),
        ("SoftwareVersion", "V5.4.5build 170123"),
        ("Activated", "true"),
    )
    body = "".join(f"<{key}>{value}</{key}>\r\n" for key, value in fields)
    return f'<?xml version="1.0" encoding="UTF-8" ?>\r\n<ProbeMatch>\r\n{body}</ProbeMatch>\r\n'.encode()


PROBE = b"<?xml version='1.0' encoding='utf-8'?><Probe><Uuid>1</Uuid><Types>inquiry</Types></Probe>"


def discovery_sadp():
    """A search of Hikvision's SADP and the answer of a camera, both to a group. The camera is the
    device, with model, serial number and firmware; who searches is none."""
    wire = _wire()
    wire.put(udp((SEARCHER, 37_020), (SADP_GROUP, 37_020), PROBE))
    wire.put(udp((CAMERA, 37_020), (SADP_GROUP, 37_020), _probe_match()))
    device = {
        "model": "DS-2CD2042WD-I",
        "serial": "DS-2CD2042WD-I20160909AAWR639999999",
        "firmware": "V5.4.5build 170123",
        "mac": "02:00:5e:00:53:64",
    }
    wire.capture.host(CAMERA, None, "hikvision", verdict="installed", device=device)
    wire.capture.nobody(SEARCHER)
    return wire.capture


def nothing_discovery_searches():
    """Searches alone, of SADP, DHIP and Kasa: nobody is a device."""
    wire = Wire()
    wire.put(udp((SEARCHER, 37_020), (SADP_GROUP, 37_020), PROBE))
    search = {"method": "DHDiscover.search", "params": {"mac": "", "uni": 1}}
    wire.put(udp((SEARCHER, 37_810), (DHIP_GROUP, 37_810), _dhip(search)))
    query = {"system": {"get_sysinfo": {}}}
    wire.put(udp((SEARCHER, 40_002), (ALL, 9999), _kasa(query)))
    wire.put(udp((SEARCHER, 9999), (ALL, 9999), _kasa(query)))
    wire.capture.nobody(SEARCHER)
    return wire.capture


def _dhip(said):
    text = json.dumps(said).encode() + b"\n\0"
    size = struct.pack("<I", len(text))
    return b"\x20\0\0\0DHIP" + bytes(8) + size + bytes(4) + size + bytes(4) + text


def discovery_dhip():
    """A search of Dahua's DHIP, and the answer of a camera to the host that searches. A pack of the
    vendor claims it."""
    wire = _wire()
    search = {"method": "DHDiscover.search", "params": {"mac": "", "uni": 1}}
    wire.put(udp((SEARCHER, 40_002), (DHIP_GROUP, 37_810), _dhip(search)))
    info = {
        "DeviceClass": "IPC",
        "DeviceType": "IPC-HDW4431C-A",
        "IPv4Address": {"IPAddress": CAMERA},
        "Port": 37777,
        "SerialNo": "4A01DDEPAA00001",
        "Version": "2.622.0000000.18.R",
    }
    said = {"mac": "02:00:5e:00:53:65", "method": "client.notifyDevInfo", "params": {"deviceInfo": info}}
    wire.put(udp((CAMERA, 37_810), (SEARCHER, 40_002), _dhip(said)), to_server=False)
    device = {
        "model": "IPC-HDW4431C-A",
        "serial": "4A01DDEPAA00001",
        "firmware": "2.622.0000000.18.R",
        "mac": "02:00:5e:00:53:65",
    }
    wire.capture.host(CAMERA, None, "dahua", verdict="installed", device=device)
    wire.capture.nobody(SEARCHER)
    wire.capture.pack(PACK, "dahua", "Dahua", "dhip")
    return wire.capture


def _kasa(said):
    key, octets = 171, bytearray()
    for octet in json.dumps(said).encode():
        key ^= octet
        octets.append(key)
    return bytes(octets)


KASA_INFO = {
    "system": {
        "get_sysinfo": {
            "sw_ver": "1.5.4 Build 180815 Rel.121440",
            "type": "IOT.SMARTPLUGSWITCH",
            "model": "HS110(EU)",
            "mac": "02:00:5E:00:53:66",
            "deviceId": "80060000000000000000000000000000000000A1",
            "err_code": 0,
        }
    }
}
KASA_DEVICE = {
    "model": "HS110(EU)",
    "serial": "80060000000000000000000000000000000000A1",
    "firmware": "1.5.4 Build 180815 Rel.121440",
    "mac": "02:00:5e:00:53:66",
}


def discovery_kasa():
    """A question to a plug of TP-Link and its answer, over UDP: the plug is the device."""
    wire = _wire()
    wire.put(udp((SEARCHER, 40_002), (ALL, 9999), _kasa({"system": {"get_sysinfo": None}})))
    wire.put(udp((CAMERA, 9999), (SEARCHER, 40_002), _kasa(KASA_INFO)), to_server=False)
    wire.capture.host(CAMERA, None, "tp-link", verdict="installed", device=KASA_DEVICE)
    wire.capture.nobody(SEARCHER)
    wire.capture.pack(PACK, "tp-link", "TP-Link", "kasa")
    return wire.capture


def discovery_kasa_over_tcp():
    """The same over TCP, where a length goes before: a hub polls a plug, and the plug is the device."""
    wire = _wire()
    connection = Connection(wire, (SEARCHER, 50_001), (CAMERA, 9999)).open()
    query = _kasa({"system": {"get_sysinfo": None}})
    told = _kasa(KASA_INFO)
    connection.say(struct.pack(">I", len(query)) + query)
    connection.hear(struct.pack(">I", len(told)) + told)
    connection.close()
    wire.capture.host(CAMERA, None, "tp-link", verdict="installed", device=KASA_DEVICE)
    wire.capture.nobody(SEARCHER)
    wire.capture.pack(PACK, "tp-link", "TP-Link", "kasa")
    return wire.capture


def _tuya(body, prefix=0x000055AA, suffix=0x0000AA55):
    tail = struct.pack(">II", 0x01020304, suffix)
    return struct.pack(">IIII", prefix, 0, 0, len(body) + len(tail)) + body + tail


def discovery_tuya():
    """Announcements of Tuya's devices: of protocol 3.1 in clear, and of a newer one, of which only the
    frame can be recognised. A chat on the same port is no device."""
    wire = _wire()
    said = {"ip": CAMERA, "gwId": "bf0000000000000000abcd", "productKey": "key7nmm5p3xk", "version": "3.1"}
    wire.put(udp((CAMERA, 49_152), (ALL, 6666), _tuya(json.dumps(said).encode())))
    noise = bytes(place * 7 & 255 | 0x80 for place in range(64))
    wire.put(udp((OTHER, 49_152), (ALL, 6667), _tuya(noise)))
    wire.put(udp((SEARCHER, 49_152), ("10.20.1.99", 6667), b"NICK somebody\r\n"))
    device = {"model": "key7nmm5p3xk", "serial": "bf0000000000000000abcd"}
    wire.capture.host(CAMERA, None, "tuya", verdict="installed", device=device)
    wire.capture.host(OTHER, None, "tuya", verdict="installed", device=None)
    wire.capture.nobody(SEARCHER)
    wire.capture.pack(PACK, "tuya", "Tuya", "tuya")
    return wire.capture


def discovery_ksc():
    """Agents of two hosts at port 13000 of a server that has the proxy's port 13111 too: together they
    are Kaspersky Security Center. The clients have no finding by that."""
    wire = _wire()
    for number, (host, port) in enumerate(((SEARCHER, 13_000), (SEARCHER, 13_111), (OTHER, 13_000))):
        connection = Connection(wire, (host, 50_001 + number), (SERVER, port)).open()
        connection.say(b"\x01agent")
        connection.hear(b"\x01server")
        connection.close()
    wire.capture.host(SERVER, None, verdict="manager")
    wire.capture.nobody(SEARCHER)
    wire.capture.nobody(OTHER)
    return wire.capture


def discovery_ksc_by_one_port():
    """Two hosts at port 13000 of a server, and one at port 13111 of another: neither is a management
    server."""
    wire = _wire()
    ends = ((SEARCHER, SERVER, 13_000), (OTHER, SERVER, 13_000), (OTHER, "10.20.1.91", 13_111))
    for number, (host, server, port) in enumerate(ends):
        connection = Connection(wire, (host, 50_001 + number), (server, port)).open()
        connection.say(b"\x01client")
        connection.hear(b"\x01server")
        connection.close()
    wire.capture.nobody(SERVER)
    wire.capture.nobody("10.20.1.91")
    return wire.capture
