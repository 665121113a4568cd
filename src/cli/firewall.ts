import { GatewayError } from "../base/errors.ts";
import type { Explanation, GuardView, RefreshOutcome } from "../firewall/control.ts";
import type { BansPage } from "../firewall/requests.ts";
import type { Ban } from "../firewall/types.ts";
import {
  type Command,
  command,
  configHelp,
  configOption,
  helpHelp,
  jsonHelp,
  jsonOption,
  print,
  printJson,
} from "./command.ts";
import { firewallRender, firewallStatic } from "./firewall-render.ts";
import { bansRows, banText, explanationText, refreshText, statusText } from "./firewall-text.ts";
import { withGateway } from "./gateway-client.ts";

const usual = { ...configOption, ...jsonOption };
const usualHelp = `${configHelp}\n${jsonHelp}\n${helpHelp}`;
/** Pages of bans that are asked for at most: more than the kernel holds. */
const MOST_PAGES = 300;

const status = command({
  name: "firewall status",
  summary: "Shows what the firewall of a running gateway does.",
  usage: "[-c FILE] [--json]",
  details: `${usualHelp}\n\nEnds with 1 when something is wrong, or when a change is on trial or was taken back.`,
  options: usual,
  async run({ values }) {
    const view = (await withGateway(values.config, (ask) => ask("firewall.status"))) as GuardView;
    if (values.json) printJson(view);
    else print(statusText(view));
    const wanted = view.protect === "none" || view.inForce;
    return view.faults.length === 0 && view.trial.state === "confirmed" && wanted ? 0 : 1;
  },
});

const confirm = command({
  name: "firewall confirm",
  summary: "Keeps a change of the firewall that is on trial, or puts one in force that was taken back.",
  usage: "[-c FILE] [--json]",
  details: usualHelp,
  options: usual,
  async run({ values }) {
    const done = (await withGateway(values.config, (ask) => ask("firewall.confirm"))) as { changes: readonly string[] };
    if (values.json) printJson(done);
    else print(`confirmed: ${done.changes.join(", ")}`);
    return 0;
  },
});

const bans = command({
  name: "firewall bans",
  summary: "Lists every ban in force, youngest first.",
  usage: "[-c FILE] [--json]",
  details: usualHelp,
  options: usual,
  async run({ values }) {
    const all = new Map<string, Ban>();
    await withGateway(values.config, async (ask) => {
      let from: number | null = 0;
      for (let page = 0; from !== null && page < MOST_PAGES; page++) {
        const answer = (await ask("firewall.bans", { from })) as BansPage;
        // A ban that comes meanwhile moves the others on, so that one may come twice.
        for (const ban of answer.bans) all.set(ban.source, ban);
        from = answer.next;
      }
    });
    if (values.json) printJson([...all.values()]);
    else if (all.size === 0) print("nobody is banned");
    else print(bansRows([...all.values()], Date.now()).join("\n"));
    return 0;
  },
});

const ban = command({
  name: "firewall ban",
  summary: "Bans an address. Trunks, operators and registered phones cannot be banned.",
  usage: "[-c FILE] [--minutes N] [--json] ADDRESS",
  details: `
  --minutes N        how long; without it as long as a ban that was earned, longer each time
${usualHelp}`,
  options: { ...usual, minutes: { type: "string" } },
  positionals: { min: 1, max: 1 },
  async run({ values, positionals: [address] }) {
    const minutes = values.minutes === undefined ? null : Number(values.minutes);
    if (minutes !== null && !(/^[0-9]+$/.test(values.minutes ?? "") && minutes >= 1 && minutes <= 525_600)) {
      throw new GatewayError("usage", "firewall ban: --minutes is a whole number from 1 to 525600");
    }
    const made = (await withGateway(values.config, (ask) => ask("firewall.ban", { address, minutes }))) as Ban;
    if (values.json) printJson(made);
    else print(`${made.source}: banned ${banText(made, Date.now())}`);
    return 0;
  },
});

const release = command({
  name: "firewall release",
  summary: "Ends bans, and what the kernel limits a source by.",
  usage: "[-c FILE] [--json] ADDRESS | --all",
  details: `
  --all              every ban and every limit
${usualHelp}

Ends with 1 when ADDRESS was neither banned nor limited.`,
  options: { ...usual, all: { type: "boolean", default: false } },
  positionals: { min: 0, max: 1 },
  async run({ values, positionals: [address] }) {
    if (values.all === (address !== undefined)) {
      throw new GatewayError("usage", "firewall release: give either an address or --all");
    }
    const params = { address: address ?? null };
    const done = (await withGateway(values.config, (ask) => ask("firewall.release", params))) as { released: number };
    if (values.json) printJson(done);
    else if (values.all) print(`released: ${done.released}`);
    else print(done.released > 0 ? `${address} is released` : `${address} was neither banned nor limited`);
    return done.released > 0 || values.all ? 0 : 1;
  },
});

const refresh = command({
  name: "firewall refresh",
  summary: "Reads the block lists again now.",
  usage: "[-c FILE] [--json] [LIST]",
  details: `
  LIST               apiban, or a name of firewall.blockLists; without it all of them
${usualHelp}

Ends with 1 when one of them cannot be had; what it held before is kept.`,
  options: usual,
  positionals: { min: 0, max: 1 },
  async run({ values, positionals: [list] }) {
    const params = { list: list ?? null };
    const outcomes = (await withGateway(values.config, (ask) => ask("firewall.refresh", params))) as RefreshOutcome[];
    if (values.json) printJson(outcomes);
    else if (outcomes.length === 0) print("there are no block lists");
    else print(outcomes.map(refreshText).join("\n"));
    return outcomes.every(({ ok }) => ok) ? 0 : 1;
  },
});

const explain = command({
  name: "firewall explain",
  summary: "Tells what becomes of SIP from an address, and by which entry, list or ban.",
  usage: "[-c FILE] [--json] ADDRESS",
  details: usualHelp,
  options: usual,
  positionals: { min: 1, max: 1 },
  async run({ values, positionals: [address] }) {
    const found = await withGateway(values.config, (ask) => ask("firewall.explain", { address }));
    if (values.json) printJson(found);
    else print(explanationText(found as Explanation, Date.now()));
    return 0;
  },
});

const parts: Readonly<Record<string, Command>> = {
  status,
  confirm,
  bans,
  ban,
  release,
  refresh,
  explain,
  render: firewallRender,
  static: firewallStatic,
};

const summary = "Shows and works the firewall of a running gateway.";
const help = `Usage: paxgate firewall [COMMAND] [OPTION...]

${summary}

Commands (without one: status):
${Object.entries(parts)
  .map(([name, part]) => `  ${name.padEnd(10)} ${part.summary}`)
  .join("\n")}

paxgate firewall COMMAND --help tells what a command takes.
`;

export const firewall: Command = {
  name: "firewall",
  summary,
  help,
  async run([first, ...rest]) {
    if (first === "--help" || first === "-h" || first === "help") {
      process.stdout.write(help);
      return 0;
    }
    if (first === undefined) return status.run([]);
    if (first.startsWith("-")) return status.run([first, ...rest]);
    const part = Object.hasOwn(parts, first) ? parts[first] : undefined;
    if (part === undefined) throw new GatewayError("usage", `firewall: there is no command "${first}"\n\n${help}`);
    return part.run(rest);
  },
};
