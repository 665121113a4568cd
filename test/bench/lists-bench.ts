import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Finding, Goal } from "../../src/app/bench/finding.ts";
import { residentMb } from "../../src/app/bench/process-usage.ts";
import { temporaryDirectory } from "../integration/support/asterisk.ts";
import { FloodTool } from "../integration/support/flood.ts";
import { blockText } from "./block-text.ts";
import { GuardedGateway } from "./guarded-gateway.ts";
import { startMs } from "./idle-bench.ts";
import { MeasuredNft } from "./measured-nft.ts";

const ADDRESSES = 100_000;
const NETWORKS = 5_000;
/** In the event's range, and in every list; and one that is in none. */
const DENIED = "10.42.7.7";
const ALLOWED = "10.42.0.5";
const PER_SECOND = 2_000;
const LIMIT_MS = 60_000;
/** Lists come minutes apart; meanwhile the gateway collects its garbage, every five seconds while nobody talks. */
const SETTLE_MS = 6_000;
const MEMORY: Goal = { most: 90, of: "worst" };
const NONE: Goal = { most: 0, of: "worst" };

/** Long lists loaded, and replaced while packets arrive, by the whole gateway. */
export async function benchLists(): Promise<Finding[]> {
  const directory = await temporaryDirectory();
  const nft = new MeasuredNft();
  const tool = new FloodTool();
  const file = join(directory.path, "blocked.txt");
  await writeFile(file, `${DENIED}\n`);
  const path = process.env["PATH"] ?? "";
  process.env["PATH"] = nft.path(path);
  const firewall = { blockLists: [{ name: "long", file }] };
  const guarded = await GuardedGateway.start({ firewall }).catch(async (error: unknown) => {
    process.env["PATH"] = path;
    await directory.remove();
    throw error;
  });
  try {
    await delay(SETTLE_MS);
    const before = await residentMb(guarded.rig.gatewayPid);
    const load = await replace({ guarded, tool, nft, file, seed: 0 });
    await delay(SETTLE_MS);
    const half = await replace({ guarded, tool, nft, file, seed: 1 });
    await delay(SETTLE_MS);
    const whole = await replace({ guarded, tool, nft, file, seed: 9 });
    await delay(SETTLE_MS);
    const { now, most } = await residentMb(guarded.rig.gatewayPid);
    await guarded.rig.stopGateway();
    const startedMs = await startMs(guarded.rig);
    const again = await residentMb(guarded.rig.gatewayPid);
    const all = [load, half, whole];
    const nftMb = Math.max(...nft.runs().map(({ mostMb }) => mostMb));
    return [
      told("long lists: read and in force, the first time", "ms", load.tookMs),
      told("long lists: read and in force, half replaced", "ms", half.tookMs),
      told("long lists: read and in force, all replaced", "ms", whole.tookMs),
      told("long lists: nft's longest transaction", "ms", Math.max(...all.map(({ nftMs }) => nftMs))),
      { name: "long lists: nft's memory at most", unit: "MB", goal: { most: 160, of: "worst" }, values: [nftMb] },
      told("long lists: gateway's memory before", "MB", before.now),
      told("long lists: gateway's memory at most before", "MB", before.most),
      { name: "long lists: gateway's memory with them", unit: "MB", goal: MEMORY, values: [now] },
      { name: "long lists: gateway's memory at most", unit: "MB", goal: MEMORY, values: [most] },
      sum("long lists: packets of a blocked source let through meanwhile", all, NONE, (each) => each.deniedPassed),
      sum("long lists: packets of a blocked source sent meanwhile", all, null, (each) => each.deniedSent),
      sum("long lists: packets of an allowed source lost meanwhile", all, NONE, (each) => each.allowedLost),
      sum("long lists: packets of an allowed source sent meanwhile", all, null, (each) => each.allowedSent),
      {
        name: "long lists: start → ready with them",
        unit: "ms",
        goal: { most: 3_000, of: "median" },
        values: [startedMs],
      },
      {
        name: "long lists: gateway's memory at most, after that start",
        unit: "MB",
        goal: MEMORY,
        values: [again.most],
      },
    ];
  } finally {
    process.env["PATH"] = path;
    await guarded.stop();
    await tool.remove();
    nft.remove();
    await directory.remove();
  }
}

interface Replacing {
  readonly guarded: GuardedGateway;
  readonly tool: FloodTool;
  readonly nft: MeasuredNft;
  readonly file: string;
  readonly seed: number;
}

interface Replaced {
  readonly tookMs: number;
  readonly nftMs: number;
  readonly deniedSent: number;
  readonly deniedPassed: number;
  readonly allowedSent: number;
  readonly allowedLost: number;
}

/** Writes another list, has it read, and waits until its last entry is in the kernel; packets arrive all the time. */
async function replace({ guarded, tool, nft, file, seed }: Replacing): Promise<Replaced> {
  const { lab, rig } = guarded;
  const { gateway, event } = lab;
  const port = rig.config.sip.rtpPorts.from;
  // Behind the gateway's own rules; a table of another program, which the gateway leaves alone.
  await gateway.run(["nft", "-f", "-"], {
    input: [
      "table inet bench { }",
      "delete table inet bench",
      "table inet bench { chain late { type filter hook input priority 300;",
      `ip saddr ${ALLOWED} udp dport ${port} counter comment "allowed"`,
      `ip saddr ${DENIED} udp dport ${port} counter comment "denied"`,
      "}",
      "}\n",
    ].join("\n"),
  });
  const flood = (source: string) =>
    tool.start({
      ...{ inside: event.inside, target: gateway.address4, port, perSecond: PER_SECOND, source, sourcePort: 4_000 },
      messages: ["\u0080\u0008audio"],
    });
  const [allowed, denied] = [await flood(ALLOWED), await flood(DENIED)];
  const before = nft.runs().length;
  const text = blockText(ADDRESSES, NETWORKS, seed);
  await writeFile(file, `${DENIED}\n${text}`);
  const addresses = text.split("\n").filter((line) => line !== "" && !line.includes("/"));
  const begun = performance.now();
  await guarded.ask("firewall.refresh", { list: "long" });
  await inKernel(guarded, addresses.at(-1) ?? "");
  const tookMs = performance.now() - begun;
  const [allowedReport, deniedReport] = [await allowed.stop(), await denied.stop()];
  const listing = await gateway.run(["nft", "list", "table", "inet", "bench"]);
  const passed = (comment: string) =>
    Number(new RegExp(`packets (\\d+) bytes \\d+ comment "${comment}"`).exec(listing)?.[1] ?? Number.NaN);
  return {
    tookMs,
    nftMs: Math.max(
      ...nft
        .runs()
        .slice(before)
        .map(({ ms }) => ms),
    ),
    deniedSent: deniedReport.sent,
    deniedPassed: passed("denied"),
    allowedSent: allowedReport.sent,
    allowedLost: allowedReport.sent - passed("allowed"),
  };
}

/** nft tells nobody of changes but its monitor, which would print all of them. */
async function inKernel({ lab }: GuardedGateway, address: string): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    const there = await lab.gateway
      .run(["nft", "get", "element", "inet", "paxgate", "blocked4", `{ ${address} }`])
      .then(
        () => true,
        () => false,
      );
    if (there) return;
    if (performance.now() > end) throw new Error("the list did not come into the kernel");
    await delay(10);
  }
}

function told(name: string, unit: string, value: number): Finding {
  return { name, unit, goal: null, values: [value] };
}

function sum(name: string, all: readonly Replaced[], goal: Goal | null, figure: (one: Replaced) => number): Finding {
  return { name, unit: "", goal, values: [all.reduce((total, one) => total + figure(one), 0)] };
}
