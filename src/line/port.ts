import type { Dispose } from "../base/events.ts";

/**
 * What the line room needs from outside: one line's hardware, and a place for its audio. Implemented by
 * `drivers/gpio` (a real interface) and `drivers/sim-line` (the simulated PAX), behind the same semantics.
 */

/** Inputs, as active/inactive: loop closed by the PAX, ringing current present, loop current flowing, polarity reversed. */
export const lineInputs = ["loop", "ring", "current", "reversal"] as const;
export type LineInput = (typeof lineInputs)[number];

/** Outputs. De-energised (false) means: loop open, normal polarity, line not back-busied. */
export const lineOutputs = ["loop", "reversal", "busy"] as const;
export type LineOutput = (typeof lineOutputs)[number];

/** One change of an input. `atMs` is the kernel's timestamp (CLOCK_MONOTONIC, ms); it may be delivered late. */
export interface Edge {
  readonly input: LineInput;
  readonly active: boolean;
  readonly atMs: number;
}

/**
 * One step of a timed pattern on the loop output. A whole digit is one pattern, handed over in one piece
 * to something that keeps time by itself; see `kernel-gpio` in the reference: the LED class's `hr_pattern`.
 */
export interface PatternStep {
  readonly closed: boolean;
  readonly ms: number;
}

/**
 * How long outputs stay energised after the last `refresh`, ms. The kernel (or the simulator) enforces it (EJ). With the
 * longest digit, a second, it stays below the 2 s in which a dead supervisor's line is to be released.
 */
export const DEAD_MAN_MS = 900;
/**
 * How often a line with energised outputs is refreshed, ms (EJ). Three in a row may be late: a slow processor compiles, collects
 * its garbage, or waits for a page of its program from the card.
 */
export const REFRESH_MS = 200;

/** Sampling rate of line audio, Hz. */
export const SAMPLE_RATE_HZ = 8_000;
/** Samples of one audio frame: 20 ms at 8 kHz. */
export const FRAME_SAMPLES = 160;
/** Duration of one audio frame, ms. */
export const FRAME_MS = 20;

export interface LinePort {
  readonly name: string;
  /** Inputs that this interface has; what is missing is inferred by the line machine. */
  readonly inputs: ReadonlySet<LineInput>;
  readonly outputs: ReadonlySet<LineOutput>;

  /** Opens the hardware with every output de-energised. Rejects when it is not there. */
  open(): Promise<void>;
  /** De-energises every output and lets go. */
  close(): Promise<void>;

  /**
   * Edges in order of time for each input. An edge of `loop` may repeat the level before it: edges between were too
   * quick for the kernel, or were lost; the decoder judges which.
   */
  onEdge(listener: (edge: Edge) => void): Dispose;
  /** The hardware has gone (unplugged, its process died). Outputs de-energise by themselves. */
  onLost(listener: (error: Error) => void): Dispose;
  /** Reads the inputs' levels now. */
  levels(): Promise<ReadonlyMap<LineInput, boolean>>;

  /** Sets an output; for `loop` it also ends a pattern that is running. */
  set(output: LineOutput, active: boolean): void;
  /** Plays the pattern on the loop output, starting at once; afterwards the loop stays closed, under the dead-man. */
  playPattern(steps: readonly PatternStep[]): void;
  /** Restarts the dead-man of energised outputs; does not disturb a running pattern. */
  refresh(): void;

  /** Starts the flow of audio frames; they then come every 20 ms, paced by the line's own clock. */
  openAudio(): void;
  closeAudio(): void;
  /** One frame of 160 samples (16-bit linear, 8 kHz) from the PAX. The listener must not keep it. */
  onAudio(listener: (frame: Int16Array) => void): Dispose;
  /** One frame towards the PAX. */
  writeAudio(frame: Int16Array): void;
}

/**
 * The far end of a line's audio (an RTP leg to Asterisk). Paced by the line: for every frame that comes from the PAX
 * one is sent, and one is taken.
 */
export interface MediaPort {
  send(frame: Int16Array): void;
  /** The next frame from the network, or null when there is none yet. */
  receive(): Int16Array | null;
}
