import type { ServerResponse } from "node:http";
import { PassThrough } from "node:stream";
import { beforeEach, describe, expect, it } from "vitest";
import { TypedEmitter } from "../base/events.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import type { BrokerState, SiteMessage } from "../status/types.ts";
import type { Asked } from "./asked.ts";
import { FeedHub, SNAPSHOT_MS } from "./feed-hub.ts";
import { MAX_WAITING_BYTES } from "./limits.ts";

const broker: BrokerState = { url: "", embedded: true, connected: true, sinceMs: 0, fault: null };

/** A browser that reads what comes, or does not. */
class Page extends PassThrough {
  text = "";
  constructor(reads = true) {
    super();
    if (reads) this.on("data", (bytes) => (this.text += bytes));
  }
  writeHead(): void {}
  /** The states it was told, in order: those of the snapshot first. */
  get states(): unknown[] {
    const payloads = [...this.text.matchAll(/^data: (.*)$/gm)].map(([, json]) => JSON.parse(json ?? ""));
    return payloads.flatMap((data) => (data.messages ?? [data]).map((each: SiteMessage) => each.payload));
  }
}

describe("the feed's snapshot", () => {
  const events = new TypedEmitter<{ message: [SiteMessage]; broker: [BrokerState] }>();
  let clock: VirtualClock;
  let hub: FeedHub;
  let built: number;
  let state: unknown;
  const message = (payload: unknown): SiteMessage => ({ site: "north", topic: "gateway", payload, retain: true });
  const tell = (payload: unknown) => {
    state = payload;
    events.emit("message", message(payload));
  };
  const join = (reads = true): Page => {
    const page = new Page(reads);
    const socket = { setTimeout: () => undefined };
    hub.listen({
      request: { method: "GET", socket },
      response: page as unknown as ServerResponse,
      session: undefined,
    } as unknown as Asked);
    return page;
  };
  const written = () => new Promise((resolve) => setImmediate(resolve));

  beforeEach(() => {
    clock = new VirtualClock();
    built = 0;
    state = "first";
    hub = new FeedHub(
      {
        site: "north",
        snapshot: () => {
          built++;
          return [message(state)];
        },
        onMessage: (listener) => events.on("message", listener),
        broker: () => broker,
        onBroker: (listener) => events.on("broker", listener),
        history: () => {
          throw new Error("nobody asks");
        },
      },
      clock,
    );
    hub.start(() => undefined);
    return () => hub.stop();
  });

  it("is built once for all that join together, and each misses nothing that was told since", async () => {
    const first = join();
    tell("second");
    const second = join();
    tell("third");
    const third = join();
    await written();
    expect(built).toBe(1);
    for (const page of [first, second, third]) expect(page.states).toEqual(["first", "second", "third"]);
  });

  it("is built anew after a quarter of a second", async () => {
    join();
    tell("second");
    clock.advance(SNAPSHOT_MS);
    const late = join();
    await written();
    expect(built).toBe(2);
    expect(late.states).toEqual(["second"]);
  });

  it("is built anew when more was told since than may wait for a page", async () => {
    join();
    for (let at = 0; at < 30; at++) tell(`${at}${"x".repeat(MAX_WAITING_BYTES / 20)}`);
    const late = join();
    await written();
    expect(built).toBe(2);
    expect(late.states).toEqual([state]);
  });

  it("and what is told since are all that waits for a page that does not read", async () => {
    state = "x".repeat(1_000_000);
    join();
    const lazy = join(false);
    for (let at = 0; at < 40; at++) {
      events.emit("message", message("y".repeat(MAX_WAITING_BYTES / 20)));
      await written();
    }
    expect(built).toBe(1);
    expect(lazy.destroyed).toBe(true);
    expect(hub.count).toBe(1);
  });
});
