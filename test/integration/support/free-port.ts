import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Ports are below those that the kernel gives out by itself (32768, ip-sysctl, `ip_local_port_range`): until the one that
 * they are for has them, no connection of somebody else's can take them. They are below those of the gateway's and the
 * event network's audio, too. Test files that run side by side have a range each, by vitest's number of the worker, and
 * none is given twice in a row.
 */
const FROM = 2_000;
const RANGE = 2_000;
const RANGES = 4;
/** Every one is even, as audio's has to be (RFC 3550 section 11), with room for what comes with it: control, video. */
const STEP = 4;
/** Those of ours that browsers, and with them `fetch`, refuse to speak to (Fetch Standard, "bad port"). */
const BAD = new Set([5060, 6000, 6668]);

const worker = (Number(process.env["VITEST_POOL_ID"] ?? 1) - 1) % RANGES;
let last = STEP * Math.floor((Math.random() * RANGE) / STEP);

async function free(opens: (port: number) => Promise<boolean>): Promise<number> {
  for (let tries = 0; tries < RANGE / STEP; tries++) {
    last = (last + STEP) % RANGE;
    const port = FROM + worker * RANGE + last;
    if (!BAD.has(port) && (await opens(port))) return port;
  }
  throw new Error("no port is free");
}

/** A TCP port on 127.0.0.1 that nobody has. */
export function freeTcpPort(): Promise<number> {
  return free(async (port) => {
    const server = createServer();
    const opened = once(server, "listening").then(
      () => true,
      () => false,
    );
    server.listen(port, "127.0.0.1");
    if (!(await opened)) return false;
    server.close();
    await once(server, "close");
    return true;
  });
}

/** A UDP port on 127.0.0.1 that nobody has. */
export function freeUdpPort(): Promise<number> {
  return free(async (port) => {
    const socket = createSocket("udp4");
    const opened = once(socket, "listening").then(
      () => true,
      () => false,
    );
    socket.bind(port, "127.0.0.1");
    if (!(await opened)) return false;
    socket.close();
    await once(socket, "close");
    return true;
  });
}
