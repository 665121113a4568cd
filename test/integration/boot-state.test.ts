import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { temporaryDirectory } from "./support/asterisk.ts";
import { freeTcpPort } from "./support/free-port.ts";
import type { GatewayRig } from "./support/gateway-rig.ts";
import { Page, pageIsUp, statusRig, stored } from "./support/status-rig.ts";

/** What the appliance's start has left is told wherever somebody looks. */

const FELL_BACK = "system b did not become ready for calls: the other system runs again";
const LOST = "the card takes no data: everything is kept in RAM and lost at the next start; replace it";

let rig: GatewayRig;
let page: Page;
let left: Awaited<ReturnType<typeof temporaryDirectory>>;
const leave = (name: string, text: string) => writeFile(join(left.path, "boot", name), `${text}\n`);

beforeAll(async () => {
  left = await temporaryDirectory();
  await mkdir(join(left.path, "boot"));
  await leave("slot", "a");
  await leave("trial", "yes");
  await leave("problem", `${FELL_BACK}\n${LOST}`);
  const port = await freeTcpPort();
  rig = await statusRig(
    {
      tieLines: 1,
      trunks: 0,
      withoutEvent: true,
      config: { numberPlan: {}, button: { led: "sim" }, web: { enabled: true, port, listen: "loopback" } },
      runWith: ["--boot-state", join(left.path, "boot")],
    },
    () => pageIsUp(port),
  );
  page = await Page.open(port, stored(rig).dashboard);
}, 60_000);
afterAll(async () => {
  page?.close();
  await rig?.stop();
  await left?.remove();
});

it("tells each thing that was wrong: alert, LED, log", async () => {
  for (const [alert, severity, words] of [
    ["boot-1", "warning", FELL_BACK],
    ["boot-2", "error", LOST],
  ] as const) {
    await expect
      .poll(() => page.messages.find(({ topic }) => topic === `alerts/${alert}`)?.payload)
      .toMatchObject({ severity, source: "boot", text: expect.stringContaining(words) });
    await rig.logged((record) => record["problem"] === words);
  }
  await expect.poll(async () => (await rig.pax.panel()).led?.pattern).toBe("fault");
});

it("tells which system runs, and that its trial is over once it is", async () => {
  const gateway = (trial: boolean) =>
    page.next(({ topic, payload }) => topic === "gateway" && (payload?.["system"] as never)?.["trial"] === trial);
  await leave("trial", "yes");
  expect((await gateway(true)).payload).toMatchObject({ system: { slot: "a", trial: true } });
  await leave("trial", "no");
  expect((await gateway(false)).payload).toMatchObject({ state: "degraded", system: { slot: "a", trial: false } });
});
