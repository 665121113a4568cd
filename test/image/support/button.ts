import { createHash } from "node:crypto";
import type { Appliance } from "./appliance.ts";
import { SITE } from "./configuration.ts";
import { BUTTON_PIN } from "./wiring.ts";

/** Holds the button, at its pin, for so long. Time is what a button measures: there is no event to await. */
export async function holdButton(appliance: Appliance, ms: number): Promise<void> {
  const { pins } = appliance.machine;
  await pins.put(BUTTON_PIN, false);
  await new Promise((resolve) => setTimeout(resolve, ms));
  await pins.put(BUTTON_PIN, true);
}

/** Resolves when the gateway tells of a reset that it has done, live; with the message's time. */
export async function resetTold(appliance: Appliance, limitMs = 60_000): Promise<void> {
  await appliance.until("a reset told to the broker", limitMs, () => {
    const at = appliance.watch.seen.findIndex(
      ({ topic, payload, retained }) =>
        topic === `paxgate/${SITE}/credentials/event` &&
        !retained &&
        (JSON.parse(payload) as { type: string }).type === "reset",
    );
    if (at < 0) return null;
    appliance.watch.seen.splice(0, at + 1);
    return true;
  });
}

/** A fingerprint of everything that the gateway has issued: it differs when any of it does, and tells none of it. */
export async function issued(appliance: Appliance): Promise<string> {
  return fingerprint(await appliance.ssh.run("paxgate accounts --json"));
}

/** Fingerprints of what phones were issued, by account. */
export async function issuedToPhones(appliance: Appliance): Promise<Readonly<Record<string, string>>> {
  const text = await appliance.ssh.run("paxgate accounts --json");
  const { accounts } = JSON.parse(text) as { accounts: { account: string; secret: string }[] };
  return Object.fromEntries(accounts.map(({ account, secret }) => [account, fingerprint(secret)]));
}

const fingerprint = (text: string) => createHash("sha256").update(text).digest("hex");
