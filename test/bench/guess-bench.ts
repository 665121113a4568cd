import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Finding, Goal } from "../../src/app/bench/finding.ts";
import { residentMb } from "../../src/app/bench/process-usage.ts";
import { temporaryDirectory } from "../integration/support/asterisk.ts";
import { Attacker } from "../integration/support/attacker.ts";
import { Lab, type LabHost } from "../integration/support/lab.ts";
import { Fail2ban } from "./fail2ban.ts";
import { GuardedGateway, type GuardedOptions } from "./guarded-gateway.ts";
import { type Attack, guess, nameOf, type Outcome, type Target } from "./guesses.ts";
import { NaiveAsterisk } from "./naive-asterisk.ts";

const STANDARD = 5060;
const OTHER = 5077;

/** What both defences are attacked with. */
const shared: readonly Attack[] = [
  { tool: "svcrack", full: false },
  { tool: "svcrack", full: true },
  { tool: "own", method: "REGISTER", transport: "udp" },
  { tool: "own", method: "INVITE", transport: "udp" },
];
/** What ours is attacked with besides. */
const further: readonly Attack[] = [
  { tool: "own", method: "SUBSCRIBE", transport: "udp" },
  { tool: "own", method: "OPTIONS", transport: "udp" },
  { tool: "own", method: "REGISTER", transport: "udp", blind: true },
  { tool: "own", method: "REGISTER", transport: "udp", perSecond: 20 },
  { tool: "own", method: "REGISTER", transport: "tcp" },
  { tool: "own", method: "INVITE", transport: "tcp" },
  { tool: "mixed" },
];
const oddPort: readonly Attack[] = [{ tool: "svcrack", full: true }];

interface Defence {
  readonly name: string;
  readonly target: Target;
  readonly from: LabHost;
  readonly asteriskPid: number;
  /** All that Asterisk and the defence have written by now, bytes. */
  logBytes(): Promise<number>;
}

interface Attacked extends Outcome {
  readonly attack: Attack;
}

let serial = 0;

/** The same attacks against us and against fail2ban, one after the other. */
export async function benchGuesses(seconds: number): Promise<Finding[]> {
  const attacker = new Attacker();
  try {
    const at = (attacks: readonly Attack[], where: string, options: GuardedOptions, host: "outside" | "event") =>
      againstOurs(attacker, { attacks, where, options, host, seconds });
    const everything = [...shared, ...further];
    return [
      ...(await at(everything, "not allowed", {}, "outside")),
      ...(await at(everything, "allowed range", {}, "event")),
      ...(await at(everything, "open", { mode: "open" }, "outside")),
      ...(await at(oddPort, `allowed range, port ${OTHER}`, { sipPort: OTHER }, "event")),
      ...(await againstFail2ban(attacker, shared, STANDARD, seconds)),
      ...(await againstFail2ban(attacker, oddPort, OTHER, seconds)),
    ];
  } finally {
    attacker.remove();
  }
}

interface Scene {
  readonly attacks: readonly Attack[];
  readonly where: string;
  readonly options: GuardedOptions;
  readonly host: "outside" | "event";
  readonly seconds: number;
}

async function againstOurs(attacker: Attacker, { attacks, where, options, host, seconds }: Scene): Promise<Finding[]> {
  // The scanner filter is off: svcrack would be known by its name, and what it shows is how we count.
  const guarded = await GuardedGateway.start({ ...options, firewall: { scanner: { enabled: false } } });
  try {
    const { rig, lab } = guarded;
    const outcomes = await attackAll(attacker, attacks, seconds, {
      name: `ours, ${where}`,
      target: { host: lab.gateway, port: guarded.sipPort },
      from: lab[host],
      asteriskPid: rig.asteriskPid,
      logBytes: async () =>
        (await bytesBelow(join(rig.config.paths.runtime, "asterisk"))) +
        Buffer.byteLength(rig.log.map((record) => JSON.stringify(record)).join("\n")),
    });
    return [...outcomes.findings, ...judged(`ours, ${where}`, outcomes.all, where === "not allowed")];
  } finally {
    await guarded.stop();
  }
}

async function againstFail2ban(
  attacker: Attacker,
  attacks: readonly Attack[],
  port: number,
  seconds: number,
): Promise<Finding[]> {
  const lab = await Lab.create();
  const directory = await temporaryDirectory();
  const stops: (() => Promise<void>)[] = [() => lab.remove(), directory.remove];
  try {
    const asterisk = await NaiveAsterisk.start(lab.gateway, directory.path, port);
    stops.unshift(() => asterisk.stop());
    const fail2ban = await Fail2ban.start(lab.gateway, join(directory.path, "fail2ban"), asterisk.log);
    stops.unshift(() => fail2ban.stop());
    const name = port === STANDARD ? "fail2ban" : `fail2ban, port ${port}`;
    const { findings } = await attackAll(attacker, attacks, seconds, {
      name,
      target: { host: lab.gateway, port },
      from: lab.outside,
      asteriskPid: asterisk.pid,
      logBytes: async () => (await bytesBelow(asterisk.logDirectory)) + (await stat(fail2ban.log)).size,
    });
    return [...findings, told(`${name}: sources banned, of ${attacks.length}`, "", await fail2ban.banned())];
  } finally {
    for (const stop of stops) await stop();
  }
}

/** Each from an address that nobody has used yet. */
async function attackAll(attacker: Attacker, attacks: readonly Attack[], seconds: number, defence: Defence) {
  const findings: Finding[] = [];
  const all: Attacked[] = [];
  const before = { memory: (await residentMb(defence.asteriskPid)).now, log: await defence.logBytes() };
  for (const attack of attacks) {
    const source = `${defence.from.address4.endsWith(".42") ? "10.42.9" : "203.0.113"}.${1 + (serial++ % 250)}`;
    const outcome = await guess(attacker, attack, { from: defence.from, source, target: defence.target, seconds });
    all.push({ ...outcome, attack });
    if (!shared.includes(attack)) continue;
    const name = `${defence.name}: ${nameOf(attack)}`;
    findings.push(told(`${name}: guesses answered`, "", outcome.guessesAnswered));
    findings.push(told(`${name}: first request → last answer`, "ms", outcome.banMs));
  }
  const memory = (await residentMb(defence.asteriskPid)).now - before.memory;
  findings.push(told(`${defence.name}: Asterisk's memory grew in ${attacks.length} attacks by`, "MB", memory));
  const written = ((await defence.logBytes()) - before.log) / 1e6;
  findings.push(told(`${defence.name}: written to logs meanwhile`, "MB", written));
  return { findings, all };
}

function judged(name: string, outcomes: readonly Attacked[], closed: boolean): Finding[] {
  const most = (figures: readonly number[]) => Math.max(...figures);
  const goal = (limit: number): Goal => ({ most: limit, of: "worst" });
  const guesses = outcomes.map(({ guessesAnswered }) => guessesAnswered);
  const worst = {
    name: `${name}: guesses answered, worst of ${outcomes.length} attacks`,
    unit: "",
    values: [most(guesses)],
  };
  if (closed) {
    const answers = most(outcomes.map((outcome) => outcome.answers));
    return [
      { ...worst, goal: goal(0) },
      { name: `${name}: answers of any kind`, unit: "", goal: goal(0), values: [answers] },
    ];
  }
  // Whoever takes his time between two requests has his few answers as late as he likes.
  const fast = outcomes.filter(
    ({ attack }) => attack.tool === "svcrack" || (attack.tool === "own" && !attack.perSecond),
  );
  const over = outcomes.filter(({ guessesAnswered }) => guessesAnswered > 3);
  return [
    { ...worst, goal: goal(3) },
    ...over.map(({ attack, guessesAnswered }) =>
      told(`${name}: over the goal: ${nameOf(attack)}`, "", guessesAnswered),
    ),
    {
      name: `${name}: first request → last answer, worst`,
      unit: "ms",
      goal: { most: 50, of: "median" },
      values: [most(fast.map(({ banMs }) => banMs))],
    },
  ];
}

function told(name: string, unit: string, value: number): Finding {
  return { name, unit, goal: null, values: [value] };
}

/** Size of all files below; 0 when there is no such directory. */
async function bytesBelow(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => [])) {
    if (!entry.isFile()) continue;
    bytes += await stat(join(entry.parentPath ?? entry.path, entry.name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}
