import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { systemClock } from "../../base/clock.ts";
import { type Dispose, TypedEmitter } from "../../base/events.ts";
import { parseFromLine, parseToLine, type Wire, WireReader } from "../../sim/port.ts";
import { PulseWatch } from "./pulse-watch.ts";

interface TapEvents {
  /** The gateway has told the line to close or open its loop. */
  loop: [line: string, closed: boolean, atMs: number];
}

/** What passed on one line. */
export class TappedLine {
  readonly pulses = new PulseWatch();
  /** From a frame's arrival at the gateway to the frame that it gives back, ms. */
  readonly turnaroundsMs: number[] = [];
  /** When each of those frames had passed the tap on its way to the gateway, ms. */
  readonly sinceMs: number[] = [];
  /** Frames towards the PAX without any sound. */
  silent = 0;
  /** Frames given to the gateway that it has not answered yet: when. */
  readonly #awaited: number[] = [];

  get unanswered(): number {
    return this.#awaited.length;
  }

  /** Forgets what was counted, not what is awaited. */
  clear(): void {
    this.turnaroundsMs.length = 0;
    this.sinceMs.length = 0;
    this.silent = 0;
  }

  audioSwitched(): void {
    this.#awaited.length = 0;
  }

  toGateway(atMs: number): void {
    this.#awaited.push(atMs);
  }

  fromGateway(frame: Int16Array, atMs: number): void {
    const since = this.#awaited.shift();
    if (since !== undefined) {
      this.turnaroundsMs.push(atMs - since);
      this.sinceMs.push(since);
    }
    if (frame.every((sample) => sample === 0)) this.silent++;
  }
}

/**
 * Stands between the gateway and the simulated PAX, passes everything on and notes when it passed. The gateway sends a
 * frame to Asterisk and gives one back to the line in the same breath, so the time until the frame comes back is an
 * upper bound of its lateness, which the simulator's own jitter does not enter.
 */
export class LineTap {
  readonly lines = new Map<string, TappedLine>();
  readonly #path: string;
  readonly #target: string;
  readonly #events = new TypedEmitter<TapEvents>();
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  /** The gateway connects to `path`, the simulated PAX listens at `target`. */
  constructor(path: string, target: string) {
    this.#path = path;
    this.#target = target;
  }

  onLoop(listener: (...args: TapEvents["loop"]) => void): Dispose {
    return this.#events.on("loop", listener);
  }

  async start(): Promise<void> {
    this.#server = createServer((gateway) => this.#join(gateway)).listen(this.#path);
    await once(this.#server, "listening");
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(gateway: Socket): void {
    const pax = createConnection(this.#target);
    const fromGateway = new WireReader();
    const fromPax = new WireReader();
    let line: TappedLine | null = null;
    let name = "";
    gateway.on("data", (chunk) => {
      const atMs = systemClock.now();
      pax.write(chunk);
      for (const wire of fromGateway.push(chunk)) {
        if (wire.kind === "audio") {
          line?.fromGateway(wire.samples, atMs);
          continue;
        }
        const message = parseToLine(wire.value);
        if (message?.type === "open") {
          name = message.line;
          line = this.lines.get(name) ?? new TappedLine();
          this.lines.set(name, line);
        } else if (message?.type === "audio") line?.audioSwitched();
        else if (message?.type === "set" && message.output === "loop") {
          this.#events.emit("loop", name, message.active, atMs);
        }
      }
    });
    pax.on("data", (chunk) => {
      const atMs = systemClock.now();
      gateway.write(chunk);
      for (const wire of fromPax.push(chunk)) note(line, wire, atMs);
    });
    for (const [one, other] of [
      [gateway, pax],
      [pax, gateway],
    ] as const) {
      this.#sockets.add(one);
      one.on("error", () => undefined);
      one.on("close", () => {
        this.#sockets.delete(one);
        other.end();
      });
    }
  }
}

function note(line: TappedLine | null, wire: Wire, atMs: number): void {
  if (wire.kind === "audio") {
    line?.toGateway(atMs);
    return;
  }
  const message = parseFromLine(wire.value);
  if (message?.type === "edge" && message.input === "loop") line?.pulses.edge(message.active, message.atMs);
}
