import { afterAll, beforeAll, expect, it } from "vitest";
import { seededRandom } from "../../src/line/train-generator.ts";
import { Appliance, BOOT_LIMIT_MS } from "./support/appliance.ts";
import { holdButton, issued, issuedToPhones, resetTold } from "./support/button.ts";
import { configurationText } from "./support/configuration.ts";
import { figure } from "./support/figures.ts";
import { Inspection } from "./support/inspection.ts";

/**
 * The plug pulled at random moments: while it boots, while it makes new credentials, while it writes state. It always comes
 * back by itself, with everything that had been acknowledged. What the card had not been told to flush may be lost.
 */

/** How often the plug is pulled; three quarters of them in a boot. */
const ROUNDS = Number(process.env["PAXGATE_POWER_ROUNDS"] ?? 7);

let appliance: Appliance;
let inspection: Inspection;
let bootMs: number;
let cuts = 0;
let lost = 0;
/** The moments can be had again: PAXGATE_SEED. */
const seed = Number(process.env["PAXGATE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const random = seededRandom(seed);

beforeAll(async () => {
  console.log(`PAXGATE_SEED=${seed}`);
  appliance = await Appliance.create();
  inspection = new Inspection(appliance.ssh);
  await appliance.powerOn();
  bootMs = await appliance.readyAndLoggedIn();
});

afterAll(async () => {
  figure("power cuts survived", cuts, "", "≥ 20 with --all");
  figure("sectors lost in them", lost, "");
  await appliance?.remove();
});

async function cut(during: string): Promise<void> {
  // All that was not flushed lost, none, or some of it: each in its turn.
  const survival = [0, 1, 0.5][cuts % 3];
  const sinceMs = Math.round(performance.now() - appliance.machine.startedMs);
  const { lostSectors } = await appliance.powerCut(survival, random);
  lost += lostSectors;
  cuts++;
  console.log(`cut ${cuts}, ${sinceMs} ms after power-on, during ${during}: ${lostSectors} sectors lost`);
}

/** Lets a moment pass that is not an event's: the plug is pulled when nobody expects it. */
const moment = (limitMs: number) => new Promise((resolve) => setTimeout(resolve, random() * limitMs));

/** Pulls the plug twice on the way up, and then lets it come up. */
async function comesBack(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await appliance.powerOn();
    await moment(1.1 * bootMs);
    await cut("a boot");
  }
  await appliance.powerOn();
  await appliance.ready(BOOT_LIMIT_MS);
  await appliance.ssh.connect(120_000);
  expect(await inspection.failedUnits()).toEqual([]);
}

/** A phone more in paxgate.yaml, taken up by the running gateway, which stores a secret for it. */
async function addPhone(count: number): Promise<void> {
  const accounts = Array.from({ length: count }, (_, at) => ({ name: `phone-${at + 1}` }));
  await appliance.ssh.run("cat >/boot/firmware/paxgate.yaml && sync && systemctl reload paxgate.service", {
    input: configurationText({ accounts }),
  });
}

async function whileStateIsWritten(round: number): Promise<void> {
  const before = await issuedToPhones(appliance);
  await addPhone(round);
  const told = round % 4 === 0 ? await issuedToPhones(appliance) : before;
  await moment(2_000);
  await cut("a write of state");
  await comesBack();
  expect(await issuedToPhones(appliance)).toMatchObject(told);
}

async function whileCredentialsAreMade(): Promise<void> {
  const before = await issued(appliance);
  await holdButton(appliance, 7_000);
  const told = resetTold(appliance).then(() => true);
  told.catch(() => undefined);
  const acknowledged = await Promise.race([told, moment(4_000).then(() => false)]);
  const announced = acknowledged ? await issued(appliance) : null;
  await cut(acknowledged ? "the time after new credentials" : "the making of new credentials");
  await comesBack();
  const after = await issued(appliance);
  // A reset that was told of holds; one that was not has been done, is done again, or was never begun.
  if (announced !== null) {
    expect(announced).not.toBe(before);
    expect(after).toBe(announced);
  }
  // The first line is the checksum of the rest.
  const state = await appliance.ssh.run("tail -n +2 /var/lib/paxgate/state.json");
  expect((JSON.parse(state) as { reset: { pending: boolean } }).reset.pending).toBe(false);
}

for (let round = 1; round <= ROUNDS; round++) {
  const odd = round % 2 === 1;
  const during = odd ? "new credentials are made" : "state is written";
  it(`comes back from cuts while ${during} and while it boots (${round} of ${ROUNDS})`, async () => {
    await (odd ? whileCredentialsAreMade() : whileStateIsWritten(round));
  });
}
