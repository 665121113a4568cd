import { LineSocket } from "./line-socket.ts";
import type { Qmp } from "./qmp.ts";

/** A change of a pin that the machine drives. */
export interface PinEdge {
  readonly pin: number;
  readonly high: boolean;
  /** `performance.now()` when we heard of it. */
  readonly atMs: number;
}

/** Lines of QEMU's pl061. */
export const PINS = 8;

/**
 * The pins of the machine's GPIO controller (pl061), from outside: the levels of its inputs are put there, the edges of
 * its outputs are seen. By QEMU's qtest protocol, which works beside a running machine.
 */
export class GpioPins {
  readonly #socket: LineSocket;
  readonly #device: string;
  readonly #listeners = new Set<(edge: PinEdge) => void>();
  readonly #levels = new Map<number, boolean>();
  readonly edges: PinEdge[] = [];

  private constructor(socket: LineSocket, device: string) {
    this.#socket = socket;
    this.#device = device;
    socket.onLine((line) => this.#heard(line));
  }

  /** To be opened before the machine runs: QEMU tells only edges after the interception. */
  static async open(path: string, qmp: Qmp): Promise<GpioPins> {
    const socket = await LineSocket.open(path);
    const pins = new GpioPins(socket, await qmp.deviceOfType("pl061"));
    await pins.#do(`irq_intercept_out ${pins.#device}`);
    return pins;
  }

  /** Level of a pin that the machine drives, as far as edges have told. */
  isHigh(pin: number): boolean {
    return this.#levels.get(pin) === true;
  }

  /** Puts the level of an input. */
  async put(pin: number, high: boolean): Promise<void> {
    await this.#do(`set_irq_in ${this.#device} unnamed-gpio-in ${pin} ${high ? 1 : 0}`);
  }

  onEdge(listener: (edge: PinEdge) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#socket.close();
  }

  async #do(command: string): Promise<void> {
    const answer = await this.#socket.ask(command, (line) => /^(OK|FAIL|ERR)/.test(line));
    if (!answer.startsWith("OK")) throw new Error(`QEMU: ${command}: ${answer}`);
  }

  #heard(line: string): void {
    const match = /^IRQ (raise|lower) (\d+)$/.exec(line);
    if (match === null) return;
    const edge = { pin: Number(match[2]), high: match[1] === "raise", atMs: performance.now() };
    // The controller tells every pin's level whenever one of them changes; only changes are edges.
    if (this.#levels.get(edge.pin) === edge.high) return;
    const known = this.#levels.has(edge.pin);
    this.#levels.set(edge.pin, edge.high);
    if (!known && !edge.high) return;
    this.edges.push(edge);
    for (const listener of this.#listeners) listener(edge);
  }
}
