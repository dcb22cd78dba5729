"""What hosts say on a local network, one message a call, from the address given.

Usage: lan.py dhcp ADDRESS MAC HOSTNAME     DHCPINFORM with a host name (RFC 2131, RFC 2132)
       lan.py mdns ADDRESS NAME             question and announcement (RFC 6762)
       lan.py nbns ADDRESS NAME             name registration (RFC 1002 section 4.2.2)
       lan.py sadp ADDRESS MAC              answer of a camera to a device search on udp/37020
       lan.py dht ADDRESS PEER              a BitTorrent DHT ping and its answerless repeat (BEP 5)
       lan.py ntp ADDRESS SERVER            SNTP request (RFC 4330)
       lan.py hang_up ADDRESS SERVER NAME   DNS question whose answer nobody waits for
       lan.py cloud ADDRESS SERVER PORT     first message of a camera to its cloud
"""

import socket
import struct
import sys
import time

import dns_message


def udp(address, port=0):
    it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    it.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    it.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    it.bind((address, port))
    it.settimeout(2)
    return it


def labels(name):
    return b"".join(bytes([len(it)]) + it.encode() for it in name.split(".")) + b"\0"


def dhcp(address, mac, host):
    hardware = bytes.fromhex(mac.replace(":", ""))
    head = struct.pack(">BBBBIHH", 1, 1, 6, 0, 0x20_00_00_01, 0, 0) + socket.inet_aton(address)
    head += b"\0" * 12 + hardware.ljust(16, b"\0") + b"\0" * 192 + bytes.fromhex("63825363")
    options = b"\x35\x01\x08" + bytes([12, len(host)]) + host.encode()
    options += b"\x3c\x08MSFT 5.0" + b"\x37\x04\x01\x03\x06\x0f" + b"\xff"
    udp(address, 68).sendto(head + options, ("255.255.255.255", 67))


def mdns(address, name):
    it = udp(address, 5353)
    it.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    ask = struct.pack(">HHHHHH", 0, 0, 1, 0, 0, 0)
    ask += labels(f"{name}.local") + struct.pack(">HH", 255, 0x8001)
    tell = struct.pack(">HHHHHH", 0, 0x8400, 0, 1, 0, 0) + labels(f"{name}.local")
    tell += struct.pack(">HHIH", 1, 0x8001, 120, 4) + socket.inet_aton(address)
    it.sendto(ask, ("224.0.0.251", 5353))
    time.sleep(0.25)
    it.sendto(tell, ("224.0.0.251", 5353))


def nbns(address, name):
    padded = name.upper().ljust(15).encode() + b"\0"
    encoded = bytes(it for octet in padded for it in (0x41 + (octet >> 4), 0x41 + (octet & 15)))
    message = struct.pack(">HHHHHH", 0x2001, 0x2910, 1, 0, 0, 1) + b"\x20" + encoded + b"\0"
    message += struct.pack(">HH", 32, 1) + b"\xc0\x0c" + struct.pack(">HHIHH", 32, 1, 300000, 6, 0)
    message += socket.inet_aton(address)
    broadcast = address.rsplit(".", 1)[0] + ".255"
    udp(address, 137).sendto(message, (broadcast, 137))


def sadp(address, mac):
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<ProbeMatch>
<Uuid>00000000-0000-4000-8000-000000000021</Uuid>
<Types>inquiry</Types>
<DeviceType>133171</DeviceType>
<DeviceDescription>DS-2CD2042WD-I</DeviceDescription>
<DeviceSN>DS-2CD2042WD-I00000000AAWR000000000</DeviceSN>
<CommandPort>8000</CommandPort>
<HttpPort>80</HttpPort>
<MAC>{mac.replace(":", "-")}</MAC>
<IPv4Address>{address}</IPv4Address>
<IPv4SubnetMask>255.255.255.0</IPv4SubnetMask>
<IPv4Gateway>10.20.0.1</IPv4Gateway>
<DHCP>false</DHCP>
<SoftwareVersion>V5.4.5build 170124</SoftwareVersion>
<Activated>true</Activated>
</ProbeMatch>
"""
    udp(address, 37020).sendto(text.replace("\n", "\r\n").encode(), ("239.255.255.250", 37020))


def dht(address, peer):
    it = udp(address, 6881)
    for _ in range(2):
        it.sendto(b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", (peer, 6881))
        time.sleep(0.5)


def ntp(address, server):
    it = udp(address)
    it.sendto(b"\x23" + b"\0" * 39 + struct.pack(">II", 0x20000000, 0), (server, 123))
    it.recvfrom(512)


def hang_up(address, server, name):
    """Leaves before the answer comes, which the system then refuses with an ICMP error."""
    it = udp(address)
    it.sendto(dns_message.query(0x2001, name, dns_message.TYPES["A"]), (server, 53))
    it.close()


def cloud(address, server, port):
    hello = bytes.fromhex("703e000000000000") + bytes.fromhex("01010009") + b"D00000021"
    with socket.create_connection((server, int(port)), 5, (address, 0)) as it:
        for _ in range(3):
            it.sendall(hello)
            it.recv(512)
            time.sleep(0.3)


if __name__ == "__main__":
    actions = {it.__name__: it for it in (dhcp, mdns, nbns, sadp, dht, ntp, hang_up, cloud)}
    actions[sys.argv[1]](*sys.argv[2:])
