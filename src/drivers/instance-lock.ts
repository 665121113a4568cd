import { once } from "node:events";
import { constants } from "node:fs";
import { chmod, type FileHandle, link, lstat, mkdir, open, rename, unlink } from "node:fs/promises";
import { createConnection, createServer, type Server } from "node:net";
import { GatewayError } from "../base/errors.ts";
import type { Service } from "../base/lifecycle.ts";
import { readOrdinary, replaceFile } from "./guarded-files.ts";

const SOCKET = "instance.sock";
const PID_FILE = "instance.pid";
const PID_FILE_BYTES = 16;
/** Others that begin at the same moment may each be seen once. */
const TRIES = 5;

interface Held {
  readonly directory: FileHandle;
  readonly server: Server;
}

/**
 * Keeps a second gateway off the same directories. In each lies a local socket at which its holder listens: a name
 * alone may be left over, but nobody listens at that. Only we can make one there, so no other user of the machine can
 * keep the gateway from starting; one that connects is given nothing and held no descriptor for.
 */
export class InstanceLock implements Service {
  readonly name = "instance lock";
  readonly #directories: readonly string[];
  readonly #held: Held[] = [];

  /** `directories` may each be used by one gateway; they are made when they are not there. */
  constructor(directories: readonly string[]) {
    this.#directories = directories;
  }

  /**
   * @throws GatewayError `already-running`, with the other one's process id if it can be read; `directory-foreign` when
   * other users may write to a directory
   */
  async start(): Promise<void> {
    try {
      for (const directory of this.#directories) this.#held.push(await hold(directory));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    for (const { directory, server } of this.#held.splice(0)) {
      await unlink(`${within(directory)}/${PID_FILE}`).catch(() => undefined);
      const closed = once(server, "close");
      // It takes the socket's name away as well, for which the directory has to be open still.
      server.close();
      await closed;
      await directory.close();
    }
  }
}

/** By its descriptor a directory's path is short, however long its own is: a socket's may have 107 bytes. */
const within = (directory: FileHandle) => `/proc/self/fd/${directory.fd}`;

async function hold(path: string): Promise<Held> {
  await mkdir(path, { recursive: true, mode: 0o711 });
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const { uid, mode } = await directory.stat();
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) {
      const message = `other users can write to ${path}: it must be ours, with a mode such as 711`;
      throw new GatewayError("directory-foreign", message, { details: { directory: path } });
    }
    const server = await listen(within(directory), path);
    // It only serves the message to a second gateway: a full disk keeps nobody from starting.
    await replaceFile(`${within(directory)}/${PID_FILE}`, String(process.pid), 0o600, null).catch(() => undefined);
    return { directory, server };
  } catch (error) {
    await directory.close();
    throw error;
  }
}

async function listen(inside: string, directory: string): Promise<Server> {
  const socket = `${inside}/${SOCKET}`;
  for (let tries = 0; tries < TRIES; tries++) {
    const server = createServer((connection) => connection.on("error", () => undefined).destroy());
    try {
      server.listen(socket);
      await once(server, "listening");
      await chmod(socket, 0o600);
      return server;
    } catch (cause) {
      server.close();
      if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cause;
    }
    if ((await isLeftOver(socket)) && (await takeAway(socket))) continue;
    const holder = readOrdinary(`${inside}/${PID_FILE}`, PID_FILE_BYTES)?.match(/^[0-9]+$/)?.[0] ?? "";
    const message = `another gateway${holder === "" ? "" : ` (process ${holder})`} uses ${directory}`;
    throw new GatewayError("already-running", message, { details: { directory, holder } });
  }
  throw new GatewayError("already-running", `other gateways are starting on ${directory}`, { details: { directory } });
}

/** Nobody listens there: its holder is dead. */
function isLeftOver(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socket);
    connection.once("connect", () => {
      connection.destroy();
      resolve(false);
    });
    connection.once("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(code === "ECONNREFUSED" || code === "ENOENT"),
    );
  });
}

/**
 * Takes a left-over name away. Between the look and this another gateway may have put its own there: what was moved
 * is looked at again, and put back when somebody listens.
 */
async function takeAway(socket: string): Promise<boolean> {
  const aside = `${socket}.${process.pid}`;
  try {
    await lstat(socket);
    await rename(socket, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return true;
    throw error;
  }
  const leftOver = await isLeftOver(aside);
  if (!leftOver) await link(aside, socket).catch(() => undefined);
  await unlink(aside);
  return leftOver;
}
