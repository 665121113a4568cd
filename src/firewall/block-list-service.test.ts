import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { GatewayError } from "../base/errors.ts";
import { silentLog } from "../base/log.ts";
import { formatAddress4 } from "./address-set.ts";
import { BlockListService, type BlockListSettings } from "./block-list-service.ts";
import type { FetchAnswer, FetchPort, FetchRequest, ListFilePort, StatePort } from "./port.ts";

/** What is behind the ports: answers in order, then none; files; a state that is written at once. */
class Outside implements FetchPort, ListFilePort, StatePort {
  readonly requests: FetchRequest[] = [];
  answers: (FetchAnswer | Error)[] = [];
  file: string | null = "";
  reads = 0;
  stored: string | null = null;
  writes = 0;
  stateFailure: Error | null = null;

  async request(request: FetchRequest): Promise<FetchAnswer> {
    this.requests.push(request);
    const answer = this.answers.shift() ?? new Error("no answer");
    if (answer instanceof Error) throw answer;
    return answer;
  }

  async write(state: unknown): Promise<void> {
    this.writes++;
    if (this.stateFailure !== null) throw this.stateFailure;
    this.stored = JSON.stringify(state);
  }

  read(): Promise<unknown>;
  read(path: string): Promise<string>;
  async read(path?: string): Promise<unknown> {
    if (path === undefined) {
      if (this.stateFailure !== null) throw this.stateFailure;
      return this.stored === null ? null : JSON.parse(this.stored);
    }
    this.reads++;
    if (this.file === null) throw new GatewayError("list-file", "missing");
    return this.file;
  }
}

const ok = (body: unknown): FetchAnswer => ({
  status: 200,
  retryAfterS: null,
  body: typeof body === "string" ? body : JSON.stringify(body),
});
const END: FetchAnswer = { status: 400, retryAfterS: null, body: '{"ipaddress":["no new bans"],"ID":"none"}' };
const LIMITED: FetchAnswer = { status: 429, retryAfterS: null, body: "" };

const APIBAN: BlockListSettings = {
  apiban: { key: "given", url: "https://apiban.example/", refreshMinutes: 30 },
  lists: [],
};
const FILE: BlockListSettings = {
  apiban: null,
  lists: [{ name: "ours", file: "/lists/ours.txt", refreshMinutes: 60 }],
};
const URL_LIST: BlockListSettings = {
  apiban: null,
  lists: [{ name: "theirs", url: "https://lists.example/x", refreshMinutes: 60 }],
};

let outside: Outside;
let services: BlockListService[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: Date.UTC(2026, 4, 1) });
  // The jitter is tested with the machine.
  vi.spyOn(Math, "random").mockReturnValue(0);
  outside = new Outside();
  services = [];
});

afterEach(async () => {
  for (const service of services) await service.stop();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function begin(settings: BlockListSettings): Promise<BlockListService> {
  const service = new BlockListService(settings, { fetch: outside, files: outside, state: outside }, silentLog);
  services.push(service);
  await service.start(new AbortController().signal);
  return service;
}

const changeOf = (service: BlockListService) =>
  new Promise<void>((resolve) => {
    const dispose = service.on("changed", () => {
      dispose();
      resolve();
    });
  });
const addresses = (service: BlockListService) => Array.from(service.blocked.addresses4, formatAddress4);
const MINUTE = 60_000;

describe("block lists in time", () => {
  it.each([
    ["a file", FILE],
    ["a URL", URL_LIST],
    ["APIBAN", APIBAN],
  ])("go on after a stop and another start, as when the firewall did not come up at first: %s", async (_, settings) => {
    const body = () => (settings === APIBAN ? [ok({ ipaddress: ["45.0.0.9"], ID: "7" }), END] : [ok("45.0.0.9\n")]);
    outside.file = "";
    const service = await begin(settings);
    await vi.advanceTimersByTimeAsync(250);
    await service.stop();
    await service.start(new AbortController().signal);
    outside.file = "45.0.0.9\n";
    outside.answers = body();
    await vi.advanceTimersByTimeAsync(3 * 60 * MINUTE);
    expect(addresses(service)).toEqual(["45.0.0.9"]);
  });

  it("ask APIBAN at the start, after the wait that a 429 brings, and at the interval", async () => {
    outside.answers = [
      ok({ ipaddress: ["45.0.0.1"], ID: "7" }),
      LIMITED,
      ok({ ipaddress: ["45.0.0.2"], ID: "8" }),
      END,
    ];
    const service = await begin(APIBAN);
    await vi.advanceTimersByTimeAsync(250);
    expect(addresses(service)).toEqual(["45.0.0.1"]);
    expect(outside.requests).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(29_000);
    expect(outside.requests).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(outside.requests.map(({ body }) => JSON.parse(body ?? "").id)).toEqual(["100", "7", "7", "8"]);
    expect(outside.requests[0]).toMatchObject({
      url: "https://apiban.example/api/get",
      headers: { authorization: "Bearer given" },
    });
    outside.answers = [END];
    await vi.advanceTimersByTimeAsync(30 * MINUTE);
    expect(outside.requests).toHaveLength(5);
    expect(addresses(service)).toEqual(["45.0.0.1", "45.0.0.2"]);
  });

  it("still ask APIBAN after a command that came too early", async () => {
    outside.answers = [LIMITED];
    const service = await begin(APIBAN);
    await vi.advanceTimersByTimeAsync(0);
    await service.refresh("apiban");
    expect(outside.requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(outside.requests).toHaveLength(2);
  });

  it("unblock what APIBAN told seven days ago, with no network", async () => {
    outside.answers = [ok({ ipaddress: ["45.0.0.1"], ID: "7" }), END];
    const service = await begin(APIBAN);
    await vi.advanceTimersByTimeAsync(7 * 24 * 60 * MINUTE - MINUTE);
    expect(addresses(service)).toEqual(["45.0.0.1"]);
    await vi.advanceTimersByTimeAsync(3 * MINUTE);
    expect(addresses(service)).toEqual([]);
    expect(service.view()[0]?.lastError).toBe("no answer");
  });

  it("read a file at its interval; a missing one changes nothing", async () => {
    outside.file = "45.0.0.1\n";
    const service = await begin(FILE);
    expect(addresses(service)).toEqual(["45.0.0.1"]);
    const before = outside.reads;
    outside.file = "45.0.0.1\n45.0.0.2\n";
    const changed = changeOf(service);
    await vi.advanceTimersByTimeAsync(60 * MINUTE);
    await vi.advanceTimersByTimeAsync(250);
    await changed;
    expect(outside.reads).toBe(before + 1);
    expect(service.view()[0]).toMatchObject({ entries: 2, added: 1, alreadyThere: 1 });
    outside.file = null;
    await vi.advanceTimersByTimeAsync(61 * MINUTE);
    expect(addresses(service)).toEqual(["45.0.0.1", "45.0.0.2"]);
    expect(service.view()[0]).toMatchObject({ lastError: "missing", ageS: 3660 });
  });

  it("try a URL that failed again after five minutes, then ten, and not when the copy is fresh", async () => {
    outside.answers = [ok("45.0.0.1\n")];
    const first = await begin(URL_LIST);
    await first.refresh();
    await vi.advanceTimersByTimeAsync(60 * MINUTE);
    expect(outside.requests).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(5 * MINUTE);
    expect(outside.requests).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(9 * MINUTE);
    expect(outside.requests).toHaveLength(3);
    outside.answers = [ok("45.0.0.1\n45.0.0.2\n")];
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(outside.requests).toHaveLength(4);
    await first.refresh();
    await first.stop();
    const asked = outside.requests.length;
    const second = await begin(URL_LIST);
    expect(addresses(second)).toEqual(["45.0.0.1", "45.0.0.2"]);
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(outside.requests).toHaveLength(asked);
  });

  it("go on when the state can neither be read nor written", async () => {
    outside.stateFailure = new Error("no space left");
    outside.answers = [ok({ ipaddress: ["45.0.0.1"], ID: "7" }), END];
    const service = await begin(APIBAN);
    await vi.advanceTimersByTimeAsync(250);
    expect(addresses(service)).toEqual(["45.0.0.1"]);
    expect(outside.writes).toBeGreaterThan(0);
    outside.stateFailure = null;
    outside.answers = [ok({ ipaddress: ["45.0.0.2"], ID: "8" }), END];
    await vi.advanceTimersByTimeAsync(30 * MINUTE + 250);
    expect(outside.stored).toContain('"cursor":"8"');
  });

  it.each([
    "[]",
    '{"version":2}',
    '{"version":1,"lists":7}',
    '{"version":1,"lists":{"theirs":{"from":"https://other.example/x"}}}',
  ])("begin anew when %s was stored", async (stored) => {
    outside.stored = stored;
    const service = await begin({ ...APIBAN, lists: URL_LIST.lists });
    expect(addresses(service)).toEqual([]);
    await vi.advanceTimersByTimeAsync(0);
    expect(outside.requests.map(({ method }) => method).sort()).toEqual(["GET", "POST"]);
  });

  it("leave neither timers nor requests behind", async () => {
    const service = await begin({ apiban: APIBAN.apiban, lists: [...FILE.lists, ...URL_LIST.lists] });
    await vi.advanceTimersByTimeAsync(MINUTE);
    await service.stop();
    const asked = outside.requests.length;
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(24 * 60 * MINUTE);
    expect(outside.requests).toHaveLength(asked);
  });
});
