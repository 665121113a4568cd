"""Sends and hears packets inside one network namespace of the lab (lab.ts): a JSON command per line, a JSON answer per line."""
import json, os, select, socket, sys, threading, time

heard = []
lock = threading.Condition()
held = {}
# Sockets that hear, for knowing when all that has come was noted.
ears = []


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def open_from(kind, source, port=0):
    fam = family(source)
    s = socket.socket(fam, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # IP_TRANSPARENT, IPV6_TRANSPARENT: any source address, whether it is ours or not.
    four = fam == socket.AF_INET
    s.setsockopt(socket.IPPROTO_IP if four else socket.IPPROTO_IPV6, 19 if four else 75, 1)
    s.bind((source, port))
    return s


def note(proto, port, peer, data):
    heard.append({"proto": proto, "port": port, "from": peer[0], "fromPort": peer[1], "text": data[:64].decode("latin1")})
    lock.notify_all()


def serve_udp(s, port, answer):
    while True:
        select.select([s], [], [])
        # Read and noted as one: what is not in a socket any more is in the list.
        with lock:
            data, peer = s.recvfrom(65535)
            note("udp", port, peer, data)
        if answer:
            try:
                s.sendto(answer, peer)
            except OSError:
                pass  # The firewall drops it on its way out.


def serve_tcp(s, port, answer):
    def connection(c, peer):
        try:
            while True:
                data = c.recv(65535)
                if not data:
                    return
                # One entry for each request of a pipelined stream, however it was cut into segments.
                for part in data.split(b"\r\n\r\n"):
                    if part:
                        with lock:
                            note("tcp", port, peer, part)
                        if answer:
                            c.sendall(answer)
        except OSError:
            return
        finally:
            c.close()

    while True:
        select.select([s], [], [])
        # Accepted and noted as one, as above: who has connected is in the queue of the socket, or in the list.
        with lock:
            c, peer = s.accept()
            note("connect", port, peer, b"")
        threading.Thread(target=connection, args=(c, peer), daemon=True).start()


def listen(q):
    for address in q["addresses"]:
        kind = socket.SOCK_STREAM if q["proto"] == "tcp" else socket.SOCK_DGRAM
        s = socket.socket(family(address), kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family(address) == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_DGRAM:
            # SO_RCVBUFFORCE, which Python does not name: a burst must not be lost here.
            s.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)
        s.bind((address, q["port"]))
        if kind == socket.SOCK_STREAM:
            s.listen(1024)
        ears.append(s)
        target = serve_tcp if kind == socket.SOCK_STREAM else serve_udp
        answer = q.get("answer", "").encode("latin1")
        threading.Thread(target=target, args=(s, q["port"], answer), daemon=True).start()
    return True


def udp(q):
    """Sends `payloads` `times` times over, one socket for all; counts the answers that come within `waitMs` of silence."""
    s = open_from(socket.SOCK_DGRAM, q["source"], q.get("sourcePort", 0))
    sent = 0
    answers = 0
    until = time.monotonic() + q["forMs"] / 1000 if "forMs" in q else None
    payloads = [p.encode("latin1") for p in q["payloads"]]
    times = q.get("times", 1)
    turn = 0
    while turn < times or (until is not None and time.monotonic() < until):
        for p in payloads:
            try:
                s.sendto(p, (q["to"], q["port"]))
                sent += 1
            except PermissionError:
                pass
            if q.get("gapMs"):
                time.sleep(q["gapMs"] / 1000)
        turn += 1
    wait = q.get("waitMs", 0) / 1000
    while wait and select.select([s], [], [], wait)[0]:
        try:
            s.recv(65535)
            answers += 1
        except OSError:
            break
    s.close()
    return {"sent": sent, "answers": answers}


def tcp(q):
    """Connects, sends `payloads` one after the other, counts answer lines until `waitMs` of silence."""
    s = open_from(socket.SOCK_STREAM, q["source"], q.get("sourcePort", 0))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.settimeout(q.get("connectMs", 400) / 1000)
    try:
        s.connect((q["to"], q["port"]))
    except OSError as e:
        s.close()
        return {"connected": False, "why": type(e).__name__, "answers": 0, "text": ""}
    text = b""
    try:
        for p in q.get("payloads", []):
            s.sendall(p.encode("latin1"))
            if q.get("gapMs"):
                time.sleep(q["gapMs"] / 1000)
    except OSError:
        pass
    wait = q.get("waitMs", 0) / 1000
    try:
        while wait and select.select([s], [], [], wait)[0]:
            data = s.recv(65535)
            if not data:
                break
            text += data
    except OSError:
        pass
    if q.get("hold"):
        held[q["hold"]] = s
    else:
        # Reset rather than linger: the next test begins without this connection.
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        s.close()
    return {"connected": True, "why": "", "answers": text.count(b"SIP/2.0 "), "text": text[:2000].decode("latin1")}


def wait_for(q):
    """Waits until something with `text` in it was heard."""
    until = time.monotonic() + q["limitMs"] / 1000
    with lock:
        while not any(q["text"] in h["text"] for h in heard):
            left = until - time.monotonic()
            if left <= 0:
                return False
            lock.wait(left)
    return True


def take(_):
    while select.select(ears, [], [], 0)[0]:
        time.sleep(0.001)
    with lock:
        all_of_it = list(heard)
        heard.clear()
    return all_of_it


commands = {"listen": listen, "udp": udp, "tcp": tcp, "waitFor": wait_for, "take": take}
out = threading.Lock()


def perform(q):
    try:
        answer = {"id": q["id"], "ok": commands[q["do"]](q)}
    except Exception as e:  # the test is told, whatever it was
        answer = {"id": q["id"], "error": f"{type(e).__name__}: {e}"}
    with out:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


for line in sys.stdin:
    threading.Thread(target=perform, args=(json.loads(line),), daemon=True).start()
os._exit(0)
