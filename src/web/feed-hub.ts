import type { ServerResponse } from "node:http";
import type { Clock } from "../base/clock.ts";
import type { Dispose } from "../base/events.ts";
import type { Asked } from "./asked.ts";
import { NO_STORE, safeHeaders } from "./headers.ts";
import { ALIVE_MS, MAX_LISTENERS, MAX_WAITING_BYTES } from "./limits.ts";
import type { Feed } from "./port.ts";
import { Refusal } from "./refusal.ts";

/** How long a snapshot serves whoever joins, ms: many pages that come back at once cost one. */
export const SNAPSHOT_MS = 250;

/** A snapshot, and what has been told since: together, everything. */
interface Snapshot {
  readonly bytes: Buffer;
  readonly since: Buffer[];
  sinceBytes: number;
  readonly expire: Dispose;
}

interface Listener {
  readonly response: ServerResponse;
  /**
   * Bytes that may wait for it: while the snapshot is under way, that as well. The snapshot has the bounds of what is
   * kept of all sites (`status/fleet.ts`), and all who join together share one.
   */
  allowed: number;
  /** It has not taken the last sign of life yet. */
  silent: boolean;
}

/**
 * The live feed: Server-Sent Events (HTML, section 9.2) to all browsers that listen. A message is written out once
 * for all of them; who reads too slowly is cut off, connects again and gets everything anew.
 */
export class FeedHub {
  readonly #feed: Feed;
  readonly #clock: Clock;
  readonly #listeners = new Set<Listener>();
  #disposers: Dispose[] = [];
  #snapshot: Snapshot | null = null;
  #cancelAlive: Dispose = () => undefined;

  constructor(feed: Feed, clock: Clock) {
    this.#feed = feed;
    this.#clock = clock;
  }

  /** `tick` is called with each sign of life. */
  start(tick: () => void): void {
    this.#disposers = [
      this.#feed.onMessage((message) => this.#sendAll("message", message)),
      this.#feed.onBroker((broker) => this.#sendAll("broker", broker)),
    ];
    const alive = () => {
      tick();
      this.#alive();
      this.#cancelAlive = this.#clock.at(this.#clock.now() + ALIVE_MS, alive);
    };
    this.#cancelAlive = this.#clock.at(this.#clock.now() + ALIVE_MS, alive);
  }

  stop(): void {
    for (const dispose of this.#disposers) dispose();
    this.#disposers = [];
    this.#cancelAlive();
    this.#forget();
    for (const listener of [...this.#listeners]) this.#end(listener, "stopping");
  }

  get count(): number {
    return this.#listeners.size;
  }

  /** @throws Refusal `busy` when too many listen already. */
  listen({ request, response, session }: Asked): void {
    if (this.#listeners.size >= MAX_LISTENERS) {
      throw new Refusal("busy", "Too many pages are open on this gateway.", {}, { "Retry-After": "10" });
    }
    const head = {
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": NO_STORE,
      // The end of the feed is the end of the connection: the browser sees it at once.
      Connection: "close",
    };
    response.writeHead(200, { ...safeHeaders, ...head });
    if (request.method === "HEAD") {
      response.end();
      return;
    }
    // From here on the signs of life find out who has gone.
    request.socket.setTimeout(0);
    const { bytes: snapshot, since, sinceBytes } = this.#fresh();
    const listener: Listener = { response, allowed: snapshot.length + sinceBytes + MAX_WAITING_BYTES, silent: false };
    const onEnd = () => this.#end(listener, "session");
    this.#listeners.add(listener);
    session?.onEnd.add(onEnd);
    response.once("close", () => {
      this.#listeners.delete(listener);
      session?.onEnd.delete(onEnd);
    });
    response.on("error", () => response.destroy());
    response.write("retry: 2000\n\n");
    const last = since.at(-1) ?? snapshot;
    for (const bytes of [snapshot, ...since]) {
      const taken = () => {
        if (bytes === last) listener.allowed = MAX_WAITING_BYTES;
      };
      response.write(bytes, taken);
    }
  }

  /** The snapshot that is there, or a new one. */
  #fresh(): Snapshot {
    if (this.#snapshot !== null) return this.#snapshot;
    const bytes = frame("snapshot", {
      site: this.#feed.site,
      messages: this.#feed.snapshot(),
      broker: this.#feed.broker(),
      nowMs: Date.now(),
    });
    const expire = this.#clock.at(this.#clock.now() + SNAPSHOT_MS, () => this.#forget());
    this.#snapshot = { bytes, since: [], sinceBytes: 0, expire };
    return this.#snapshot;
  }

  #forget(): void {
    this.#snapshot?.expire();
    this.#snapshot = null;
  }

  #remember(bytes: Buffer): void {
    const snapshot = this.#snapshot;
    if (snapshot === null) return;
    snapshot.since.push(bytes);
    snapshot.sinceBytes += bytes.length;
    // A new one is no larger than an old one with so much behind it.
    if (snapshot.sinceBytes > MAX_WAITING_BYTES) this.#forget();
  }

  #sendAll(event: string, data: unknown): void {
    if (this.#listeners.size === 0 && this.#snapshot === null) return;
    const bytes = frame(event, data);
    this.#remember(bytes);
    for (const listener of this.#listeners) this.#send(listener, bytes);
  }

  #send(listener: Listener, bytes: Buffer, taken?: () => void): void {
    if (listener.response.writableLength + bytes.length > listener.allowed) {
      this.#cut(listener);
      return;
    }
    listener.response.write(bytes, taken);
  }

  #alive(): void {
    const bytes = frame("alive", { nowMs: Date.now() });
    for (const listener of this.#listeners) {
      if (listener.silent) {
        this.#cut(listener);
        continue;
      }
      listener.silent = true;
      this.#send(listener, bytes, () => {
        listener.silent = false;
      });
    }
  }

  #cut(listener: Listener): void {
    this.#listeners.delete(listener);
    listener.response.destroy();
  }

  #end(listener: Listener, reason: "session" | "stopping"): void {
    this.#listeners.delete(listener);
    const { response } = listener;
    // Whoever does not take it at once is not waited for.
    if (response.writableLength > 0) response.destroy();
    else response.end(frame("bye", { reason }));
  }
}

/** JSON has no line break of its own, so one `data` line holds it. */
function frame(event: string, data: unknown): Buffer {
  return Buffer.from(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
