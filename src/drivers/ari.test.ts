import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { WebSocketServer } from "ws";
import { silentLog } from "../base/log.ts";
import { AriConnection } from "./ari.ts";

const options = {
  username: "paxgate",
  password: "secret",
  application: "paxgate",
  holder: async () => "ours" as const,
};

afterEach(() => {
  vi.useRealTimers();
});

function next(ari: AriConnection, event: "up" | "down"): Promise<void> {
  return new Promise((resolve) => {
    const dispose = ari.on(event, () => {
      dispose();
      resolve();
    });
  });
}

describe("a paused connection", () => {
  it("keeps what is open, and is not made again by itself once that is lost", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    const ari = new AriConnection({ ...options, port: (server.address() as AddressInfo).port }, silentLog);
    const up = next(ari, "up");
    await ari.start();
    await up;
    ari.pause();
    expect(ari.up).toBe(true);
    const down = next(ari, "down");
    for (const client of server.clients) client.terminate();
    await down;
    // Nothing waits to try again.
    expect(vi.getTimerCount()).toBe(0);
    const again = next(ari, "up");
    await ari.start();
    await again;
    await ari.stop();
    server.close();
  });

  it("gives up one that is only being made: Asterisk may be another by then", async () => {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const ari = new AriConnection({ ...options, port: (server.address() as AddressInfo).port }, silentLog);
    const connecting = once(server, "connection");
    await ari.start();
    const [socket] = await connecting;
    socket.on("error", () => undefined);
    socket.resume();
    const gone = once(socket, "close");
    ari.pause();
    await gone;
    await ari.stop();
    server.close();
  });
});

it("a connection that cannot be made says why, until it is open", async () => {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ari = new AriConnection({ ...options, port }, silentLog);
  const refused = once(server, "connection");
  await ari.start();
  await refused;
  await expect.poll(() => ari.fault).toMatch(/^no connection to Asterisk's REST Interface: /);
  server.close();
  await once(server, "close");
  const asterisk = new WebSocketServer({ host: "127.0.0.1", port });
  await next(ari, "up");
  expect(ari.fault).toBeNull();
  await ari.stop();
  asterisk.close();
});
