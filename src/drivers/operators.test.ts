import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { connectedTo, Operators } from "./operators.ts";

const open: (Server | Socket)[] = [];
afterEach(() => {
  for (const one of open.splice(0)) "destroy" in one ? one.destroy() : one.close();
});

async function listen(host: string): Promise<{ port: number; accepted: Promise<Socket> }> {
  const server = createServer((socket) => open.push(socket));
  open.push(server);
  const accepted = once(server, "connection").then(([socket]) => socket as Socket);
  server.listen(0, host);
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, accepted };
}

describe("who is connected", () => {
  it.each([
    ["127.0.0.1", "127.0.0.1"],
    ["127.0.0.1", "127.0.7.9"],
    ["::1", "::1"],
    ["::", "127.0.7.9"],
  ])(
    "is seen at a socket of %s, from %s and not by what we connect to, until the connection ends",
    async (host, from) => {
      const operators = new Operators();
      const { port, accepted } = await listen(host);
      expect(await operators.connected([port])).toEqual([]);
      const target = host === "::" ? "127.0.0.1" : host;
      const socket = connect({ port, host: target, localAddress: from });
      open.push(socket);
      await once(socket, "connect");
      const server = await accepted;
      expect(await operators.connected([port])).toEqual([from]);
      expect(await operators.connected([port === 1 ? 2 : 1])).toEqual([]);
      const closed = [once(socket, "close"), once(server, "close")];
      server.resume();
      socket.destroy();
      await Promise.all(closed);
      expect(await operators.connected([port])).toEqual([]);
    },
  );

  it("is an error when it cannot be known, but for a machine without IPv6", async () => {
    await expect(new Operators(["/nonexistent/tcp"]).connected([22])).rejects.toMatchObject({
      code: "connections-unknown",
    });
    expect(await new Operators(["/nonexistent/tcp6"]).connected([22])).toEqual([]);
  });
});

describe("the kernel's table", () => {
  const line = (local: string, remote: string, state: string) =>
    `   1: ${local} ${remote} ${state} 00000000:00000000 02:000A 00000000     0        0 1234 2 0000 20 4 30 10 -1\n`;
  const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

  it("is read in either byte order", () => {
    const little = head + line("0A01A8C0:0016", "1401A8C0:C350", "01");
    expect(connectedTo(little, [22], "LE")).toEqual(["192.168.1.20"]);
    const big = head + line("C0A8010A:0016", "C0A80114:C350", "01");
    expect(connectedTo(big, [22], "BE")).toEqual(["192.168.1.20"]);
    const six = line("B80D0120000000000000000001000000:0016", "B80D0120000000000000000002000000:C350", "01");
    expect(connectedTo(six, [22], "LE")).toEqual(["2001:db8::2"]);
    const mapped = line("0000000000000000FFFF00000A01A8C0:0016", "0000000000000000FFFF00001401A8C0:C350", "01");
    expect(connectedTo(mapped, [22], "LE")).toEqual(["192.168.1.20"]);
  });

  it.each(["02", "03", "04", "06", "08", "0A"])(
    "has others than established connections (%s), which do not count",
    (st) => {
      expect(connectedTo(line("0A01A8C0:0016", "1401A8C0:C350", st), [22], "LE")).toEqual([]);
    },
  );

  it("that is no table says nothing", () => {
    expect(connectedTo("", [22])).toEqual([]);
    expect(connectedTo("   1: XX:0016 1401A8C0:C350 01 \n 2: 0A01A8C0:0016 14:C350 01 \n", [22])).toEqual([]);
  });
});
