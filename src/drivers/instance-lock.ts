import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, realpath } from "node:fs/promises";
import { createConnection, createServer, type Server } from "node:net";
import { GatewayError } from "../base/errors.ts";
import { type Service, within } from "../base/lifecycle.ts";

const ANSWER_LIMIT_MS = 500;

/**
 * Keeps a second gateway off the same directories. It is a local socket with a name in the kernel's own (abstract)
 * space, not a file: the kernel frees it with the process, however that ends, so nothing stale is ever left.
 */
export class InstanceLock implements Service {
  readonly name = "instance lock";
  readonly #directories: readonly string[];
  readonly #servers: Server[] = [];

  /** `directories` may each be used by one gateway; they are made when they are not there. */
  constructor(directories: readonly string[]) {
    this.#directories = directories;
  }

  /** @throws GatewayError `already-running`, with the other one's process id */
  async start(): Promise<void> {
    for (const directory of this.#directories) {
      await mkdir(directory, { recursive: true, mode: 0o711 });
      const name = nameFor(await realpath(directory));
      // Whoever asks is told who we are.
      const server = createServer((socket) => socket.on("error", () => undefined).end(String(process.pid)));
      server.listen(name);
      try {
        await once(server, "listening");
      } catch (cause) {
        await this.stop();
        const holder = await holderOf(name);
        const message = `another gateway${holder === "" ? "" : ` (process ${holder})`} uses ${directory}`;
        throw new GatewayError("already-running", message, { cause, details: { directory, holder } });
      }
      this.#servers.push(server);
    }
  }

  async stop(): Promise<void> {
    const closed = this.#servers.splice(0).map((server) => {
      const done = once(server, "close");
      server.close();
      return done;
    });
    await Promise.all(closed);
  }
}

/** Of fixed length: the kernel takes no more than 107 bytes. */
const nameFor = (path: string) => `\0paxgate-${createHash("sha256").update(path).digest("hex").slice(0, 40)}`;

async function holderOf(name: string): Promise<string> {
  const socket = createConnection(name);
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  // It may be busy, or have gone in this moment: then it stays unnamed.
  await within(ANSWER_LIMIT_MS, once(socket, "end"), "no answer").catch(() => undefined);
  socket.on("error", () => undefined).destroy();
  return /^[0-9]{1,10}$/.test(text) ? text : "";
}
