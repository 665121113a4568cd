import { afterEach, expect, it } from "vitest";
import { Appliance, BOOT_LIMIT_MS } from "./support/appliance.ts";
import { figure } from "./support/figures.ts";

/** How much longer the appliance takes to be ready for calls than the bare system below it takes to be up. */

/** Ours, which the bare system is to start without. */
const OURS = ["paxgate.service", "paxgate-asterisk.path", "paxgate-static.service"];
const LIMIT = 1.5;

let appliance: Appliance;

afterEach(() => appliance?.remove());

async function firstAndSecond(words: readonly string[], up: () => Promise<number>): Promise<number> {
  appliance = await Appliance.create({ words });
  await appliance.powerOn();
  await up();
  // The first boot grows the data partition and makes keys: the second is what a power cut costs.
  await appliance.powerCut(1);
  await appliance.powerOn();
  return await up();
}

it(`is ready for calls in less than ${LIMIT} times the bare system's time to multi-user`, async () => {
  const readyMs = await firstAndSecond([], () => appliance.ready());
  await appliance.remove();
  const words = OURS.map((unit) => `systemd.mask=${unit}`);
  const bareMs = await firstAndSecond(words, async () => {
    const { machine } = appliance;
    await machine.expect("multi-user", BOOT_LIMIT_MS, machine.console.waitFor(/Reached target .*multi-user/i));
    return performance.now() - machine.startedMs;
  });
  figure("bare system, power-on to multi-user", bareMs / 1_000, "s");
  figure("gateway, power-on to ready for calls", readyMs / 1_000, "s");
  figure("ready for calls against bare multi-user", readyMs / bareMs, "×", String(LIMIT));
  expect(readyMs / bareMs).toBeLessThanOrEqual(LIMIT);
});
