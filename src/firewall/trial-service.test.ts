import { beforeEach, describe, expect, it } from "vitest";
import type { Log } from "../base/log.ts";
import { VirtualClock } from "../base/virtual-clock.ts";
import { TrialService } from "./trial-service.ts";
import { testPolicy } from "./trial-test-policy.ts";
import type { FirewallPolicy } from "./types.ts";

const first = testPolicy({});
const moved = testPolicy({ managementPorts: [2222] });

/** One machine over all its restarts. */
class Machine {
  clock = new VirtualClock();
  unixMs = 1_800_000_000_000;
  stored: unknown = null;
  writes = 0;
  diskFull = false;
  connected: readonly string[] | null = [];
  asked: readonly number[] = [];
  readonly warnings: string[] = [];

  start(): { trial: TrialService; enforced: FirewallPolicy[] } {
    const note = (message: string) => void this.warnings.push(message);
    const log: Log = { debug: () => undefined, info: () => undefined, warn: note, error: note, child: () => log };
    const trial = new TrialService(
      {
        clock: this.clock,
        unixMs: () => this.unixMs + this.clock.now(),
        state: {
          read: async () => JSON.parse(JSON.stringify(this.stored)) as unknown,
          write: async (state) => {
            if (this.diskFull) throw new Error("no space");
            this.stored = JSON.parse(JSON.stringify(state));
            this.writes++;
          },
        },
        operators: {
          connected: async (ports) => {
            this.asked = ports;
            if (this.connected === null) throw new Error("no table");
            return this.connected;
          },
        },
      },
      log,
    );
    const enforced: FirewallPolicy[] = [];
    trial.onEnforce((policy) => {
      // What is in force must be on disk by then, or a kill would make a trial of what was none.
      expect(this.diskFull || JSON.stringify(this.stored).includes(JSON.stringify(policy))).toBe(true);
      enforced.push(policy);
    });
    return { trial, enforced };
  }

  /** The process is killed and started again `ms` later; the monotonic clock begins anew. */
  killed(ms: number): void {
    this.unixMs += this.clock.now() + ms;
    this.clock = new VirtualClock();
  }
}

let machine: Machine;
beforeEach(() => {
  machine = new Machine();
});

/** The next policy that is enforced. */
const next = (trial: TrialService) =>
  new Promise<FirewallPolicy>((resolve) => {
    const dispose = trial.onEnforce((policy) => {
      dispose();
      resolve(policy);
    });
  });

/** A machine with a confirmed policy, and an operator who has just moved the management port. */
async function onTrial() {
  const before = machine.start();
  expect(await before.trial.configure(first, 60)).toEqual(first);
  await before.trial.stop();
  machine.killed(1_000);
  machine.connected = ["192.168.1.20", "127.0.0.1"];
  const now = machine.start();
  expect(await now.trial.configure(moved, 60)).toEqual(moved);
  expect(now.trial.view).toEqual({ state: "on-trial", endsInS: 60, changes: ["managementPorts"] });
  return now;
}

describe("a change with an operator connected", () => {
  it("is taken back at the end of its time, and says so", async () => {
    const { trial } = await onTrial();
    expect(trial.alert).toContain("is on trial");
    machine.clock.advance(59_999);
    expect(trial.policy).toEqual(moved);
    const back = next(trial);
    machine.clock.advance(1);
    expect(await back).toEqual(first);
    await trial.stop();
    expect(trial.alert).toContain("was not confirmed in time");
    expect(machine.warnings).toContain("a change of the firewall was taken back");
  });

  it("stays when it is confirmed, for good", async () => {
    const { trial } = await onTrial();
    machine.clock.advance(30_000);
    expect(await trial.confirm()).toEqual({ changes: ["managementPorts"] });
    expect(trial.alert).toBeNull();
    await expect(trial.confirm()).rejects.toMatchObject({ code: "nothing-on-trial" });
    machine.clock.advance(3_600_000);
    await trial.stop();
    machine.killed(0);
    const again = machine.start();
    expect(await again.trial.configure(moved, 60)).toEqual(moved);
    expect(again.trial.view).toEqual({ state: "confirmed" });
  });

  it("is taken back in time by a service that was stopped and started again, as after a firewall that did not come up", async () => {
    const { trial } = await onTrial();
    machine.clock.advance(10_000);
    await trial.stop();
    expect(await trial.configure(moved, 60)).toEqual(moved);
    expect(trial.view).toMatchObject({ state: "on-trial", endsInS: 50 });
    const back = next(trial);
    machine.clock.advance(50_000);
    expect(await back).toEqual(first);
  });

  it("tells its end once: taken back, also by a start after its time, and confirmed, also after that", async () => {
    const told: string[] = [];
    const follow = ({ trial }: { readonly trial: TrialService }) => {
      trial.onEnded((how) => told.push(how));
      return trial;
    };
    const first = follow(await onTrial());
    machine.clock.advance(60_000);
    await first.stop();
    expect(told).toEqual(["reverted"]);
    machine.killed(1_000);
    const second = follow(machine.start());
    await second.configure(moved, 60);
    expect(told).toEqual(["reverted"]);
    await second.confirm();
    await second.confirm().catch(() => undefined);
    expect(told).toEqual(["reverted", "confirmed"]);
    machine.killed(0);
    const third = follow(machine.start());
    await third.configure(testPolicy({ managementPorts: [22, 2222] }), 60);
    machine.killed(61_000);
    await follow(machine.start()).configure(testPolicy({ managementPorts: [22, 2222] }), 60);
    expect(told).toEqual(["reverted", "confirmed", "reverted"]);
  });

  it("asks who is connected to the ports of before, too", async () => {
    await onTrial();
    expect([...machine.asked].sort((a, b) => a - b)).toEqual([22, 2222]);
  });

  it("goes on over a kill with the time that was left, and the operator's absence confirms nothing", async () => {
    await onTrial();
    machine.clock.advance(20_000);
    machine.killed(10_000);
    machine.connected = [];
    const { trial } = machine.start();
    expect(await trial.configure(moved, 60)).toEqual(moved);
    expect(trial.view).toMatchObject({ state: "on-trial", endsInS: 30 });
    const back = next(trial);
    machine.clock.advance(30_000);
    expect(await back).toEqual(first);
  });

  it("is taken back at once by a start after its time, and stays so until it is confirmed", async () => {
    await onTrial();
    machine.killed(61_000);
    machine.connected = [];
    const { trial } = machine.start();
    expect(await trial.configure(moved, 60)).toEqual(first);
    await trial.stop();
    machine.killed(86_400_000);
    const later = machine.start();
    expect(await later.trial.configure(moved, 60)).toEqual(first);
    expect(later.trial.view).toMatchObject({ state: "reverted", changes: ["managementPorts"] });
    await later.trial.confirm();
    expect(later.trial.policy).toEqual(moved);
  });

  it("wakes nobody once the service has stopped", async () => {
    const { trial, enforced } = await onTrial();
    await trial.stop();
    const { writes } = machine;
    machine.clock.advance(100_000);
    await trial.stop();
    expect(enforced).toEqual([moved]);
    expect(machine.writes).toBe(writes);
  });
});

describe("a change", () => {
  it("with nobody connected but this machine itself is confirmed at once", async () => {
    await machine.start().trial.configure(first, 60);
    machine.connected = ["127.0.0.1", "::1"];
    const { trial } = machine.start();
    await trial.configure(moved, 60);
    expect(trial.view).toEqual({ state: "confirmed" });
  });

  it("is on trial when nobody knows who is connected", async () => {
    await machine.start().trial.configure(first, 60);
    machine.connected = null;
    const { trial } = machine.start();
    await trial.configure(moved, 60);
    expect(trial.view).toMatchObject({ state: "on-trial" });
  });

  it("is tried and taken back although the disk is full", async () => {
    await machine.start().trial.configure(first, 60);
    machine.connected = ["192.168.1.20"];
    machine.diskFull = true;
    const { trial } = machine.start();
    expect(await trial.configure(moved, 60)).toEqual(moved);
    const back = next(trial);
    machine.clock.advance(60_000);
    expect(await back).toEqual(first);
    expect(machine.warnings).toContain("confirm or revert could not be stored");
  });

  it("that follows upon a state of another version counts as the first", async () => {
    machine.stored = { version: 1, confirmed: { ...first, extra: 1 }, pending: null };
    machine.connected = ["192.168.1.20"];
    const { trial } = machine.start();
    expect(await trial.configure(moved, 60)).toEqual(moved);
    expect(trial.view).toEqual({ state: "confirmed" });
    expect(machine.warnings.join()).toContain("another version");
  });
});
