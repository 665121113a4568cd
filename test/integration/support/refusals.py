"""Counts what leaves a SIP port beginning with "SIP/2.0 403", by address: what the kernel's rules count, without rules.

Arguments: interface, SIP port. Prints "ready"; then, for each line read, the counts as JSON. An address is forgotten
10 s after its last one, as in the kernel's set.
"""

import json
import selectors
import socket
import struct
import sys
import time

interface, port = sys.argv[1], int(sys.argv[2])
# All protocols: what leaves is shown to those only who ask for everything.
ALL, IPV4, OUTGOING = 3, 0x0800, 4
packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL))
packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_000_000)
packets.bind((interface, ALL))
packets.setblocking(False)
counts = {}


def current():
    since = time.monotonic() - 10
    return {to: count for to, (count, last) in counts.items() if last > since}


def look(packet):
    head = (packet[0] & 15) * 4
    if struct.unpack_from("!H", packet, head)[0] != port:
        return
    skip = 8 if packet[9] == socket.IPPROTO_UDP else (packet[head + 12] >> 4) * 4
    if packet[head + skip :].startswith(b"SIP/2.0 403"):
        to = socket.inet_ntoa(packet[16:20])
        counts[to] = (current().get(to, 0) + 1, time.monotonic())


def drain():
    while True:
        try:
            packet, address = packets.recvfrom(65535)
        except BlockingIOError:
            return
        if address[1] == IPV4 and address[2] == OUTGOING and packet[9] in (socket.IPPROTO_UDP, socket.IPPROTO_TCP):
            look(packet)


ready = selectors.DefaultSelector()
ready.register(packets, selectors.EVENT_READ)
ready.register(sys.stdin, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in ready.select():
        drain()
        if key.fileobj is sys.stdin:
            if sys.stdin.readline() == "":
                sys.exit()
            print(json.dumps(current()), flush=True)
