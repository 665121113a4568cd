import { rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Finding } from "../../src/app/bench/finding.ts";
import { processorMs, residentMb } from "../../src/app/bench/process-usage.ts";
import type { GatewayRig } from "../integration/support/gateway-rig.ts";
import { GuardedGateway } from "./guarded-gateway.ts";

const SETTLE_MS = 3_000;

/** The gateway with its firewall on, and nothing to do: start, memory, processor. */
export async function benchGuardedIdle(idleMs: number): Promise<Finding[]> {
  const guarded = await GuardedGateway.start();
  const { rig } = guarded;
  try {
    const findings: Finding[] = [];
    const start = async (how: string) => {
      findings.push({
        name: `guard on: start → ready, ${how}`,
        unit: "ms",
        goal: { most: 3_000, of: "median" },
        values: [await startMs(rig)],
      });
    };
    await rig.stopGateway();
    await rm(rig.config.paths.state, { recursive: true, force: true });
    await start("first time");
    await rig.stopGateway();
    await start("again");
    await rig.stopGateway("SIGKILL");
    await start("after kill -9");
    await delay(SETTLE_MS);
    return [...findings, ...(await idle(rig, idleMs))];
  } finally {
    await guarded.stop();
  }
}

/** From executing the program to its word that it is ready for calls, ms. */
export async function startMs(rig: GatewayRig): Promise<number> {
  const begun = performance.now();
  const ready = rig.logged(({ msg }) => msg === "ready for calls", rig.log.length).then(() => performance.now());
  await rig.startGateway();
  return (await ready) - begun;
}

async function idle({ gatewayPid, asteriskPid }: GatewayRig, ms: number): Promise<Finding[]> {
  const begun = performance.now();
  const before = await processorMs(gatewayPid);
  await delay(ms);
  const share = (100 * ((await processorMs(gatewayPid)) - before)) / (performance.now() - begun);
  const [ours, asterisk] = [await residentMb(gatewayPid), await residentMb(asteriskPid)];
  return [
    { name: "guard on: processor, idle", unit: "%", goal: { most: 0.5, of: "median" }, values: [share] },
    { name: "guard on: memory, idle", unit: "MB", goal: { most: 90, of: "worst" }, values: [ours.now] },
    { name: "guard on: memory at most", unit: "MB", goal: { most: 90, of: "worst" }, values: [ours.most] },
    { name: "guard on: memory of Asterisk, idle", unit: "MB", goal: null, values: [asterisk.now] },
  ];
}
