import type { NatAnswer } from "../app/status-server.ts";
import type { NatView } from "../nat/types.ts";
import { command, configHelp, configOption, helpHelp, jsonHelp, jsonOption, print, printJson } from "./command.ts";
import { withGateway } from "./gateway-client.ts";

/** Mappings shown one by one. */
const MOST_SHOWN = 8;

export const nat = command({
  name: "nat",
  summary: "Shows how the world reaches a running gateway: the router's port mappings, and what is wrong with them.",
  usage: "[-c FILE] [--json]",
  details: `
${configHelp}
${jsonHelp}
${helpHelp}

Ends with 1 when something is wrong.`,
  options: { ...configOption, ...jsonOption },
  async run({ values }) {
    const view = (await withGateway(values.config, (ask) => ask("nat"))) as NatAnswer;
    if (values.json) printJson(view);
    else for (const line of view === null ? ["not known yet: the gateway is starting"] : textOf(view)) print(line);
    return view !== null && view.faults.length > 0 ? 1 : 0;
  },
});

const MODES: Readonly<Record<NatView["mode"], string>> = {
  none: "nothing is asked of a router (nat.mode: none)",
  upstream: "the router before us is asked for ports",
  router: "this machine is the router",
};

/** The view in a line for each thing. */
export function textOf(view: NatView): string[] {
  const { protocol, router, external, stunAddress, doubleNat, mappings, advice, faults } = view;
  const lines = [MODES[view.mode]];
  if (router !== null) lines.push(`router ${router}${protocol === null ? "" : `, by ${protocol}`}`);
  if (external !== null) lines.push(`the world finds us at ${external.address}, SIP port ${external.sipPort}`);
  if (stunAddress !== null) lines.push(`STUN servers see us at ${stunAddress}`);
  if (doubleNat) lines.push("DOUBLE NAT: another router before that one translates too");
  const shown = [...mappings].sort((one, other) => Number(one.fault === null) - Number(other.fault === null));
  for (const { name, externalPort, expiresS, fault } of shown.slice(0, MOST_SHOWN)) {
    const lasts = expiresS === null ? "" : `, for ${expiresS} s more unless renewed`;
    lines.push(
      `${name}: ${externalPort === null ? "not mapped" : `port ${externalPort}${lasts}`}${fault === null ? "" : ` (${fault})`}`,
    );
  }
  if (mappings.length > MOST_SHOWN) lines.push(`and ${mappings.length - MOST_SHOWN} mappings more`);
  if (advice !== undefined) lines.push(advice);
  lines.push(...faults.map((fault) => `FAULT: ${fault}`));
  return lines;
}
