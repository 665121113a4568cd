import { type Clock, systemClock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { type Log, silentLog } from "../base/log.ts";
import {
  type Edge,
  type LineInput,
  type LineOutput,
  type LinePort,
  lineInputs,
  lineOutputs,
  type PatternStep,
} from "../line/port.ts";
import { AlsaAudio } from "./alsa-audio.ts";
import { type GpioTools, systemTools } from "./gpio-child.ts";
import { checkGpiomon, findInputs, type GpioWiring } from "./gpio-places.ts";
import { Gpiomon } from "./gpiomon.ts";
import { LedOutput, type WriteAttribute } from "./led-pattern.ts";

export interface GpioLineOptions {
  readonly clock?: Clock;
  /** The helper programs, and where the kernel shows its LEDs: for tests. */
  readonly tools?: Partial<GpioTools>;
  readonly ledRoot?: string;
  readonly writeAttribute?: WriteAttribute;
  readonly cardsFile?: string;
}

interface GpioLineEvents {
  edge: [edge: Edge];
  lost: [error: Error];
  audio: [frame: Int16Array];
}

/**
 * A line on real hardware: inputs through gpiomon, outputs as LEDs with the kernel's `pattern` trigger, audio through
 * ALSA. When any part of it is lost everything is de-energised and let go, `onLost` is told once, and the line may be
 * opened again.
 *
 * What the dead-man does to an output that was not refreshed in time depends on the output. The loop's falling has released
 * the call: the line is lost, opened anew, and the loop never closes again by itself. Back-busy and reversal hold no call:
 * they are set again, and the line stays in service.
 *
 * Where edges may have been lost, the loop gets an edge that changes nothing and is dated before the last one: the one
 * exception to edges coming in order, and what makes the decoder report the digit as an error.
 */
export class GpioLine implements LinePort {
  readonly name: string;
  readonly inputs: ReadonlySet<LineInput>;
  readonly outputs: ReadonlySet<LineOutput>;
  readonly #gpio: GpioWiring;
  readonly #tools: GpioTools;
  readonly #clock: Clock;
  readonly #events = new TypedEmitter<GpioLineEvents>();
  readonly #log: Log;
  readonly #leds: ReadonlyMap<LineOutput, LedOutput>;
  readonly #audio: AlsaAudio;
  #monitors: readonly Gpiomon[] = [];
  #state: "closed" | "opening" | "open" = "closed";
  /** Counts openings and closings, so that an opening that was overtaken is not believed. */
  #attempt = 0;
  /** Letting go, after a loss, is awaited before the line is opened again. */
  #released: Promise<void> = Promise.resolve();

  constructor(name: string, gpio: GpioWiring, log: Log = silentLog, options: GpioLineOptions = {}) {
    const clock = options.clock ?? systemClock;
    this.name = name;
    this.#gpio = gpio;
    this.#tools = { ...systemTools, ...options.tools };
    this.#clock = clock;
    this.#log = log;
    this.inputs = new Set(lineInputs.filter((input) => gpio.inputs[input] !== undefined));
    this.outputs = new Set(lineOutputs.filter((output) => gpio.outputs[output] !== undefined));
    const led = {
      clock,
      ...(options.ledRoot === undefined ? {} : { root: options.ledRoot }),
      ...(options.writeAttribute === undefined ? {} : { write: options.writeAttribute }),
    };
    this.#leds = new Map(
      lineOutputs.flatMap((output) => {
        const name = gpio.outputs[output];
        return name === undefined
          ? []
          : [[output, new LedOutput(name, { ...led, dropped: (error) => this.#dropped(output, error) })]];
      }),
    );
    this.#audio = new AlsaAudio({
      device: gpio.audio,
      tools: this.#tools,
      clock,
      log,
      onFrame: (frame) => this.#events.emit("audio", frame),
      onLost: (error) => this.#lost(error),
      ...(options.cardsFile === undefined ? {} : { cardsFile: options.cardsFile }),
    });
  }

  /** @throws GatewayError `line-unavailable`: with what is missing and how to get it */
  async open(): Promise<void> {
    if (this.#state !== "closed") return;
    this.#state = "opening";
    const attempt = ++this.#attempt;
    await this.#released;
    try {
      // Outputs first: whatever else is missing, they are de-energised then.
      for (const led of this.#leds.values()) await led.open();
      await this.#audio.check();
      if (this.inputs.size > 0) await this.#watchInputs(attempt);
      this.#stillOpening(attempt);
      this.#state = "open";
    } catch (cause) {
      if (attempt === this.#attempt) await this.close();
      if (cause instanceof GatewayError && cause.code === "line-unavailable") {
        throw new GatewayError("line-unavailable", `${this.name}: ${cause.message}`, { cause: cause.cause });
      }
      throw new GatewayError("line-unavailable", `${this.name} cannot be opened`, { cause });
    }
  }

  async close(): Promise<void> {
    this.#state = "closed";
    this.#attempt++;
    for (const led of this.#leds.values()) led.close();
    const monitors = this.#monitors;
    this.#monitors = [];
    this.#released = Promise.all([this.#released, this.#audio.close(), ...monitors.map((m) => m.stop())]).then(
      () => undefined,
    );
    await this.#released;
  }

  onEdge(listener: (edge: Edge) => void): Dispose {
    return this.#events.on("edge", listener);
  }

  onLost(listener: (error: Error) => void): Dispose {
    return this.#events.on("lost", listener);
  }

  /**
   * Asked for regularly, so that the sound card is looked for here too: between calls nothing else would miss it.
   *
   * @throws GatewayError `line-unavailable` when the line is not open
   */
  async levels(): Promise<ReadonlyMap<LineInput, boolean>> {
    if (this.#state === "open") {
      const attempt = this.#attempt;
      await this.#audio.look().catch((error: GatewayError) => {
        if (attempt === this.#attempt) this.#lost(error);
      });
    }
    const levels = await Promise.all(this.#monitors.map((monitor) => monitor.levels()));
    if (this.#state !== "open") throw new GatewayError("line-unavailable", `${this.name} is not open`);
    return new Map(levels.flatMap((some) => [...some].map(([input, level]) => [input, this.#isActive(input, level)])));
  }

  #isActive(input: LineInput, level: boolean): boolean {
    return level !== (this.#gpio.activeLow?.includes(input) ?? false);
  }

  /** A line that is not open takes no orders: its outputs are de-energised, and `onLost` has told it. */
  set(output: LineOutput, active: boolean): void {
    if (this.#state === "open") this.#leds.get(output)?.set(active);
  }

  /** @throws GatewayError `pattern-too-long`: more impulses without a pause than any digit has */
  playPattern(steps: readonly PatternStep[]): void {
    if (this.#state === "open") this.#leds.get("loop")?.play(steps);
  }

  refresh(): void {
    if (this.#state !== "open") return;
    for (const led of this.#leds.values()) led.refresh();
  }

  openAudio(): void {
    if (this.#state === "open") this.#audio.open();
  }

  closeAudio(): void {
    this.#audio.close().catch(() => undefined);
  }

  onAudio(listener: (frame: Int16Array) => void): Dispose {
    return this.#events.on("audio", listener);
  }

  writeAudio(frame: Int16Array): void {
    this.#audio.write(frame);
  }

  async #watchInputs(attempt: number): Promise<void> {
    await checkGpiomon(this.#tools);
    for (const [chip, inputs] of await findInputs(this.#gpio.inputs, this.#tools)) {
      this.#stillOpening(attempt);
      const monitor = new Gpiomon({
        chip,
        inputs,
        tools: this.#tools,
        clock: this.#clock,
        log: this.#log,
        onEdge: (edge) => this.#events.emit("edge", { ...edge, active: this.#isActive(edge.input, edge.active) }),
        onLost: (error) => this.#lost(error),
      });
      this.#monitors = [...this.#monitors, monitor];
      await monitor.start();
    }
  }

  #stillOpening(attempt: number): void {
    if (attempt !== this.#attempt) throw new GatewayError("line-unavailable", "closed, or lost, while it was opened");
  }

  /** `LedOutput` takes what has dropped for de-energised, so that setting it starts it anew. */
  #dropped(output: LineOutput, error: GatewayError): void {
    if (error.code !== "line-dropped" || output === "loop" || this.#state !== "open") return this.#lost(error);
    this.#log.warn("an output has dropped and is set again", { line: this.name, output, error: error.message });
    this.#leds.get(output)?.set(true);
  }

  /** What is left is let go: half a line is worse than none. */
  #lost(error: GatewayError): void {
    // `open` sees that its attempt is over, and rejects.
    if (this.#state === "opening") this.close().catch(() => undefined);
    if (this.#state !== "open") return;
    this.#log.error("the line's interface is lost", { line: this.name, error: error.message });
    this.close().catch(() => undefined);
    this.#events.emit("lost", error);
  }
}
