import type { Finding } from "../../src/app/bench/finding.ts";
import { median } from "../../src/app/bench/statistics.ts";
import { systemClock } from "../../src/base/clock.ts";
import { formatNetwork } from "../../src/base/ip.ts";
import { silentLog } from "../../src/base/log.ts";
import { configSchema } from "../../src/config/schema.ts";
import { Nft } from "../../src/drivers/nft.ts";
import { ListReader } from "../../src/firewall/block-list.ts";
import { literals, nothingBlocked, policyOf, type RulesState } from "../../src/firewall/model.ts";
import { RulesService } from "../../src/firewall/rules-service.ts";
import type { BlockedSources } from "../../src/firewall/types.ts";
import { FloodTool } from "../integration/support/flood.ts";
import { Lab, type LabHost } from "../integration/support/lab.ts";
import { blockText } from "./block-text.ts";

const RTP = 10_000;
const SIP = 5060;
const ADDRESSES = 100_000;
const NETWORKS = 5_000;
/** Packets of 172 octets, as audio has them. */
const AUDIO = Buffer.concat([Buffer.from([0x80, 8]), Buffer.alloc(170, 0xd5)]);

/**
 * Three hosts side by side. `shut`: drops at the interface, before everything; what a packet costs there is the
 * sender's and the switch's. `empty` and `full` have our rules, with no block list and with a long one.
 */
type Side = "shut" | "empty" | "full";
const sides: readonly Side[] = ["shut", "empty", "full"];

interface Stream {
  readonly name: string;
  readonly source: string;
  readonly sources: number;
  readonly port: number;
  /** Counter that has to have seen every packet; on the sides with rules. */
  readonly counter: string;
  readonly allowed: boolean;
}

const streams: readonly Stream[] = [
  { name: "audio of an allowed source", source: "10.42.0.1", sources: 50, port: RTP, counter: "rtp", allowed: true },
  { name: "audio of a trunk", source: "198.51.100.10", sources: 1, port: RTP, counter: "rtp", allowed: true },
  {
    name: "SIP of a source on no list",
    source: "203.0.113.1",
    sources: 200,
    port: SIP,
    counter: "outside",
    allowed: false,
  },
];
const blocked: Stream = {
  ...{ name: "SIP of a blocked source", source: "20.0.0.0", sources: 1, port: SIP, counter: "blocked", allowed: false },
};

export interface PacketSize {
  readonly rounds: number;
  readonly packets: number;
}

/** What a packet costs with long lists and without, alternately in one run. */
export async function benchPackets({ rounds, packets }: PacketSize): Promise<Finding[]> {
  const lab = await Lab.create();
  const tool = new FloodTool();
  const services: RulesService[] = [];
  try {
    const hosts: Record<Side, LabHost> = {
      shut: await lab.addHost("shut", { segment: "uplink", number: 81 }),
      empty: await lab.addHost("empty", { segment: "uplink", number: 82 }),
      full: await lab.addHost("full", { segment: "uplink", number: 83 }),
    };
    await hosts.shut.run(["nft", "-f", "-"], {
      input: "table netdev bench { chain early { type filter hook ingress device eth0 priority 0; policy drop;\n}\n}\n",
    });
    for (const side of ["empty", "full"] as const) {
      const blockedNow = side === "full" ? listed() : nothingBlocked;
      services.push(await guarded(hosts[side], blockedNow));
      await sink(hosts[side], [RTP, SIP]);
    }
    const findings: Finding[] = [];
    for (const stream of streams)
      findings.push(...(await measure(stream, sides, { lab, tool, hosts, rounds, packets })));
    findings.push(...(await measure(blocked, ["shut", "full"], { lab, tool, hosts, rounds, packets })));
    return findings;
  } finally {
    for (const service of services) await service.leave();
    await tool.remove();
    await lab.remove();
  }
}

interface Place {
  readonly lab: Lab;
  readonly tool: FloodTool;
  readonly hosts: Readonly<Record<Side, LabHost>>;
  readonly rounds: number;
  readonly packets: number;
}

async function measure(
  stream: Stream,
  where: readonly Side[],
  { lab, tool, hosts, rounds, packets }: Place,
): Promise<Finding[]> {
  const ns: Record<Side, number[]> = { shut: [], empty: [], full: [] };
  for (let round = 0; round < rounds; round++) {
    // Another order each time: who comes first meets a colder or a quieter machine.
    for (let at = 0; at < where.length; at++) {
      const side = where[(at + round) % where.length] ?? "shut";
      const before = side === "shut" ? 0 : await counted(hosts[side], stream.counter);
      const flood = await tool.start({
        inside: lab.outside.inside,
        target: hosts[side].address4,
        port: stream.port,
        perSecond: 0,
        packets,
        source: stream.source,
        sources: stream.sources,
        sourcePort: 4_000,
        messages: [stream.port === RTP ? AUDIO : "REGISTER sip:gateway SIP/2.0\r\nCall-ID: ########\r\n\r\n"],
      });
      const { sent, seconds } = await flood.finished;
      ns[side].push((seconds * 1e9) / sent);
      if (side === "shut") continue;
      const seen = (await counted(hosts[side], stream.counter)) - before;
      if (seen < sent * 0.99)
        throw new Error(`${stream.name}: of ${sent} packets only ${seen} were counted as ${stream.counter}`);
    }
  }
  return judge(stream, where, ns);
}

function judge({ name, allowed }: Stream, where: readonly Side[], ns: Readonly<Record<Side, number[]>>): Finding[] {
  const own = (side: Side) => median(ns[side].map((value, at) => value - (ns.shut[at] ?? Number.NaN)));
  const figures = where
    .filter((side) => side !== "shut")
    .map((side): Finding => told(`${name}: from the interface on, ${listsOf(side)}`, "ns", own(side)));
  if (!where.includes("empty")) return figures;
  const whole = median(ns.full.map((value, at) => value / (ns.empty[at] ?? Number.NaN)));
  return [
    ...figures,
    {
      name: `${name}: long lists : none, from the interface on`,
      unit: "",
      goal: allowed ? { most: 1.15, of: "median" } : null,
      values: [own("full") / own("empty")],
    },
    told(`${name}: long lists : none, with sender and switch`, "", whole),
  ];
}

const listsOf = (side: Side) => (side === "full" ? "long lists" : "no lists");

function told(name: string, unit: string, value: number): Finding {
  return { name, unit, goal: null, values: [value] };
}

/** The gateway's rules in this host's namespace, without a gateway. */
async function guarded(host: LabHost, blockedNow: BlockedSources): Promise<RulesService> {
  const policy = policyOf(
    configSchema.parse({
      lines: [{ name: "one" }],
      firewall: { lists: { trunks: ["198.51.100.10"], eventNetwork: ["10.42.0.0/16"] } },
    }),
  );
  if (policy === null) throw new Error("no firewall is configured");
  const { trunks, operators, allowed, management } = policy.lists;
  const state: RulesState = {
    policy,
    lists: {
      trunks: literals(trunks),
      operators: literals(operators),
      allowed: literals(allowed),
      management: literals(management),
      allow: [],
    },
    blocked: blockedNow,
    registered: [],
    gateways: [],
    localUids: [],
    serving: true,
  };
  const nft = new Nft({ command: [...host.inside, "nft"] });
  const service = new RulesService(state, { nft, clock: systemClock }, silentLog);
  await service.start(new AbortController().signal);
  return service;
}

function listed(): BlockedSources {
  const reader = new ListReader(blockText(ADDRESSES, NETWORKS), "operator");
  while (reader.read(10_000));
  const { addresses4, addresses6, networks } = reader.result();
  if (addresses4.length !== ADDRESSES || networks.length !== NETWORKS) throw new Error("the list was not read whole");
  return { addresses4, addresses6, networks: networks.map((network) => formatNetwork(network)) };
}

/** Sockets that take packets and are never read, so that nobody is told that there are none. */
async function sink(host: LabHost, ports: readonly number[]): Promise<void> {
  const script = [
    "import socket, sys, time",
    "held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in sys.argv[1:]]",
    'for one, port in zip(held, sys.argv[1:]): one.bind(("0.0.0.0", int(port)))',
    'print("bound", flush=True)',
    "while True: time.sleep(3600)",
  ];
  const child = host.spawn(["python3", "-c", script.join("\n"), ...ports.map(String)]);
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once("data", () => resolve());
    child.once("exit", () => reject(new Error("the sink has ended")));
  });
}

async function counted(host: LabHost, counter: string): Promise<number> {
  const text = await host.run(["nft", "list", "counter", "inet", "paxgate", counter]);
  return Number(/packets (\d+)/.exec(text)?.[1] ?? Number.NaN);
}
