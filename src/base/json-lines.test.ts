import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { JsonLinesClient, JsonLinesServer } from "./json-lines.ts";

let directory = "";
let path = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-"));
  path = join(directory, "socket");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Somebody who says `answer` to whatever is asked. */
async function stranger(answer: string): Promise<Server> {
  const server = createServer((socket) => socket.once("data", () => socket.write(answer)));
  server.listen(path);
  await once(server, "listening");
  return server;
}

describe("a client", () => {
  it.each(["nonsense\n", "[]\n", '{"id":1,"error":"no"}\n'])(
    "ends a connection on which %j comes, and tells whoever waits",
    async (answer) => {
      const server = await stranger(answer);
      const client = new JsonLinesClient(path);
      await client.connect();
      const closed = new Promise<void>((resolve) => client.onClose(resolve));
      await expect(client.request("status")).rejects.toMatchObject({ code: "bad-answer" });
      await closed;
      server.close();
    },
  );

  it("does not wait longer for an answer than it was told to", async () => {
    const server = new JsonLinesServer(path, () => new Promise(() => undefined));
    await server.start();
    const client = new JsonLinesClient(path);
    await client.connect();
    await expect(client.request("status", null, 20)).rejects.toMatchObject({ code: "timeout" });
    client.close();
    await server.stop();
  });

  it("has the server's answers and refusals", async () => {
    const server = new JsonLinesServer(path, (method) => ({ method }));
    await server.start();
    const client = new JsonLinesClient(path);
    await client.connect();
    expect(await client.request("status")).toEqual({ method: "status" });
    client.close();
    await server.stop();
    await expect(client.request("status")).rejects.toMatchObject({ code: "not-running" });
  });
});

describe("a server", () => {
  const status = `${JSON.stringify({ id: 1, method: "status" })}\n`;

  it("survives clients that leave in the middle of an answer", async () => {
    const server = new JsonLinesServer(path, () => "x".repeat(50_000));
    await server.start();
    for (let client = 0; client < 20; client++) {
      const socket = createConnection(path);
      await once(socket, "connect");
      socket.write(status.repeat(16));
      await once(socket, "readable");
      socket.destroy();
      await once(socket, "close");
    }
    const client = new JsonLinesClient(path);
    await client.connect();
    expect(await client.request("status")).toHaveLength(50_000);
    client.close();
    await server.stop();
  });

  it("gives up a client that asks and never reads", async () => {
    const server = new JsonLinesServer(path, () => "x".repeat(400_000));
    await server.start();
    const socket = createConnection(path);
    const closed = once(socket, "close");
    socket.pause();
    socket.on("error", () => undefined);
    for (let asked = 0; asked < 40 && !socket.destroyed; asked++) socket.write(status);
    socket.resume();
    await closed;
    await server.stop();
  });
});
