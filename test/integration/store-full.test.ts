import { execFile } from "node:child_process";
import { cp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { GatewayRig } from "./support/gateway-rig.ts";
import { clearAll, eventOf, fastDials, paxTalksTo, quick } from "./support/scenes.ts";

/** The gateway on a disk without any room: calls go on, and what can't be kept is told. Needs root (a tmpfs). */

const run = promisify(execFile);
const DISK_BYTES = 4 << 20;

let rig: GatewayRig;
let state: string;
beforeAll(async () => {
  const toPax = [{ number: "413X", extension: "3X" }];
  rig = await GatewayRig.start({
    config: { numberPlan: { fromPax: [{ dial: "4XXX", trunk: "event" }], toPax }, pax: { overrides: quick } },
  });
  await fastDials(rig, "21");
  await rig.stopGateway();
  state = rig.config.paths.state;
  const kept = join(rig.directory, "kept");
  await cp(state, kept, { recursive: true, preserveTimestamps: true });
  await run("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES},mode=0711`, "full", state]);
  await run("cp", ["-a", `${kept}/.`, state]);
  await fill();
});
afterAll(async () => {
  await rig?.stopGateway();
  await run("umount", ["-l", state]).catch(() => undefined);
  await rig?.stop();
});

const room = () => statfs(state).then(({ bavail }) => bavail);

async function fill(): Promise<void> {
  await writeFile(join(state, "fill"), Buffer.alloc(DISK_BYTES)).catch(() => undefined);
  expect(await room()).toBe(0);
}

async function callGoesThrough(): Promise<void> {
  const call = await paxTalksTo(rig, "21", "4129");
  await eventOf(rig).hangup(call);
  await clearAll(rig);
}

// A second try of a test finds the gateway stopped.
afterEach(() => rig.stopGateway());

it("starts, and calls can be made", async () => {
  await rig.startGateway();
  await callGoesThrough();
  expect(await room()).toBe(0);
});

it("starts with a telephone more, for which no credentials can be kept, and says so; with room again it has them", async () => {
  const before = await readFile(rig.configFile, "utf8");
  if (!before.includes("accounts:")) await writeFile(rig.configFile, `${before}accounts: [{ name: desk }]\n`);
  if ((await room()) > 0) await fill();
  const from = rig.log.length;
  await rig.startGateway();
  expect(rig.log.slice(from).some(({ level, msg }) => level === "error" && /stored/.test(String(msg)))).toBe(true);
  await callGoesThrough();
  await rig.stopGateway();
  await rm(join(state, "fill"));
  const later = rig.log.length;
  await rig.startGateway();
  expect(rig.log.slice(later).filter(({ level }) => level === "error")).toEqual([]);
});
