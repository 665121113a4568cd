import { readFileSync } from "node:fs";
import { join } from "node:path";
import { within } from "../../../src/base/lifecycle.ts";
import type { Issued } from "../../../src/credentials/types.ts";
import { GatewayRig, type RigOptions } from "./gateway-rig.ts";
import type { MqttWatch, Seen } from "./mqtt-watch.ts";
import { Listening, logIn } from "./web-rig.ts";

/** The whole gateway with what the operator sees of it: page, broker, button, inputs. */

const LIMIT_MS = 15_000;

/** Everything issued, as it is stored; `accounts` by name. */
export interface Stored extends Omit<Issued, "accounts"> {
  readonly accounts: Readonly<Record<string, { readonly username: string; readonly secret: string }>>;
  readonly asterisk: Readonly<Record<string, string>>;
  readonly reset: { readonly pending: boolean; readonly count: number; readonly lastMs: number | null };
  readonly audit: readonly { readonly type: string; readonly address: string | null }[];
}

/** What the gateway has stored by now. */
export function stored(rig: GatewayRig): Stored {
  const text = readFileSync(join(rig.config.paths.state, "state.json"), "utf8");
  return JSON.parse(text.slice(text.indexOf("\n"))) as Stored;
}

/** Every text in it that is a secret. */
export function secretsOf({ accounts, asterisk, dashboard, broker }: Stored): string[] {
  const issued = [...Object.values(accounts), broker.viewer, broker.operator].map(({ secret }) => secret);
  return [...issued, ...Object.values(asterisk), dashboard];
}

/** A rig with these sections of the configuration. Its front, which starts after the calls do, is up too. */
export async function statusRig(options: RigOptions, awaited: (rig: GatewayRig) => Promise<unknown>) {
  const rig = await GatewayRig.start(options);
  try {
    await within(LIMIT_MS, awaited(rig), "the gateway's status did not come");
    return rig;
  } catch (error) {
    await rig.stop();
    throw error;
  }
}

/** Resolves when the page answers. */
export async function pageIsUp(port: number): Promise<void> {
  for (;;) {
    const up = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => null);
    if (up?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export interface FeedEvent {
  readonly event: string;
  /** Of a `message`: site, topic, payload, retain. */
  readonly data: { readonly [key: string]: unknown };
}

export interface FeedMessage {
  readonly site: string;
  readonly topic: string;
  readonly payload: { readonly [key: string]: unknown } | null;
  readonly retain: boolean;
}

/** A page that somebody has logged in to and looks at. */
export class Page {
  readonly port: number;
  readonly cookie: string;
  readonly listening: Listening;
  #taken = 0;

  private constructor(port: number, cookie: string) {
    this.port = port;
    this.cookie = cookie;
    this.listening = new Listening(port, cookie);
  }

  static async open(port: number, password: string): Promise<Page> {
    return new Page(port, await logIn(port, password));
  }

  close(): void {
    this.listening.socket.destroy();
  }

  /** Everything that the feed has said so far. */
  get events(): FeedEvent[] {
    return this.#whole();
  }

  /** Messages of the feed so far, those of its snapshot included. */
  get messages(): FeedMessage[] {
    return this.events.flatMap(({ event, data }) => {
      if (event === "message") return [data as unknown as FeedMessage];
      return event === "snapshot" ? (data["messages"] as FeedMessage[]) : [];
    });
  }

  /** What was said so far is passed over. */
  skip(): void {
    this.#taken = this.messages.length;
  }

  /** The first message that fits and was not taken before; those before it are passed over. */
  async next(fits: (message: FeedMessage) => boolean, ms = LIMIT_MS): Promise<FeedMessage> {
    const look = async () => {
      for (;;) {
        const { messages } = this;
        const at = messages.findIndex((message, index) => index >= this.#taken && fits(message));
        const found = messages[at];
        if (found !== undefined) {
          this.#taken = at + 1;
          return found;
        }
        const { socket } = this.listening;
        if (this.listening.closed) throw new Error("the feed has ended");
        await new Promise<void>((resolve) => {
          const wake = () => {
            socket.off("data", wake).off("close", wake);
            resolve();
          };
          socket.on("data", wake).on("close", wake);
        });
      }
    };
    return within(ms, look(), "the feed did not say what was awaited").catch((cause: unknown) => {
      const latest = this.messages.slice(-20).map((message) => JSON.stringify(message).slice(0, 200));
      throw new Error(`not said: only ${latest.join("\n")}`, { cause });
    });
  }

  #whole(): FeedEvent[] {
    const { text } = this.listening;
    const frames = text.slice(text.indexOf("\r\n\r\n") + 4).split("\n\n");
    frames.pop(); // what has not wholly come
    return frames.flatMap((frame) => {
      const [, event, data] = /event: ([a-z]+)\ndata: ([^\n]*)$/.exec(frame) ?? [];
      return event === undefined || data === undefined ? [] : [{ event, data: JSON.parse(data) as FeedEvent["data"] }];
    });
  }
}

/** Waits at a broker for a message, but not for ever. */
export function nextOf(watch: MqttWatch, what: string, fits: (message: Seen) => boolean, ms = LIMIT_MS): Promise<Seen> {
  return within(ms, watch.next(fits), `no ${what} at the broker`);
}

/** What a broker holds under a prefix, by topic below it. */
export function heldOf(watch: MqttWatch, prefix: string): Map<string, string> {
  const held = new Map<string, string>();
  for (const { topic, payload, retained } of watch.seen) {
    if (retained && topic.startsWith(prefix)) held.set(topic.slice(prefix.length), payload);
  }
  return held;
}

/** The middle and the worst of some times, and how many there are. */
export function spread(times: readonly number[]): { p50: number; p95: number; worst: number; count: number } {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), worst: at(1), count: sorted.length };
}
