import { setTimeout as delay } from "node:timers/promises";
import type { Finding, Goal } from "../../src/app/bench/finding.ts";
import { processorMs, residentMb } from "../../src/app/bench/process-usage.ts";
import { median } from "../../src/app/bench/statistics.ts";
import { type BrokerKind, EverythingOn } from "./everything-on.ts";

/** After the start, until what the start needed is done, ms. */
const SETTLE_MS = 5_000;
/** Between two looks at the memory, ms. */
const LOOK_MS = 1_000;

const MEMORY: Goal = { most: 110, of: "worst" };
const PROCESSOR: Goal = { most: 1, of: "median" };

/** Memory and processor time of the supervisor with everything on and nothing to do, with either broker. */
export async function benchStatusIdle(ms: number): Promise<Finding[]> {
  return [...(await idle("own broker", ms)), ...(await idle("mosquitto", ms))];
}

async function idle(broker: BrokerKind, ms: number): Promise<Finding[]> {
  const everything = await EverythingOn.start(broker);
  try {
    const { gatewayPid } = everything.rig;
    await delay(SETTLE_MS);
    const startMs = await processorMs(gatewayPid);
    const begun = performance.now();
    const resident: number[] = [];
    while (performance.now() - begun < ms) {
      await delay(LOOK_MS);
      resident.push((await residentMb(gatewayPid)).now);
    }
    const share = (100 * ((await processorMs(gatewayPid)) - startMs)) / (performance.now() - begun);
    const { most } = await residentMb(gatewayPid);
    // Without somebody who looks it would not be everything.
    if (everything.fault !== null) throw everything.fault;
    const all = `everything on, ${broker}`;
    return [
      { name: `${all}: processor, idle`, unit: "%", goal: PROCESSOR, values: [share] },
      { name: `${all}: processor time of the start`, unit: "ms", goal: null, values: [startMs] },
      { name: `${all}: memory, idle`, unit: "MB", goal: MEMORY, values: [median(resident)] },
      { name: `${all}: memory, idle, largest`, unit: "MB", goal: MEMORY, values: [Math.max(...resident)] },
      { name: `${all}: memory at most since the start`, unit: "MB", goal: null, values: [most] },
    ];
  } finally {
    await everything.stop();
  }
}
