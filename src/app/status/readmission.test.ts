import { describe, expect, it } from "vitest";
import { silentLog } from "../../base/log.ts";
import { VirtualClock } from "../../base/virtual-clock.ts";
import { Readmission } from "./readmission.ts";

function rig(registered: readonly string[]) {
  const clock = new VirtualClock();
  const released: (string | null)[] = [];
  const guard = {
    registered: new Set(registered) as ReadonlySet<string>,
    release: async (address: string | null) => {
      released.push(address);
      return 0;
    },
  };
  return { clock, released, guard, readmission: new Readmission(() => guard, clock, silentLog) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("telephones after a reset", () => {
  it("that were registered at it are released again and again while new credentials can be collected", async () => {
    const { clock, released, guard, readmission } = rig(["192.0.2.1", "192.0.2.2"]);
    readmission.note();
    guard.registered = new Set();
    readmission.follow(true);
    await settled();
    expect(released).toEqual(["192.0.2.1", "192.0.2.2"]);
    clock.advance(10_000);
    await settled();
    expect(released).toHaveLength(4);
    readmission.follow(false);
    clock.advance(60_000);
    await settled();
    expect(released).toHaveLength(4);
    expect(clock.pending).toBe(0);
  });

  it("that were not are not, nor is anybody after the next window", async () => {
    const { released, readmission } = rig(["192.0.2.1"]);
    readmission.note();
    readmission.follow(true);
    await settled();
    readmission.follow(false);
    readmission.follow(true);
    await settled();
    expect(released).toEqual(["192.0.2.1"]);
    readmission.stop();
  });
});
