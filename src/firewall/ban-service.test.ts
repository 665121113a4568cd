import { beforeEach, describe, expect, it } from "vitest";
import { TypedEmitter } from "../base/events.ts";
import { type Log, silentLog } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { BanService } from "./ban-service.ts";
import type { SecurityEvent, SecurityEventPort, StatePort } from "./port.ts";
import type { Ban } from "./types.ts";

const A = "192.0.2.1";
const B = "192.0.2.2";

class Events implements SecurityEventPort {
  readonly up = true;
  readonly refused = 0;
  readonly #emitter = new TypedEmitter<{ event: [SecurityEvent]; refused: [string] }>();
  onEvent(listener: (event: SecurityEvent) => void) {
    return this.#emitter.on("event", listener);
  }
  onRefused(listener: (why: string) => void) {
    return this.#emitter.on("refused", listener);
  }
  failure(address: string, proven = true) {
    const event = { type: "InvalidPassword", service: "SIP", address, port: 5060, transport: "udp", proven } as const;
    this.#emitter.emit("event", event);
  }
}

class Disk implements StatePort {
  stored: string | null = null;
  writes = 0;
  async read() {
    return this.stored === null ? null : (JSON.parse(this.stored) as unknown);
  }
  async write(state: unknown) {
    this.writes++;
    this.stored = JSON.stringify(state);
  }
}

/** A kernel that bans, and tells whom Asterisk refused. */
class Kernel {
  readonly banned = new Map<string, number>();
  readonly refused = new Map<string, number>();
  looks = 0;
  failure: Error | null = null;
  async ban(source: string, seconds: number) {
    if (this.failure !== null) throw this.failure;
    this.banned.set(source, seconds);
  }
  async release(source: string) {
    if (this.failure !== null) throw this.failure;
    this.banned.delete(source);
  }
  async refusals() {
    this.looks++;
    if (this.failure !== null) throw this.failure;
    return new Map(this.refused);
  }
  refuse(address: string, times = 1) {
    this.refused.set(address, (this.refused.get(address) ?? 0) + times);
  }
}

let clock: VirtualClock;
let events: Events;
let disk: Disk;
let kernel: Kernel;
let trusted: Set<string>;
const EPOCH = 1_700_000_000_000;

beforeEach(() => {
  clock = new VirtualClock();
  events = new Events();
  disk = new Disk();
  kernel = new Kernel();
  trusted = new Set();
});

async function started(log: Log = silentLog): Promise<BanService> {
  const service = new BanService(
    {
      limits: { failures: 3, failureHours: 24, banMinutes: [10, 60] },
      trusted: (source) => trusted.has(source),
      ...{ events, state: disk, kernel, clock },
      wallNow: () => EPOCH + clock.now(),
    },
    log,
  );
  await service.start(new AbortController().signal);
  return service;
}

/** Lets everything that needs no time happen. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function pass(ms: number) {
  clock.advance(ms);
  await settle();
}

/** What a real guess makes: a refusal that the kernel lets out, and an event. */
async function guess(address: string, named = address) {
  kernel.refuse(address);
  events.failure(named);
  await settle();
}

describe("the service of bans", () => {
  it("bans who guessed three times, tells of it, and stores it within a second", async () => {
    const service = await started();
    const told: Ban[] = [];
    service.on("banned", (ban) => told.push(ban));
    for (let each = 0; each < 3; each++) await guess(A);
    expect([...kernel.banned]).toEqual([[A, 600]]);
    expect(told).toMatchObject([{ source: A, reason: "logins" }]);
    await pass(1_000);
    expect(disk.stored).toContain(A);
    await service.stop();
    expect(clock.pending).toBe(0);
  });

  it("bans a guesser slower than the kernel's memory", async () => {
    const service = await started();
    for (let each = 0; each < 3; each++) {
      kernel.refused.clear();
      await guess(A);
      await pass(3_600_000);
    }
    expect(service.bans).toEqual([]);
    expect(disk.stored).toContain('"count":1');
    await service.stop();
  });

  it("bans the one whom the kernel saw, not the one whom an event names", async () => {
    const service = await started();
    for (let each = 0; each < 3; each++) await guess(A, B);
    expect([...kernel.banned.keys()]).toEqual([A]);
    await service.stop();
  });

  it("bans nobody for events that the kernel saw no refusal for, and stops waiting for one", async () => {
    const service = await started();
    for (let each = 0; each < 30; each++) {
      events.failure(B);
      await pass(100);
    }
    await pass(5_000);
    expect(service.unattributed).toBe(30);
    kernel.refuse(A, 20);
    await guess(A);
    expect(kernel.banned.size).toBe(0);
    await service.stop();
  });

  it("takes a refusal that is seen after its event", async () => {
    const service = await started();
    for (let each = 0; each < 3; each++) {
      events.failure(A);
      await settle();
      kernel.refuse(A);
      await pass(60);
    }
    expect([...kernel.banned.keys()]).toEqual([A]);
    await service.stop();
  });

  it("takes no notice of events that prove nothing, nor of refusals from before", async () => {
    kernel.refuse(A, 50);
    const service = await started();
    for (let each = 0; each < 9; each++) events.failure(A, false);
    events.failure(A);
    await settle();
    await pass(10_000);
    expect(kernel.banned.size).toBe(0);
    await service.stop();
  });

  it("asks the kernel once for many events, and writes once for many failures", async () => {
    const service = await started();
    const before = kernel.looks;
    for (let each = 0; each < 1_000; each++) {
      const address = `10.0.${each >> 8}.${each & 255}`;
      kernel.refuse(address);
      events.failure(address);
    }
    await settle();
    await pass(29_000);
    expect(kernel.looks - before).toBeLessThan(5);
    expect(disk.writes).toBe(0);
    await pass(2_000);
    expect(disk.writes).toBe(1);
    await service.stop();
  });

  it("puts bans back into the kernel after a restart, with the time that is left", async () => {
    const first = await started();
    for (let each = 0; each < 3; each++) await guess(A);
    await first.stop();
    kernel.banned.clear();
    clock.advance(60_000);
    const second = await started();
    expect([...kernel.banned]).toEqual([[A, 540]]);
    const released: string[] = [];
    second.on("released", (ban, why) => released.push(`${ban.source} ${why}`));
    for (let each = 0; each < 200; each++) await pass(3_000);
    expect(second.bans).toEqual([]);
    expect(released).toEqual([`${A} expired`]);
    for (let each = 0; each < 3; each++) await guess(A);
    expect(kernel.banned.get(A)).toBe(3_600);
    await second.stop();
  });

  it("tries again what the kernel did not take", async () => {
    const service = await started();
    kernel.failure = new Error("busy");
    expect(service.ban(A, 5)).toBe(true);
    await settle();
    expect(kernel.banned.size).toBe(0);
    expect(service.faults).toEqual(["the kernel does not take 1 bans or releases"]);
    kernel.failure = null;
    await pass(5_000);
    expect([...kernel.banned]).toEqual([[A, 295]]);
    expect(service.faults).toEqual([]);
    await service.stop();
  });

  it("tells the log how many the kernel does not take, and only when their number changes", async () => {
    const said: unknown[] = [];
    const log: Log = {
      ...silentLog,
      error: (text, fields) => said.push([text, fields?.["count"]]),
      info: (text) => said.push(text),
    };
    const service = await started(log);
    kernel.failure = new Error("busy");
    for (const address of [A, B, "192.0.2.3"]) service.ban(address, 60);
    for (let each = 0; each < 20; each++) await pass(5_000);
    expect(said).toEqual([
      ["the kernel does not take bans", 1],
      ["the kernel does not take bans", 3],
    ]);
    kernel.failure = null;
    await pass(5_000);
    expect(said.at(-1)).toBe("the kernel has taken all bans");
    await service.stop();
  });

  it("has a fault while bans cannot be stored, and stores them when they can be", async () => {
    const service = await started();
    const write = disk.write.bind(disk);
    disk.write = async () => Promise.reject(new Error("full"));
    service.ban(A, 60);
    await pass(1_000);
    expect(service.faults).toEqual(["bans cannot be stored: full"]);
    disk.write = write;
    await pass(30_000);
    expect(service.faults).toEqual([]);
    expect(disk.stored).toContain(A);
    await service.stop();
  });

  it("has a fault while the kernel does not tell who failed", async () => {
    const service = await started();
    kernel.failure = new Error("busy");
    events.failure(A);
    await settle();
    expect(service.faults).toEqual(["the kernel does not tell who failed to log in: busy"]);
    kernel.failure = null;
    await pass(50);
    expect(service.faults).toEqual([]);
    await service.stop();
  });

  it.each(["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::1", "ff02::1"])(
    "bans no address that nobody sends from: %s",
    async (address) => {
      const service = await started();
      expect(service.ban(address, 5)).toBe(false);
      await settle();
      expect(kernel.banned.size).toBe(0);
      await service.stop();
    },
  );

  it("bans and releases by command, but no one who is trusted", async () => {
    trusted.add(B);
    const service = await started();
    expect(service.ban("2001:db8::77", 1)).toBe(true);
    expect(service.ban(B)).toBe(false);
    expect(service.ban("10.0.0.0/8")).toBe(false);
    await settle();
    expect([...kernel.banned.keys()]).toEqual(["2001:db8::/64"]);
    expect(service.release("2001:db8::1")).toBe(true);
    expect(service.release("2001:db8::1")).toBe(false);
    await settle();
    expect(kernel.banned.size).toBe(0);
    await service.stop();
  });

  it("leaves nobody banned whose release came right behind the ban", async () => {
    const service = await started();
    const ban = kernel.ban.bind(kernel);
    kernel.ban = async (source, seconds) => {
      await settle();
      await ban(source, seconds);
    };
    service.ban(A);
    service.release(A);
    service.ban(B);
    await service.stop();
    expect([...kernel.banned.keys()]).toEqual([B]);
  });

  it("knows after a restart that another gateway had ordered a ban", async () => {
    const before = await started();
    expect(before.ban(A, 60, "fleet")).toBe(true);
    await before.stop();
    const after = await started();
    expect(after.bans).toMatchObject([{ source: A, reason: "fleet", count: 1 }]);
    await after.stop();
  });

  it("ends the ban of one who becomes trusted", async () => {
    const service = await started();
    service.ban(A);
    await settle();
    expect(service.bans).toMatchObject([{ reason: "operator" }]);
    trusted.add(A);
    service.reconsider();
    await settle();
    expect([service.bans, kernel.banned.size]).toEqual([[], 0]);
    await service.stop();
  });

  it("starts without its stored bans when they are lost", async () => {
    disk.read = async () => Promise.reject(new Error("damaged"));
    const service = await started();
    for (let each = 0; each < 3; each++) await guess(A);
    expect([...kernel.banned.keys()]).toEqual([A]);
    await service.stop();
  });
});
