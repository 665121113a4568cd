import { afterEach, describe, expect, it } from "vitest";
import type { Log } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import type { HandoutFile, IssuedStore, Taker } from "./port.ts";
import { ResetService } from "./reset-service.ts";
import type { AuditRecord, Issued, LedPattern } from "./types.ts";

/** Everything that can be secret in these tests has this in it. */
const SECRET = "Secret";

function issued(generation: number): Issued {
  const credentials = (name: string) => ({
    username: `${name}-a${generation}`,
    secret: `${SECRET}${name}${generation}`,
  });
  return {
    accounts: new Map([["desk", credentials("desk")]]),
    dashboard: `${SECRET}page${generation}`,
    broker: { viewer: credentials("viewer"), operator: credentials("operator") },
  };
}

/** What survives a restart. */
class Disk {
  generation = 0;
  pending = false;
  lastMs: number | null = null;
  audit: AuditRecord[] = [];
  file: string | null = null;
  marked = false;
  failure: Error | null = null;
  removeFailure: Error | null = null;

  store(): IssuedStore {
    const disk = this;
    const write = async (change: () => void) => {
      await Promise.resolve();
      if (disk.failure !== null) throw disk.failure;
      change();
    };
    return {
      get issued() {
        return issued(disk.generation);
      },
      get reset() {
        return { pending: disk.pending, lastMs: disk.lastMs, count: disk.generation };
      },
      resetIssued: (atMs) =>
        write(() => {
          disk.generation++;
          disk.pending = true;
          disk.lastMs = atMs;
        }),
      completeReset: () =>
        write(() => {
          disk.pending = false;
        }),
      record: (entry) => write(() => disk.audit.push(entry)),
    };
  }

  handout(): HandoutFile {
    return {
      write: async (text) => {
        this.file = text;
      },
      remove: async () => {
        if (this.removeFailure !== null) throw this.removeFailure;
        this.file = null;
      },
    };
  }
}

/** Somebody with a memory of his own, who may refuse. */
class Memory implements Taker {
  readonly name: string;
  has = 0;
  failures = 0;
  asked = 0;
  constructor(name: string) {
    this.name = name;
  }
  async take(now: Issued): Promise<void> {
    this.asked++;
    if (this.failures-- > 0) throw new Error("not now");
    this.has = Number(/\d+$/.exec(now.dashboard)?.[0]);
  }
}

const logged: string[] = [];
const keep = (level: string) => (message: string, fields?: object) => {
  logged.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`);
};
const keeping: Log = {
  debug: keep("debug"),
  info: keep("info"),
  warn: keep("warn"),
  error: keep("error"),
  child: () => keeping,
};

const running: ResetService[] = [];
const settle = async () => {
  for (let times = 0; times < 5; times++) await new Promise((resolve) => setImmediate(resolve));
};

async function started(disk = new Disk(), takers: Taker[] = [new Memory("Asterisk"), new Memory("page")]) {
  const clock = new VirtualClock();
  const led: LedPattern[] = [];
  const calls = { restarts: 0, changes: 0 };
  const service = new ResetService(
    {
      store: disk.store(),
      takers,
      file: disk.handout(),
      factory: {
        mark: async () => {
          if (disk.failure !== null) throw disk.failure;
          disk.marked = true;
        },
      },
      clock,
      wallMs: () => 1_000_000 + clock.now(),
      sip: () => ({ host: "192.168.1.2", port: 5060 }),
      indicate: (pattern) => led.push(pattern),
      restart: () => calls.restarts++,
    },
    10,
    keeping,
  );
  service.on("change", () => calls.changes++);
  running.push(service);
  await service.start(new AbortController().signal);
  await settle();
  return { service, clock, disk, led, calls, takers: takers as Memory[] };
}

afterEach(async () => {
  for (const service of running.splice(0)) await service.stop();
  expect(logged.filter((line) => line.includes(SECRET))).toEqual([]);
  logged.length = 0;
});

describe("a reset", () => {
  it("is stored, taken by everybody, completed, and handed out", async () => {
    const { service, disk, takers, led } = await started();
    expect(service.view()).toEqual({ windowUntilMs: null, collectedBy: null, lastResetMs: null, resetPending: false });
    await service.press("reset");
    await service.settled();
    await settle();
    expect(takers.map(({ has, asked }) => [has, asked])).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(service.view()).toEqual({
      windowUntilMs: 1_600_000,
      collectedBy: null,
      lastResetMs: 1_000_000,
      resetPending: false,
    });
    expect(disk.file).toContain("Secretdesk1");
    expect(disk.file).toContain("sip:desk-a1:Secretdesk1@192.168.1.2:5060");
    expect(led).toEqual(expect.arrayContaining(["busy"]));
    expect(led.at(-1)).toBe("on");
  });

  it("that cannot be stored changes nothing, is told, and can be asked for again", async () => {
    const { service, disk, takers, led } = await started();
    disk.failure = new Error("no space left");
    await service.press("reset");
    expect(takers.map(({ asked }) => asked)).toEqual([0, 0]);
    expect(service.openUntilMs()).toBeNull();
    expect(disk.file).toBeNull();
    expect(service.alerts()).toEqual([
      { alert: "credentials-failed", severity: "error", text: expect.stringContaining("no space left") },
    ]);
    expect(led.at(-1)).toBe("fault");
    disk.failure = null;
    await service.press("reset");
    await service.settled();
    expect(service.alerts().map(({ alert }) => alert)).toEqual(["credentials-window"]);
    expect(led.at(-1)).toBe("on");
  });

  it("goes on asking who refuses, with growing pauses, while the others have taken it", async () => {
    const { service, clock, disk, takers } = await started();
    const [asterisk, page] = takers as [Memory, Memory];
    asterisk.failures = 4;
    await service.press("reset");
    await settle();
    expect(page.has).toBe(1);
    expect(disk.pending).toBe(true);
    expect(service.alerts()).toContainEqual({
      alert: "credentials-pending",
      severity: "error",
      text: "old credentials may still be good: Asterisk",
    });
    for (const ms of [99, 1, 199, 1, 400, 800]) {
      clock.advance(ms);
      await settle();
    }
    expect(asterisk.asked).toBe(5);
    await service.settled();
    expect(disk.pending).toBe(false);
    expect(service.alerts().map(({ alert }) => alert)).toEqual(["credentials-window"]);
    expect(logged.filter((line) => line.startsWith("error"))).toHaveLength(1);
  });

  it("asked for again before everybody took the first one, ends with the last for everybody", async () => {
    const { service, clock, disk, takers } = await started();
    (takers[0] as Memory).failures = 1;
    await service.press("reset");
    await settle();
    await service.press("reset");
    await settle();
    clock.advance(60_000);
    await service.settled();
    expect(takers.map(({ has }) => has)).toEqual([2, 2]);
    expect([disk.generation, disk.pending]).toEqual([2, false]);
  });

  it("cut short after it was stored is done again at the next start, whoever had taken it", async () => {
    for (const taken of [0, 1, 2]) {
      const disk = new Disk();
      await disk.store().resetIssued(5);
      disk.file = "paxgate credentials, left by a loss of power";
      const takers = [new Memory("Asterisk"), new Memory("page")];
      takers.forEach((taker, at) => {
        taker.has = at < taken ? 1 : 0;
      });
      const { service } = await started(disk, takers);
      await service.settled();
      await settle();
      expect(takers.map(({ has }) => has)).toEqual([1, 1]);
      expect([disk.pending, disk.generation]).toEqual([false, 1]);
      // Whoever stands there has nothing else: the window is open again.
      expect(service.openUntilMs()).toBe(1_600_000);
      expect(disk.file).toContain("Secretdesk1");
    }
  });

  it("cut short before it was stored has not happened", async () => {
    const { service, disk } = await started();
    expect([service.openUntilMs(), disk.generation]).toEqual([null, 0]);
  });
});

describe("the window", () => {
  it("ends after ten minutes of the monotonic clock, with the file and the alert", async () => {
    const { service, clock, disk } = await started();
    await service.press("reset");
    await settle();
    clock.advance(599_999);
    expect(service.openUntilMs()).toBe(1_600_000);
    clock.advance(1);
    await settle();
    expect(service.openUntilMs()).toBeNull();
    expect(service.collect("claim", "192.168.1.9")).toBeNull();
    expect(disk.file).toBeNull();
    expect(service.alerts()).toEqual([]);
  });

  it("gives to the first claim, again to the same, to nobody else, and says who", async () => {
    const { service, disk } = await started();
    expect(service.collect("one", "192.168.1.9")).toBeNull();
    await service.press("reset");
    expect(service.collect("", "192.168.1.9")).toBeNull();
    const got = service.collect("one", "192.168.1.9");
    expect(got?.map(({ kind, name, secret }) => [kind, name, secret])).toEqual([
      ["dashboard", "dashboard", "Secretpage1"],
      ["sip", "desk", "Secretdesk1"],
      ["broker", "viewer", "Secretviewer1"],
      ["broker", "operator", "Secretoperator1"],
    ]);
    expect(service.collect("one", "192.168.1.77")).toEqual(got);
    for (const other of ["two", "on", "onee", "One"]) expect(service.collect(other, "192.168.1.9")).toBeNull();
    expect(service.collectedBy()).toBe("192.168.1.9");
    await settle();
    expect(disk.audit).toEqual([{ type: "collected", atMs: 1_000_000, address: "192.168.1.9" }]);
    expect(service.alerts().map(({ alert }) => alert)).toEqual(["credentials-window", "credentials-collected"]);
  });

  it("writes no stranger's text into log, alert or record", async () => {
    const { service, disk } = await started();
    await service.press("reset");
    service.collect("one", "x\nevil: yes");
    await settle();
    expect(disk.audit[0]?.address).toBe("an unknown address");
    expect(logged.join("")).not.toContain("evil");
  });

  it("of a later reset is anybody's again", async () => {
    const { service } = await started();
    await service.press("reset");
    service.collect("one", "192.168.1.9");
    await service.press("reset");
    expect(service.collectedBy()).toBeNull();
    expect(service.collect("two", "192.168.1.8")?.[0]?.secret).toBe("Secretpage2");
    expect(service.collect("one", "192.168.1.9")).toBeNull();
  });

  it("ends with the service, and its file is removed as soon as that succeeds", async () => {
    const { service, clock, disk } = await started();
    await service.press("reset");
    await settle();
    disk.removeFailure = new Error("read-only");
    clock.advance(600_000);
    await settle();
    expect(service.alerts().map(({ text }) => text)).toEqual([expect.stringContaining("read-only")]);
    disk.removeFailure = null;
    clock.advance(10_000);
    await settle();
    expect([disk.file, service.alerts()]).toEqual([null, []]);
    await service.press("reset");
    await service.stop();
    expect([disk.file, service.openUntilMs(), clock.pending]).toEqual([null, null, 0]);
  });
});

describe("the other meanings", () => {
  it("identify shows it for ten seconds; cancelled and stuck do nothing; all are told", async () => {
    const { service, clock, disk, led } = await started();
    const told: [string, number][] = [];
    service.on("button", (meaning, atMs) => told.push([meaning, atMs]));
    for (const meaning of ["cancelled", "stuck", "identify"] as const) await service.press(meaning);
    expect(led).toEqual(["identify"]);
    clock.advance(10_000);
    expect(led).toEqual(["identify", "on"]);
    expect(told.map(([meaning]) => meaning)).toEqual(["cancelled", "stuck", "identify"]);
    expect([disk.generation, disk.marked]).toEqual([0, false]);
  });

  it("a factory reset is marked before the restart is asked for, and not asked for when that failed", async () => {
    const { service, disk, calls } = await started();
    disk.failure = new Error("read-only");
    await service.press("factory-reset");
    expect([disk.marked, calls.restarts]).toEqual([false, 0]);
    expect(service.alerts()[0]?.text).toContain("read-only");
    disk.failure = null;
    await service.press("reset");
    await service.press("factory-reset");
    expect([disk.marked, calls.restarts, disk.file]).toEqual([true, 1, null]);
  });
});
