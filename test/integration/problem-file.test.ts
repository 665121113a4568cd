import { existsSync, readFileSync, statSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { READY_MARKER } from "../../src/app/supervision.ts";
import { temporaryDirectory } from "./support/asterisk.ts";
import { GatewayRig } from "./support/gateway-rig.ts";

/** What the person with the card in his hand is told, and what the gateway does meanwhile. */

let rig: GatewayRig;
let card: Awaited<ReturnType<typeof temporaryDirectory>>;
let good: string;
const problem = () => join(card.path, "PROBLEM.txt");
const text = () => (existsSync(problem()) ? readFileSync(problem(), "utf8") : "");
const ready = () => existsSync(join(rig.config.paths.runtime, READY_MARKER));

beforeAll(async () => {
  card = await temporaryDirectory();
  const safe = join(card.path, "safe-default.yaml");
  rig = await GatewayRig.start({
    tieLines: 1,
    trunks: 0,
    withoutEvent: true,
    config: { numberPlan: {}, button: { gpio: "sim", led: "sim" } },
    runWith: ["--problem-file", problem(), "--safe-default", safe],
  });
  good = readFileSync(rig.configFile, "utf8");
  await writeFile(safe, stringify({ ...parse(good), lines: [{ name: "none" }], button: { led: "sim" } }));
}, 60_000);
afterAll(async () => {
  await rig?.stop();
  await card?.remove();
});

it("writes nothing when all is well", async () => {
  await expect.poll(ready).toBe(true);
  expect(existsSync(problem())).toBe(false);
});

it("tells place and remedy of a fault, blinks, and goes on with the last good configuration", async () => {
  await rig.stopGateway();
  await writeFile(rig.configFile, good.replace("name: tie1", "nmae: tie1"));
  await rig.startGateway();
  await expect.poll(text).toMatch(/paxgate\.yaml:\d+:\d+: lines\[0\]\.nmae: unknown key; did you mean "name"\?/);
  expect(text()).toContain("last configuration that could be used");
  await expect.poll(async () => (await rig.pax.panel()).led?.pattern).toBe("fault");
  await expect.poll(ready).toBe(true);
});

it("leaves the card alone when the same is wrong at the next start", async () => {
  const before = statSync(problem());
  await rig.stopGateway();
  await rig.startGateway();
  await rig.logged((record) => record["msg"] === "ready for calls");
  expect(statSync(problem())).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
});

it("serves a page and no call on the safe default, which is no sign that the system is a good one", async () => {
  await rig.stopGateway();
  await rm(rig.lastGood);
  await rig.startGateway(() => true);
  await expect.poll(text).toContain("There is no earlier configuration");
  const view = await rig.status();
  expect(view.lines.map(({ name }) => name)).toEqual(["none"]);
  expect(view.fault).toContain("nmae");
  expect(ready()).toBe(false);
  expect(existsSync(rig.lastGood)).toBe(false);
});

it("takes the text away once the file is right again", async () => {
  await rig.stopGateway();
  await writeFile(rig.configFile, good);
  await rig.startGateway();
  await expect.poll(() => existsSync(problem()), { timeout: 40_000 }).toBe(false);
  await expect.poll(async () => (await rig.pax.panel()).led?.pattern).toBe("on");
}, 60_000);
