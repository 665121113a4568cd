import { parseNetwork } from "../base/ip.ts";
import { configError, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { asteriskUser } from "../drivers/asterisk-files.ts";
import { STRANGER_MARK, TABLE } from "../firewall/layout.ts";
import { literals, nothingBlocked, policyOf } from "../firewall/model.ts";
import { plan } from "../firewall/plan.ts";
import { type Rendered, render, renderClosed } from "../firewall/render.ts";
import { scannerRules } from "../firewall/scanner.ts";
import type { FirewallPolicy, ResolvedLists } from "../firewall/types.ts";
import { command, configHelp, configOption, helpHelp, print, usualConfig } from "./command.ts";

/** Loading it puts the table as it is written in the place of whatever is there, in one transaction. */
const ANEW = `add table inet ${TABLE}\ndelete table inet ${TABLE}\n`;
/** Nobody is registered in what is rendered here, so that it does not matter; s. */
const REGISTERED_S = 60;

export const firewallRender = command({
  name: "firewall render",
  summary: "Prints the rules for a configuration as nft reads them; needs no running gateway and changes nothing.",
  usage: "[-c FILE]",
  details: `${configHelp}
${helpHelp}

DNS names are not looked up, block lists not read: comments say what is missing. "nft --check -f FILE" checks it.`,
  options: configOption,
  async run({ values }) {
    const config = await configOf(values.config);
    const policy = policyOf(config);
    print(policy === null ? noFirewall() : await rulesText(config, policy));
    return 0;
  },
});

export const firewallStatic = command({
  name: "firewall static",
  summary: "Prints the rules for the time before the gateway runs: SIP and audio closed, management open.",
  usage: "[-c FILE]",
  details: `${configHelp}
${helpHelp}

"nft -f FILE" loads them in one transaction. Of who may manage, addresses and networks count, DNS names do not.`,
  options: configOption,
  async run({ values }) {
    const policy = policyOf(await configOf(values.config));
    print(policy === null ? noFirewall() : `${ANEW}${script(renderClosed(policy, await localUids()))}`);
    return 0;
  },
});

async function configOf(given: string | undefined): Promise<Config> {
  const loaded = await loadConfig(usualConfig(given));
  if (!loaded.ok) throw configError(loaded.error);
  return loaded.value.config;
}

/** Leaves nothing of ours in the kernel. */
function noFirewall(): string {
  return `# No firewall: protect is none.\n${ANEW.trimEnd()}`;
}

async function rulesText(config: Config, policy: FirewallPolicy): Promise<string> {
  const { lists, allow } = policy;
  const resolved: ResolvedLists = {
    trunks: literals(lists.trunks),
    operators: literals(lists.operators),
    allowed: literals(lists.allowed),
    management: literals(lists.management),
    allow: allow.map(({ from }) => literals(from)),
  };
  const state = { policy, lists: resolved, blocked: nothingBlocked, registered: [], gateways: [] };
  const rendered = render({ ...state, localUids: await localUids() });
  return [...notes(config, policy).map((note) => `# ${note}`), `${ANEW}${script(rendered)}`].join("\n");
}

/** What the running gateway would put there besides. */
function notes({ firewall }: Config, policy: FirewallPolicy): string[] {
  const { trunks, operators, allowed, management } = policy.lists;
  const sources = [...trunks, ...operators, ...allowed, ...management, ...policy.allow.flatMap(({ from }) => from)];
  const names = [...new Set(sources.filter((source) => parseNetwork(source) === null))];
  const lists = [
    ...(firewall.apiban.key === undefined ? [] : ["apiban"]),
    ...firewall.blockLists.map(({ name }) => name),
  ];
  const scanner = scannerRules(policy, STRANGER_MARK);
  return [
    ...(names.length === 0 ? [] : [`Not looked up here: ${names.join(" ")}`]),
    ...(lists.length === 0 ? [] : [`Not read here: the block lists ${lists.join(" ")}`]),
    ...(policy.asksRouter ? ["Not known here: the router that is asked for ports"] : []),
    ...(scanner === null ? [] : [`Dropped besides, by iptables' string match: ${scanner.tokens.join(", ")}`]),
  ];
}

function script(rendered: Rendered): string {
  const wanted = { ...rendered, bans: null, registeredS: REGISTERED_S };
  return plan(wanted, { table: "absent", rules: null, sets: new Map() }).script.trimEnd();
}

/** Whom the running gateway lets connect to Asterisk's local ports. */
async function localUids(): Promise<readonly number[]> {
  const user = await asteriskUser();
  const own = process.getuid?.() ?? 0;
  return [...new Set([own, ...(user === null ? [] : [user.uid])])].filter((uid) => uid !== 0);
}
