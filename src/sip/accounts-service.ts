import { GatewayError } from "../base/errors.ts";
import { forgottenPeers, REGISTRY_FAMILIES } from "./accounts.ts";
import { describeFinding } from "./asterisk-health.ts";
import type { Finding } from "./drift.ts";
import type { SipModel } from "./model.ts";
import type { CommandPort } from "./port.ts";

/** Takes away what AstDB remembers of accounts that are gone: their registrations would come back with their names. */
export async function forgetOldPeers(commands: CommandPort, model: SipModel): Promise<void> {
  for (const family of REGISTRY_FAMILIES) {
    const forgotten = forgottenPeers(await commands.command(`database show ${family}`), family, model);
    for (const name of forgotten) await commands.command(`database del ${family} ${name}`);
  }
}

/** Whether a finding says that accounts are not as the model has them: old ones are left, or new ones missing. */
export function concernsAccounts({ kind, subject }: Finding, model: SipModel): boolean {
  const ours = model.accounts.some(({ username }) => subject === username || subject.startsWith(`${username}: `));
  return kind === "peer-unknown" || ((kind === "peer-missing" || kind === "peer") && ours);
}

/**
 * Whether new accounts are in force. `left`: what concerns them and is not; null: Asterisk is not up.
 * @throws GatewayError `sip-accounts` when old ones may still be good
 */
export function requireTaken(left: readonly Finding[] | null, running: boolean): void {
  if (left === null && running) {
    throw new GatewayError("sip-accounts", "Asterisk runs, and does not take the new accounts yet");
  }
  const first = left?.[0];
  if (first === undefined) return;
  throw new GatewayError("sip-accounts", `Asterisk has not taken the new accounts: ${describeFinding(first)}`);
}
