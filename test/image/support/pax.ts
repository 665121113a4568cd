import { join } from "node:path";
import { SimLine } from "../../../src/drivers/sim-line.ts";
import { REFRESH_MS } from "../../../src/line/port.ts";
import { SimClient } from "../../../src/sim/client.ts";
import { startPaxSimulator } from "../../../src/sim/server.ts";
import type { GpioPins } from "./gpio.ts";
import type { Sound } from "./sound.ts";
import { lineWirings } from "./wiring.ts";

/**
 * The simulated exchange, outside the machine: what its lines do is put on the machine's GPIO pins, and what the machine
 * does with its pins is done to the lines. The machine's kernel times its loops and drops them; here its pins are followed.
 */
export class Pax {
  readonly client: SimClient;
  readonly #simulator: { close(): Promise<void> };
  readonly #lines: ReadonlyMap<string, SimLine>;
  #pins: GpioPins | null = null;
  #unplug: (() => void)[] = [];

  private constructor(simulator: { close(): Promise<void> }, client: SimClient, lines: ReadonlyMap<string, SimLine>) {
    this.#simulator = simulator;
    this.client = client;
    this.#lines = lines;
    for (const { line, loopIn, currentIn } of lineWirings) {
      lines.get(line)?.onEdge(({ input, active }) => {
        const pin = input === "loop" ? loopIn : currentIn;
        // A machine that is off takes no edge; what it finds when it is on again is put there by `plug`.
        if (pin !== null) this.#pins?.put(pin, active).catch(() => undefined);
      });
    }
  }

  static async start(directory: string): Promise<Pax> {
    const sockets = { hardwareSocket: join(directory, "pax-hw"), controlSocket: join(directory, "pax-control") };
    const topology = {
      exchange: { tieCodes: { "9": "pax" } },
      // The emulator's interrupts are milliseconds late: contacts that bounce for one would come as edges that were lost.
      lines: lineWirings.map(({ line: name }) => ({ name, type: "tie-line" as const, group: "pax", bounceMs: 0 })),
    };
    const simulator = await startPaxSimulator({ ...sockets, topology });
    const client = new SimClient(sockets.controlSocket);
    await client.connect();
    const lines = new Map(lineWirings.map(({ line }) => [line, new SimLine(line, sockets.hardwareSocket)]));
    for (const line of lines.values()) await line.open();
    return new Pax(simulator, client, lines);
  }

  /** Joins the lines to a machine that has just been switched on. */
  async plug(pins: GpioPins): Promise<void> {
    this.unplug();
    this.#pins = pins;
    for (const { line, loopIn, currentIn, loopOut } of lineWirings) {
      const end = this.#lines.get(line);
      if (end === undefined) continue;
      const levels = await end.levels();
      await pins.put(loopIn, levels.get("loop") === true);
      if (currentIn !== null) await pins.put(currentIn, levels.get("current") === true);
      end.set("loop", pins.isHigh(loopOut));
      const dispose = pins.onEdge(({ pin, high }) => {
        if (pin === loopOut) end.set("loop", high);
      });
      // The simulated interface has a dead-man of its own; here the machine's kernel is to have the last word.
      const timer = setInterval(() => end.refresh(), REFRESH_MS);
      this.#unplug.push(
        dispose,
        () => clearInterval(timer),
        () => end.set("loop", false),
      );
    }
  }

  /** The machine has no power: its loop relays fall off. */
  unplug(): void {
    this.#pins = null;
    for (const undo of this.#unplug.splice(0)) undo();
  }

  /** Joins a line's audio until the returned function is called. */
  joinSound(line: string, make: (onFrame: (frame: Int16Array) => void) => Sound): () => Promise<void> {
    const end = this.#lines.get(line);
    if (end === undefined) throw new Error(`no line ${line}`);
    const sound = make((frame) => end.writeAudio(frame));
    const dispose = end.onAudio((frame) => sound.write(frame));
    end.openAudio();
    return async () => {
      end.closeAudio();
      dispose();
      await sound.stop();
    };
  }

  async close(): Promise<void> {
    this.unplug();
    for (const line of this.#lines.values()) await line.close();
    this.client.close();
    await this.#simulator.close();
  }
}
