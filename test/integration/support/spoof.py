"""Sends UDP packets with a forged IPv4 source. Its one argument is JSON: see `Forged` in attacker.ts."""

import json
import socket
import struct
import sys
import time

plan = json.loads(sys.argv[1])
sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
begun = time.monotonic()
for n in range(plan["count"]):
    payload = plan["payload"].replace("{n}", str(n)).encode("latin-1")
    port = plan["fromPort"] + (n if plan.get("manyPorts") else 0)
    # Without a checksum (RFC 768 allows it over IPv4); the kernel fills in the IP header's.
    udp = struct.pack("!HHHH", port, plan["port"], 8 + len(payload), 0) + payload
    source, target = socket.inet_aton(plan["from"]), socket.inet_aton(plan["host"])
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0, source, target)
    sender.sendto(head + udp, (plan["host"], 0))
    if "perSecond" in plan:
        time.sleep(max(0, begun + (n + 1) / plan["perSecond"] - time.monotonic()))
