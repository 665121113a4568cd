import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
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
