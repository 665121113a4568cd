import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describeError, GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { type Service, within } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { SecurityEvent, SecurityEventPort } from "../firewall/port.ts";
import type { AmiOptions } from "./ami.ts";
import { AmiEventParser, type AmiItem } from "./ami-event-parser.ts";
import { connectTrusted } from "./trusted-socket.ts";

const LOGIN_LIMIT_MS = 3_000;
/** Waits before another attempt, ms; Asterisk itself needs about a second to start. */
const BACKOFF_MS = [100, 200, 500, 1_000, 2_000, 5_000] as const;
/** Refused events are told of at most this often, ms: a stranger may be able to make any number of them. */
const TELL_MS = 60_000;

interface Events {
  event: [event: SecurityEvent];
  refused: [why: string];
  /** Connected and logged in, or no longer. */
  up: [];
  down: [];
}

/**
 * Asterisk's security events, over a connection of their own as a user that may do nothing but hear them. It is made
 * again, for as long as the service runs, whenever it is lost.
 */
export class AmiSecurityEvents implements SecurityEventPort, Service {
  readonly name = "security events";
  readonly #options: AmiOptions;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<Events>();
  #life = new AbortController();
  #running: Promise<void> | undefined;
  #up = false;
  #refused = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(options: AmiOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  get up(): boolean {
    return this.#up;
  }

  /** Events that were left out since the start. */
  get refused(): number {
    return this.#refused;
  }

  onEvent(listener: (event: SecurityEvent) => void): Dispose {
    return this.#emitter.on("event", listener);
  }

  onRefused(listener: (why: string) => void): Dispose {
    return this.#emitter.on("refused", listener);
  }

  on(event: "up" | "down", listener: () => void): Dispose {
    return this.#emitter.on(event, listener);
  }

  /** Returns at once: Asterisk may not be there yet. */
  async start(signal: AbortSignal): Promise<void> {
    await this.stop();
    this.#life = new AbortController();
    this.#running = this.#keep(AbortSignal.any([signal, this.#life.signal]));
  }

  async stop(): Promise<void> {
    this.#life.abort();
    await this.#running;
    this.#running = undefined;
  }

  async #keep(life: AbortSignal): Promise<void> {
    let attempt = 0;
    while (!life.aborted) {
      try {
        await this.#listen(life, () => {
          attempt = 0;
        });
      } catch (error) {
        if (!life.aborted) this.#log.debug("no security events", { error: describeError(error) });
      }
      if (life.aborted) return;
      const wait = BACKOFF_MS[Math.min(attempt++, BACKOFF_MS.length - 1)] ?? 0;
      await delay(wait, undefined, { signal: life }).catch(() => undefined);
    }
  }

  /** One connection, until it ends. */
  async #listen(life: AbortSignal, loggedIn: () => void): Promise<void> {
    const { port, holder } = this.#options;
    const socket = await connectTrusted(port, holder);
    const end = () => socket.destroy();
    life.addEventListener("abort", end, { once: true });
    if (life.aborted) end();
    try {
      const answers = new Answers();
      const gone = this.#hear(socket, answers);
      await within(LOGIN_LIMIT_MS, this.#login(socket, answers), "Asterisk's manager did not log us in");
      loggedIn();
      this.#set(true);
      await gone;
    } finally {
      life.removeEventListener("abort", end);
      end();
      this.#set(false);
    }
  }

  /** Reads until the socket is closed. */
  #hear(socket: Socket, answers: Answers): Promise<void> {
    const parser = new AmiEventParser();
    // One byte, one character: a stranger's text need not be UTF-8.
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      try {
        for (const item of parser.push(text)) this.#receive(item, answers);
      } catch (error) {
        this.#log.warn("Asterisk's manager sent something unexpected", { error: describeError(error) });
        socket.destroy();
      }
    });
    return new Promise((resolve) => {
      socket.once("close", () => {
        answers.close();
        resolve();
      });
      if (socket.closed) resolve();
    });
  }

  /** The secret itself is never sent: whoever answers here gets a digest that is of use once. */
  async #login(socket: Socket, answers: Answers): Promise<void> {
    const { username, secret } = this.#options;
    socket.write("Action: Challenge\r\nAuthType: MD5\r\n\r\n");
    const challenge = (await answers.next()).get("Challenge") ?? "";
    const key = createHash("md5").update(`${challenge}${secret}`).digest("hex");
    socket.write(`Action: Login\r\nAuthType: MD5\r\nUsername: ${username}\r\nKey: ${key}\r\nEvents: on\r\n\r\n`);
    if ((await answers.next()).get("Response") === "Success") return;
    throw new GatewayError("ami-refused", "Asterisk's manager refused the login for security events");
  }

  #receive(item: AmiItem, answers: Answers): void {
    switch (item.type) {
      case "greeting":
        return;
      case "answer":
        // After the login nothing was asked: an answer then is a text of somebody else.
        if (this.#up) this.#refuse("an answer to nothing");
        else answers.push(item.fields);
        return;
      case "event":
        this.#emitter.emit("event", item.event);
        return;
      case "refused":
        this.#refuse(item.why);
    }
  }

  #refuse(why: string): void {
    this.#refused++;
    this.#emitter.emit("refused", why);
    if (performance.now() - this.#toldMs < TELL_MS) return;
    this.#toldMs = performance.now();
    this.#log.warn("security events not in form were left out", { why, since: this.#refused });
  }

  #set(up: boolean): void {
    if (this.#up === up) return;
    this.#up = up;
    this.#emitter.emit(up ? "up" : "down");
  }
}

/** Answers to the login's two actions, in turn. */
class Answers {
  #waiting: { resolve(fields: ReadonlyMap<string, string>): void; reject(error: Error): void } | undefined;
  #closed = false;

  next(): Promise<ReadonlyMap<string, string>> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#closed) this.close();
    });
  }

  push(fields: ReadonlyMap<string, string>): void {
    this.#waiting?.resolve(fields);
    this.#waiting = undefined;
  }

  close(): void {
    this.#closed = true;
    this.#waiting?.reject(new GatewayError("ami-closed", "no connection to Asterisk's manager"));
  }
}
