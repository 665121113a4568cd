import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { SIM_HARDWARE_SOCKET } from "../../../src/app/line-ports.ts";
import { eventDirectories, eventDrivers, simulatedEventOf } from "../../../src/app/simulated-event.ts";
import { PAX_CONTROL_SOCKET, simulatedPaxOf } from "../../../src/app/simulated-pax.ts";
import { type GatewayView, STATUS_SOCKET } from "../../../src/app/status-server.ts";
import { JsonLinesClient } from "../../../src/base/json-lines.ts";
import { within } from "../../../src/base/lifecycle.ts";
import { silentLog } from "../../../src/base/log.ts";
import { type Config, configSchema } from "../../../src/config/schema.ts";
import { asteriskUser } from "../../../src/drivers/asterisk-files.ts";
import { SimClient } from "../../../src/sim/client.ts";
import { EventNetwork } from "../../../src/sim/event-network.ts";
import type { EventNetworkEvent } from "../../../src/sim/event-types.ts";
import { startPaxSimulator } from "../../../src/sim/server.ts";
import type { TopologyInput } from "../../../src/sim/topology.ts";
import { type ConfigInput, temporaryDirectory } from "./asterisk.ts";
import { freeTcpPort, freeUdpPort } from "./free-port.ts";

/** What `npm run build` made, or another build that is to be tested. */
const PROGRAM = process.env["PAXGATE_PROGRAM"] ?? join(import.meta.dirname, "../../../dist/paxgate.js");
/** Nothing takes so long unless it does not come at all, on however busy a machine. */
const LIMIT_MS = 25_000;

export interface RigOptions {
  /** Number of tie lines; 2 unless told. Ignored when `config` names lines. */
  readonly tieLines?: number;
  /** Number of trunks to the event network, for one call each: 4100, 4101, ... 2 unless told. */
  readonly trunks?: number;
  /** What the configuration is to have besides lines, ports, paths and trunks. */
  readonly config?: ConfigInput;
  /** Changes to the simulated exchange. */
  readonly topology?: (standard: TopologyInput) => TopologyInput;
  /** Calls at the same time through each trunk; the configuration's own default unless told. */
  readonly callLimit?: number;
  /** Network namespace that the gateway and its Asterisk run in; the test's own unless told. */
  readonly namespace?: string;
  /** The gateway is left to the test to start. */
  readonly stopped?: boolean;
  /** Words in front of the gateway's own that take something away from it, such as a capability. */
  readonly through?: readonly string[];
  /** Further options of `paxgate run`. */
  readonly runWith?: readonly string[];
  /** Without the simulated event network, for tests that bring their own SIP peer; the port is then free for it. */
  readonly withoutEvent?: boolean;
}

/** A number plan with one of everything. */
const numberPlan = {
  fromPax: [
    { dial: "4XXX", trunk: "event" },
    { dial: "01", trunk: "event", number: "4123" },
    { dial: "02", service: "echo" },
    { dial: "999", trunk: "event", emergency: true },
  ],
  toPax: [
    { number: "41[2-5]X", extension: "XX" },
    { number: "4199", secondStage: true },
  ],
};

/**
 * A whole rehearsal: the built gateway as a process of its own with the real Asterisk, a simulated PAX and a simulated
 * event network (a second Asterisk), all on loopback with free ports and in a directory of their own.
 */
export class GatewayRig {
  readonly directory: string;
  readonly config: Config;
  readonly configFile: string;
  readonly pax: SimClient;
  readonly event: EventNetwork | null;
  /** The gateway's log since the first start, one record a line. */
  readonly log: Record<string, unknown>[] = [];
  readonly #dispose: (() => Promise<void>)[];
  readonly #logWaiters = new Set<() => void>();
  readonly #startPax: () => Promise<{ close(): Promise<void> }>;
  readonly #inside: readonly string[];
  readonly #runWith: readonly string[];
  #simulator: { close(): Promise<void> };
  #gateway: ChildProcess | null = null;
  /** Where in the log the present gateway begins. */
  #startedAt = 0;

  private constructor(
    made: Pick<GatewayRig, "directory" | "config" | "configFile" | "pax" | "event">,
    startPax: () => Promise<{ close(): Promise<void> }>,
    simulator: { close(): Promise<void> },
    dispose: (() => Promise<void>)[],
    inside: readonly string[],
    runWith: readonly string[],
  ) {
    this.#runWith = runWith;
    this.#inside = inside;
    this.directory = made.directory;
    this.config = made.config;
    this.configFile = made.configFile;
    this.pax = made.pax;
    this.event = made.event;
    this.#startPax = startPax;
    this.#simulator = simulator;
    this.#dispose = dispose;
  }

  /** Makes and starts everything; resolves when calls can be made and the trunks are registered. */
  static async start(options: RigOptions = {}): Promise<GatewayRig> {
    const dispose: (() => Promise<void>)[] = [];
    try {
      const directory = await temporaryDirectory();
      dispose.push(directory.remove);
      const runtime = join(directory.path, "run");
      await mkdir(runtime);
      const eventPort = await freeUdpPort();
      // Below what the event network takes, and below what the machine gives out by itself.
      const rtp = 10_000 + 2 * Math.floor(Math.random() * 4_800);
      const trunk = { server: "127.0.0.1", port: eventPort };
      const input = {
        lines: Array.from({ length: options.tieLines ?? 2 }, (_, at) => ({ name: `tie${at + 1}` })),
        numberPlan,
        trunks: Array.from({ length: options.trunks ?? 2 }, (_, at) => String(4100 + at)).map((username) => ({
          ...trunk,
          name: `t${username}`,
          username,
          password: `pw-${username}`,
          ...(options.callLimit === undefined ? {} : { callLimit: options.callLimit }),
        })),
        // Loopback needs no guard, and this machine's own rules are not ours to change: see the guard's own tests.
        firewall: { protect: "none" },
        // Several gateways may run here; those that are about the status say so.
        web: { enabled: false },
        status: { broker: { enabled: false } },
        ...(options.config ?? {}),
        sip: {
          port: await freeUdpPort(),
          bindAddress: "127.0.0.1",
          rtpPorts: { from: rtp, to: rtp + 199 },
          ...((options.config as { sip?: object } | undefined)?.sip ?? {}),
        },
        asterisk: { ariPort: await freeTcpPort(), managerPort: await freeTcpPort() },
        paths: { state: join(directory.path, "state"), runtime },
      };
      const config = configSchema.parse(input);
      const configFile = join(directory.path, "paxgate.yaml");
      await writeFile(configFile, stringify(input), { mode: 0o600 });

      const standard = simulatedPaxOf(config);
      const control = join(runtime, PAX_CONTROL_SOCKET);
      const startPax = () =>
        startPaxSimulator({
          hardwareSocket: join(runtime, SIM_HARDWARE_SOCKET),
          controlSocket: control,
          topology: options.topology?.(standard) ?? standard,
        });
      const simulator = await startPax();
      dispose.push(() => simulator.close());
      const pax = new SimClient(control);
      await pax.connect();
      dispose.push(async () => pax.close());

      let event: EventNetwork | null = null;
      if (options.withoutEvent !== true) {
        const passwords = new Map(config.trunks.map(({ name, password }) => [name, String(password)]));
        const drivers = eventDrivers(eventDirectories(config), await asteriskUser(), silentLog);
        event = new EventNetwork(simulatedEventOf(config, passwords), drivers, silentLog);
        const network = event;
        dispose.push(() => network.stop());
        await network.start(new AbortController().signal);
      }
      const made = { directory: directory.path, config, configFile, pax, event };
      const inside = options.namespace === undefined ? [] : ["ip", "netns", "exec", options.namespace];
      const words = [...inside, ...(options.through ?? [])];
      const rig = new GatewayRig(made, startPax, simulator, dispose, words, options.runWith ?? []);
      dispose.push(() => rig.stopGateway());
      if (options.stopped !== true) await rig.startGateway();
      return rig;
    } catch (error) {
      for (const undo of dispose.reverse()) await undo();
      throw error;
    }
  }

  /**
   * Starts the gateway (again) and waits until it can make calls, its trunks are registered and its lines idle, or
   * whatever else `fits` wants of them.
   */
  async startGateway(fits = (view: GatewayView) => view.lines.every((line) => line.status === "idle")): Promise<void> {
    const run = [
      PROGRAM,
      "run",
      "-c",
      this.configFile,
      "--last-good",
      this.lastGood,
      "--log",
      "json",
      ...this.#runWith,
    ];
    const [program = process.execPath, ...args] = [...this.#inside, process.execPath, ...run, "--level", "debug"];
    // \`ip\` becomes the gateway: the process number is the gateway's own.
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#gateway = child;
    this.#startedAt = this.log.length;
    let rest = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.log.push(parseRecord(line));
      for (const look of [...this.#logWaiters]) look();
    });
    const from = this.log.length;
    const died = once(child, "exit").then(([code]) => {
      throw new Error(`the gateway ended with ${code}: ${JSON.stringify(this.log.slice(-5))}`);
    });
    died.catch(() => undefined);
    const ready = async () => {
      await this.logged((record) => record["msg"] === "ready for calls", from);
      await this.until(fits);
      for (const { username } of this.event === null ? [] : this.config.trunks) {
        while (!(await this.event?.registered(username))) await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await within(LIMIT_MS, Promise.race([ready(), died]), "the gateway was not ready");
  }

  /** Stops the gateway as systemd would, and waits for its end. */
  async stopGateway(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.#gateway;
    this.#gateway = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await within(LIMIT_MS, gone, "the gateway did not end");
  }

  /** The simulated PAX goes, as a line card does that is pulled out. `pax` is of no use until it is back. */
  async stopPax(): Promise<void> {
    this.pax.close();
    await this.#simulator.close();
  }

  /** The simulated PAX comes back, with every telephone on its hook. */
  async startPax(): Promise<void> {
    const simulator = await this.#startPax();
    this.#simulator = simulator;
    this.#dispose.push(() => simulator.close());
    await this.pax.connect();
  }

  /** Where the gateway keeps its last good configuration. */
  get lastGood(): string {
    return join(this.directory, "last-good.yaml");
  }

  /** Process id of the gateway; 0 when it was stopped. */
  get gatewayPid(): number {
    return this.#gateway?.pid ?? 0;
  }

  /** Process id of the gateway's Asterisk. */
  get asteriskPid(): number {
    const file = join(this.config.paths.runtime, "asterisk/run/asterisk.pid");
    return existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  }

  /** The first log record from `from` on that fits. */
  logged(
    fits: (record: Record<string, unknown>) => boolean,
    from = 0,
    ms = LIMIT_MS,
  ): Promise<Record<string, unknown>> {
    const find = () => this.log.slice(from).find(fits);
    return this.#logHolds(() => find() !== undefined, ms).then(() => find() as Record<string, unknown>);
  }

  /** Waits until this is true of the log of the gateway that runs. */
  #logHolds(holds: (records: readonly Record<string, unknown>[]) => boolean, ms = LIMIT_MS): Promise<void> {
    const held = new Promise<void>((resolve) => {
      const look = () => {
        if (!holds(this.log.slice(this.#startedAt))) return;
        this.#logWaiters.delete(look);
        resolve();
      };
      this.#logWaiters.add(look);
      look();
    });
    return within(ms, held, "the gateway did not log what was awaited");
  }

  /** What `paxgate lines --json` shows. */
  async status(): Promise<GatewayView> {
    const client = new JsonLinesClient(join(this.config.paths.runtime, STATUS_SOCKET));
    await client.connect();
    try {
      return (await client.request("status", null)) as GatewayView;
    } finally {
      client.close();
    }
  }

  /** Looks at the gateway's state until it fits. */
  async until(fits: (view: GatewayView) => boolean, ms = LIMIT_MS): Promise<GatewayView> {
    const end = performance.now() + ms;
    for (;;) {
      const view = await this.status();
      if (fits(view)) return view;
      if (performance.now() > end) throw new Error(`the gateway's state did not come: ${JSON.stringify(view)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Every line idle, no call: nothing was left behind, and the log has told so. */
  async quiet(ms = LIMIT_MS): Promise<GatewayView> {
    const idle = (line: { readonly status: string }) => line.status === "idle";
    const view = await this.until(({ calls, lines }) => calls.length === 0 && lines.every(idle), ms);
    // The log takes another way than the answer, and comes later on a busy machine.
    for (const { name } of view.lines) {
      await this.#logHolds((records) => {
        const told = records.findLast(({ msg, line }) => line === name && String(msg).startsWith("line "));
        return told === undefined || told["status"] === "idle";
      });
    }
    return view;
  }

  /** Output of a command of the gateway's Asterisk. */
  async asterisk(command: string): Promise<string> {
    const file = join(this.config.paths.runtime, "asterisk/etc/asterisk.conf");
    const { stdout } = await promisify(execFile)("/usr/sbin/asterisk", ["-C", file, "-rx", command]);
    return stdout;
  }

  /** The next event of this kind (that fits) of the event network from now on. */
  eventOf<T extends EventNetworkEvent["type"]>(
    type: T,
    ms = LIMIT_MS,
    fits: (event: Extract<EventNetworkEvent, { type: T }>) => boolean = () => true,
  ): Promise<Extract<EventNetworkEvent, { type: T }>> {
    const network = this.event;
    if (network === null) throw new Error("this rig has no event network");
    let dispose: () => void = () => undefined;
    const next = new Promise<Extract<EventNetworkEvent, { type: T }>>((resolve) => {
      dispose = network.onEvent((event) => {
        if (event.type !== type) return;
        const found = event as Extract<EventNetworkEvent, { type: T }>;
        if (fits(found)) resolve(found);
      });
    });
    const found = within(ms, next, `no ${type} event of the event network`).finally(dispose);
    // A test that has failed already awaits it no more.
    found.catch(() => undefined);
    return found;
  }

  /** Stops and removes everything. */
  async stop(): Promise<void> {
    for (const undo of this.#dispose.splice(0).reverse()) await undo();
  }
}

function parseRecord(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return { msg: line };
  }
}
