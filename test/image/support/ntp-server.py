"""Tells the time to whoever asks (NTP, RFC 5905, client and server mode only). Argument: the address to listen at."""

import socket
import struct
import sys
import time

FROM_1900_TO_1970_S = 2_208_988_800
LEAP_NONE_VERSION_4_SERVER = 0x24
STRATUM, POLL, PRECISION = 1, 6, -20


def stamp() -> int:
    return int((time.time() + FROM_1900_TO_1970_S) * 2**32)


server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 123))
print("listening", flush=True)
while True:
    question, client = server.recvfrom(512)
    if len(question) < 48:
        continue
    received = stamp()
    asked = question[40:48]
    head = struct.pack("!BBbbII4s", LEAP_NONE_VERSION_4_SERVER, STRATUM, POLL, PRECISION, 0, 0, b"LOCL")
    server.sendto(head + struct.pack("!Q", received) + asked + struct.pack("!QQ", received, stamp()), client)
