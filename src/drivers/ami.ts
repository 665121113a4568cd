import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { describeError, GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { within } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { CommandPort } from "../sip/port.ts";
import { type AmiMessage, AmiParser } from "./ami-parser.ts";
import { type AskHolder, connectTrusted } from "./trusted-socket.ts";

export interface AmiOptions {
  /** Port on 127.0.0.1. */
  readonly port: number;
  readonly username: string;
  readonly secret: string;
  /** Who listens at the port: nobody but our Asterisk is logged in to. */
  readonly holder: AskHolder;
}

const COMMAND_LIMIT_MS = 5_000;
const LOGIN_LIMIT_MS = 3_000;

interface Pending {
  resolve(message: AmiMessage): void;
  reject(error: unknown): void;
}

/**
 * Asterisk's Manager Interface, for commands only. Events are off and any that comes is dropped: a stranger on the
 * network can forge them. A message that the strict parser refuses ends the connection.
 */
export class AmiConnection implements CommandPort {
  readonly #options: AmiOptions;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<{ lost: [] }>();
  readonly #pending = new Map<string, Pending>();
  #socket: Socket | undefined;
  #serial = 0;

  constructor(options: AmiOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  onLost(listener: () => void): Dispose {
    return this.#emitter.on("lost", listener);
  }

  async connect(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.close();
    const socket = await open(this.#options);
    if (signal.aborted) {
      socket.destroy();
      signal.throwIfAborted();
    }
    const giveUp = () => this.close();
    signal.addEventListener("abort", giveUp, { once: true });
    this.#socket = socket;
    const parser = new AmiParser();
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      try {
        for (const message of parser.push(text)) this.#receive(message);
      } catch (error) {
        this.#log.error("Asterisk's manager sent something unexpected", { error: describeError(error) });
        socket.destroy();
      }
    });
    socket.on("error", () => undefined);
    socket.on("close", () => this.#closed(socket));
    const reply = await this.#login().finally(() => signal.removeEventListener("abort", giveUp));
    if (reply.response !== "Success") {
      this.close();
      throw new GatewayError("ami-refused", "Asterisk's manager refused the login");
    }
  }

  /** The secret itself is never sent: whoever answers here gets a digest that is of use once. */
  async #login(): Promise<AmiMessage> {
    const { username, secret } = this.#options;
    const { challenge } = await this.#request({ Action: "Challenge", AuthType: "MD5" }, LOGIN_LIMIT_MS);
    const key = createHash("md5").update(`${challenge}${secret}`).digest("hex");
    const fields = { Action: "Login", AuthType: "MD5", Username: username, Key: key, Events: "off" };
    return this.#request(fields, LOGIN_LIMIT_MS);
  }

  async command(text: string, timeoutMs: number = COMMAND_LIMIT_MS): Promise<readonly string[]> {
    const reply = await this.#request({ Action: "Command", Command: text }, timeoutMs);
    if (reply.response === "Success") return reply.output;
    throw new GatewayError("ami-command", `Asterisk refused "${text}": ${reply.message}`, {
      details: { command: text, output: reply.output },
    });
  }

  async module(what: "load" | "unload", file: string): Promise<void> {
    const reply = await this.#request({ Action: "ModuleLoad", Module: file, LoadType: what }, COMMAND_LIMIT_MS);
    if (reply.response === "Success") return;
    throw new GatewayError("ami-command", `Asterisk did not ${what} ${file}: ${reply.message}`, { details: { file } });
  }

  /** Ends the channel with this id (or name) in so many seconds from now, wherever it is: see `channel-lease`. */
  async endAfter(channel: string, seconds: number): Promise<void> {
    const fields = { Action: "AbsoluteTimeout", Channel: channel, Timeout: String(seconds) };
    const reply = await this.#request(fields, COMMAND_LIMIT_MS);
    if (reply.response === "Success") return;
    throw new GatewayError("ami-command", `no time limit for ${channel}: ${reply.message}`, { details: { channel } });
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
    this.#failAll();
  }

  #request(fields: Readonly<Record<string, string>>, timeoutMs: number): Promise<AmiMessage> {
    const socket = this.#socket;
    if (socket === undefined) return Promise.reject(closedError());
    const id = `p${this.#serial++}`;
    const lines = Object.entries({ ...fields, ActionID: id });
    // One line per field: a line end in a value would become a field, or an action, of its own.
    if (lines.some(([, value]) => /[\r\n\0]/.test(value))) {
      return Promise.reject(new GatewayError("ami-command", "a manager field holds a line end"));
    }
    const answer = new Promise<AmiMessage>((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    socket.write(`${lines.map(([key, value]) => `${key}: ${value}\r\n`).join("")}\r\n`);
    return within(timeoutMs, answer, `no answer to ${fields["Action"]}`).finally(() => this.#pending.delete(id));
  }

  #receive(message: AmiMessage): void {
    if (message.actionId === null) return;
    this.#pending.get(message.actionId)?.resolve(message);
  }

  #closed(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#failAll();
    this.#emitter.emit("lost");
  }

  #failAll(): void {
    for (const pending of this.#pending.values()) pending.reject(closedError());
    this.#pending.clear();
  }
}

function closedError(): GatewayError {
  return new GatewayError("ami-closed", "no connection to Asterisk's manager");
}

async function open({ port, holder }: AmiOptions): Promise<Socket> {
  try {
    return await connectTrusted(port, holder);
  } catch (cause) {
    // Another program at the port does not go away by trying again.
    const foreign = cause instanceof GatewayError && cause.code === "port-foreign";
    throw new GatewayError(foreign ? "ami-refused" : "ami-unreachable", "no manager interface", { cause });
  }
}
