"""A LAN host's DHCP client (RFC 2131) and DNS look-up (RFC 1035), by hand. Prints JSON.

lan-client.py dhcp INTERFACE [HOSTNAME]   takes the address offered: {"address", "mask", "router", "dns", "lease"}
lan-client.py dns SERVER NAME [TYPE]      {"code", "addresses"}; TYPE A (1) unless told
"""
import json
import os
import socket
import struct
import sys


def dhcp(interface, hostname):
    with open(f"/sys/class/net/{interface}/address") as file:
        mac = bytes.fromhex(file.read().strip().replace(":", ""))
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    sock.bind(("0.0.0.0", 68))
    sock.settimeout(8)
    transaction = os.urandom(4)

    def ask(kind, extra):
        # The flag asks for an answer to everybody: we have no address yet.
        head = struct.pack("!BBBB4sHH", 1, 1, 6, 0, transaction, 0, 0x8000) + bytes(16)
        options = bytes([53, 1, kind]) + extra + bytes([55, 4, 1, 3, 6, 51])
        if hostname:
            options += bytes([12, len(hostname)]) + hostname.encode()
        packet = head + mac.ljust(16, b"\0") + bytes(192) + b"\x63\x82\x53\x63" + options + b"\xff"
        sock.sendto(packet, ("255.255.255.255", 67))
        while True:
            data = sock.recv(2048)
            if data[4:8] == transaction and data[0] == 2:
                return socket.inet_ntoa(data[16:20]), parse(data[240:])

    def parse(data):
        found, at = {}, 0
        while at < len(data) and data[at] != 255:
            if data[at] == 0:
                at += 1
                continue
            found[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
            at += 2 + data[at + 1]
        return found

    offered, options = ask(1, b"")
    address, options = ask(3, bytes([50, 4]) + socket.inet_aton(offered) + bytes([54, 4]) + options[54])
    if options[53] != b"\x05":
        raise SystemExit("refused")
    text = {name: socket.inet_ntoa(options[code]) for name, code in (("mask", 1), ("router", 3), ("dns", 6))}
    return {"address": address, **text, "lease": struct.unpack("!I", options[51])[0]}


def dns(server, name, kind):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(4)
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    sock.sendto(struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + question + struct.pack("!HH", kind, 1), (server, 53))
    data = sock.recv(2048)
    _, flags, _, answers, _, _ = struct.unpack("!HHHHHH", data[:12])
    at, addresses = 12 + len(question) + 4, []
    for _ in range(answers):
        at += 2 if data[at] >= 0xC0 else data.index(b"\0", at) - at + 1
        found, _, _, length = struct.unpack("!HHIH", data[at : at + 10])
        if found == 1:
            addresses.append(socket.inet_ntoa(data[at + 10 : at + 14]))
        at += 10 + length
    return {"code": flags & 15, "addresses": addresses}


what, *rest = sys.argv[1:]
if what == "dhcp":
    print(json.dumps(dhcp(rest[0], rest[1] if len(rest) > 1 else "")))
else:
    print(json.dumps(dns(rest[0], rest[1], int(rest[2]) if len(rest) > 2 else 1)))
