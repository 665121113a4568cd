import { readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { stringify } from "yaml";
import { GatewayError } from "../../base/errors.ts";
import { JsonLinesClient } from "../../base/json-lines.ts";
import { findAsterisk } from "../../drivers/asterisk-files.ts";
import { SimClient } from "../../sim/client.ts";
import { directoriesBelow } from "../../sip/model.ts";
import { endLeftOverAsterisk } from "../left-over-asterisk.ts";
import { SIM_HARDWARE_SOCKET } from "../line-ports.ts";
import { PAX_CONTROL_SOCKET } from "../simulated-pax.ts";
import { type GatewayView, STATUS_SOCKET } from "../status-server.ts";
import { Child } from "./child.ts";
import { freeTcpPort, freeUdpPort } from "./free-ports.ts";
import { LineTap } from "./line-tap.ts";
import { SipPeer } from "./sip-peer.ts";

const LIMIT_MS = 20_000;
const LOOK_MS = 20;
/** More than a run makes, so that no limit is measured. */
const NO_LIMIT = 10_000;
const RTP_PORTS = 200;

/**
 * The built gateway with its Asterisk and the simulated PAX, each a process of its own, and this process at both ends:
 * on the lines (a tap) and on the trunk (a plain SIP server). Loopback only, with free ports, in a directory of its own.
 */
export class Rehearsal {
  static readonly #running = new Set<Rehearsal>();
  readonly tap: LineTap;
  readonly peer: SipPeer;
  readonly pax: SimClient;
  readonly #directory: string;
  readonly #programs: string;
  readonly #configFile: string;
  readonly #simulator: Child;
  #gateway: Child | null = null;

  private constructor(made: {
    directory: string;
    programs: string;
    simulator: Child;
    tap: LineTap;
    peer: SipPeer;
    pax: SimClient;
  }) {
    this.#directory = made.directory;
    this.#programs = made.programs;
    this.#configFile = join(made.directory, "paxgate.yaml");
    this.#simulator = made.simulator;
    this.tap = made.tap;
    this.peer = made.peer;
    this.pax = made.pax;
  }

  /** For a bench that is broken off: ends whatever was started. */
  static async stopAll(): Promise<void> {
    await Promise.allSettled([...Rehearsal.#running].map((rehearsal) => rehearsal.stop()));
  }

  /** Everything but the gateway. `programs` is the folder of the bundled programs. */
  static async start(programs: string, lines: number): Promise<Rehearsal> {
    const directory = await mkdtemp(join(tmpdir(), "paxgate-bench-"));
    // Asterisk's own user passes through.
    await chmod(directory, 0o755);
    const sipPort = await freeUdpPort();
    const peerPort = await freeUdpPort();
    const input = await configuration(directory, lines, sipPort, peerPort);
    await writeFile(join(directory, "paxgate.yaml"), stringify(input), { mode: 0o600 });
    // The simulated PAX has the same lines and a place of its own, so that the tap fits between.
    const place = join(directory, "pax");
    const paxFile = join(directory, "pax.yaml");
    await writeFile(paxFile, stringify({ ...input, paths: { state: place, runtime: place } }), { mode: 0o600 });
    await mkdir(join(directory, "run"));

    const simulator = new Child([join(programs, "pax-sim.js"), "-c", paxFile]);
    const tap = new LineTap(join(directory, "run", SIM_HARDWARE_SOCKET), join(place, SIM_HARDWARE_SOCKET));
    const peer = new SipPeer(sipPort);
    const pax = new SimClient(join(place, PAX_CONTROL_SOCKET));
    const rehearsal = new Rehearsal({ directory, programs, simulator, tap, peer, pax });
    Rehearsal.#running.add(rehearsal);
    try {
      await peer.start(peerPort);
      await simulator.line("ready", LIMIT_MS);
      await tap.start();
      await pax.connect();
      await pax.setExchange({ registers: 20 });
    } catch (error) {
      await rehearsal.stop();
      throw error;
    }
    return rehearsal;
  }

  /** Starts the gateway. Answers the time from its start until it said that it is ready for calls, ms. */
  async startGateway(): Promise<number> {
    const begun = performance.now();
    const program = join(this.#programs, "paxgate.js");
    const gateway = new Child([program, "run", "-c", this.#configFile, "--log", "json", "--level", "info"]);
    this.#gateway = gateway;
    await gateway.line("ready for calls", LIMIT_MS);
    return performance.now() - begun;
  }

  /** Ends the gateway. After SIGKILL its Asterisk goes on. */
  async endGateway(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await this.#gateway?.end(signal);
    this.#gateway = null;
  }

  get gatewayPid(): number {
    return this.#gateway?.pid ?? 0;
  }

  get asteriskPid(): number {
    return Number(readFileSync(join(this.#directory, "run/asterisk/run/asterisk.pid"), "utf8"));
  }

  get simulatorPid(): number {
    return this.#simulator.pid;
  }

  /** Resolves when no call is left and every line rests. */
  async quiet(): Promise<void> {
    const client = new JsonLinesClient(join(this.#directory, "run", STATUS_SOCKET));
    await client.connect();
    try {
      for (const until = performance.now() + LIMIT_MS; ; await delay(LOOK_MS)) {
        const view = (await client.request("status", null)) as GatewayView;
        if (view.calls.length === 0 && view.lines.every((line) => line.status === "idle")) return;
        if (performance.now() > until) throw new GatewayError("timeout", `not at rest: ${JSON.stringify(view)}`);
      }
    } finally {
      client.close();
    }
  }

  /** Stops and removes everything. */
  async stop(): Promise<void> {
    if (!Rehearsal.#running.delete(this)) return;
    await this.endGateway();
    const at = (path: string) => join(this.#directory, path);
    await endLeftOverAsterisk(directoriesBelow(at("run"), at("state"), findAsterisk().modules));
    this.pax.close();
    await this.tap.stop();
    this.peer.stop();
    await this.#simulator.end();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** Tie lines to the simulated PAX and one trunk to this process. */
async function configuration(directory: string, lines: number, sipPort: number, peerPort: number) {
  // Below the ports that the machine gives out: the SIP port, or anybody's, may be any of those.
  const rtp = 10_000 + 2 * Math.floor(Math.random() * 4_800);
  return {
    lines: Array.from({ length: lines }, (_, at) => ({ name: `tie${at + 1}` })),
    trunks: [
      { name: "event", server: "127.0.0.1", port: peerPort, username: "4100", password: "rehearsal", callLimit: 32 },
    ],
    numberPlan: {
      fromPax: [{ dial: "4XXX", trunk: "event" }],
      toPax: [{ number: "41XX", extension: "XX" }],
    },
    sip: { port: sipPort, bindAddress: "127.0.0.1", rtpPorts: { from: rtp, to: rtp + RTP_PORTS - 1 } },
    limits: { callsPerHourPerLine: NO_LIMIT, callsPerHourPerAccount: NO_LIMIT, callsPerHourPerTrunk: NO_LIMIT },
    firewall: { protect: "none" },
    asterisk: { ariPort: await freeTcpPort(), managerPort: await freeTcpPort() },
    paths: { state: join(directory, "state"), runtime: join(directory, "run") },
  };
}
