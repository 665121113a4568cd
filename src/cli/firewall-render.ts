import { describeError, GatewayError } from "../base/errors.ts";
import { parseNetwork } from "../base/ip.ts";
import { configError, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { asteriskUser } from "../drivers/asterisk-files.ts";
import { STRANGER_MARK } from "../firewall/layout.ts";
import { literals, nothingBlocked, policyOf } from "../firewall/model.ts";
import { anew, REMOVAL, staticRules } from "../firewall/plan.ts";
import { render } from "../firewall/render.ts";
import { scannerRules } from "../firewall/scanner.ts";
import type { FirewallPolicy, ResolvedLists } from "../firewall/types.ts";
import { command, configHelp, configOption, helpHelp, print, usualConfig, warn } from "./command.ts";

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

"nft -f FILE" loads them in one transaction. Of who may manage, addresses and networks count, DNS names do not.
With a configuration that cannot be used these are the rules of the defaults, the faults are told besides, and it ends
with 0: a machine that boots shall not stand open for a typing error.`,
  options: configOption,
  async run({ values }) {
    const config = await configOf(values.config).catch(defaultsInstead);
    const policy = config === null ? null : policyOf(config);
    const none = config !== null && policy === null;
    print(none ? noFirewall() : staticRules(policy, await localUids()).trimEnd());
    return 0;
  },
});

async function configOf(given: string | undefined): Promise<Config> {
  const loaded = await loadConfig(usualConfig(given));
  if (!loaded.ok) throw configError(loaded.error);
  return loaded.value.config;
}

/** For a configuration that is not there or has faults: null, and they are told. */
function defaultsInstead(error: unknown): null {
  if (!(error instanceof GatewayError)) throw error;
  warn(`${error.message.trimEnd()}\npaxgate: these are the rules of the defaults`);
  return null;
}

/** Leaves nothing of ours in the kernel. */
function noFirewall(): string {
  return `# No firewall: protect is none.\n${REMOVAL.trimEnd()}`;
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
  const state = { policy, lists: resolved, blocked: nothingBlocked, registered: [], gateways: [], serving: true };
  const rendered = render({ ...state, localUids: await localUids() });
  return [...notes(config, policy).map((note) => `# ${note}`), anew(rendered).trimEnd()].join("\n");
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

/** Whom the running gateway lets connect to Asterisk's local ports. */
async function localUids(): Promise<readonly number[]> {
  const user = await asteriskUser().catch((error: unknown) => {
    warn(describeError(error));
    return null;
  });
  const own = process.getuid?.() ?? 0;
  return [...new Set([own, ...(user === null ? [] : [user.uid])])].filter((uid) => uid !== 0);
}
