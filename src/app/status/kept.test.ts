import { describe, expect, it, vi } from "vitest";
import { silentLog } from "../../base/log.ts";
import { Kept } from "./kept.ts";

/** A service that fails as often as it is told. */
class Reluctant {
  readonly name = "reluctant";
  starts = 0;
  stops = 0;
  #failures: number;
  constructor(failures: number) {
    this.#failures = failures;
  }
  async start(): Promise<void> {
    this.starts += 1;
    if (this.starts <= this.#failures) throw new Error("the port is taken");
  }
  async stop(): Promise<void> {
    this.stops += 1;
  }
}

describe("a service that calls can do without", () => {
  it("is tried again until it starts; meanwhile its fault is told", async () => {
    const service = new Reluctant(1);
    const changed = vi.fn();
    const kept = new Kept(service, changed, silentLog);
    await kept.start(new AbortController().signal);
    expect(kept.fault).toBe("the port is taken");
    expect(service.stops).toBe(1);
    await vi.waitFor(() => expect(kept.fault).toBeNull(), { timeout: 5_000 });
    expect(service.starts).toBe(2);
    expect(changed).toHaveBeenCalledTimes(2);
    await kept.stop();
    expect(service.stops).toBe(2);
  });

  it("can be stopped while it is tried", async () => {
    const service = new Reluctant(Number.POSITIVE_INFINITY);
    const kept = new Kept(service, () => undefined, silentLog);
    await kept.start(new AbortController().signal);
    await kept.stop();
    expect(service.starts).toBe(1);
  });
});
