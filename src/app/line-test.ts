import type { Clock } from "../base/clock.ts";
import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { PaxProfile } from "../config/pax-profile.ts";
import { encodeDigit, patternDuration } from "../line/encoder.ts";
import { type Finding, judgeEcho, judgeImpulses, judgeSound, type Response, responsesOf } from "../line/line-test.ts";
import { DEAD_MAN_MS, type Edge, FRAME_SAMPLES, type LineInput, type LinePort, REFRESH_MS } from "../line/port.ts";
import { fillTone, renderTone, TONE_LEVEL_DBM0 } from "../line/tones.ts";

export interface LineTestOptions {
  readonly profile: PaxProfile;
  readonly clock: Clock;
  /** Work the relays too: to the exchange it is a call that dials one digit. */
  readonly active: boolean;
  /** How long the inputs are only watched, ms. */
  readonly watchMs: number;
  readonly tell: (finding: Finding) => void;
}

/** How long an input has to answer an output other than the loop, ms (EJ): relays take up to 50. */
const ANSWER_MS = 300;
/** The digit that is sent: long enough to measure, and no tie line's (EJ). */
const DIGIT = 5;
/** How long sound is listened to, and waited for, ms. A USB codec takes up to half a second to start (EJ). */
const LISTEN_MS = 1_000;
const SOUND_LIMIT_MS = 2_500;
const TEST_HZ = 1_000;
/** How much later than promised the dead-man may strike, ms (EJ). */
const DEAD_MAN_SLACK_MS = 250;

/**
 * Tries one line's interface, from the inputs to the sound. Nobody else may use the line meanwhile. If this process is
 * killed, the dead-man opens the line.
 */
export class LineTest {
  readonly #port: LinePort;
  readonly #options: LineTestOptions;
  readonly #findings: Finding[] = [];
  readonly #edges: Edge[] = [];
  #lost: Error | null = null;

  constructor(port: LinePort, options: LineTestOptions) {
    this.#port = port;
    this.#options = options;
  }

  /** Never rejects for the line's sake: what goes wrong is a finding. */
  async run(): Promise<readonly Finding[]> {
    const subscriptions = [
      this.#port.onEdge((edge) => this.#edges.push(edge)),
      this.#port.onLost((error) => {
        this.#lost = error;
      }),
    ];
    try {
      await this.#port.open();
      this.#find({ step: "interface", verdict: "ok", says: "opened, outputs de-energised" });
      await this.#steps();
    } catch (error) {
      this.#find({ step: "interface", verdict: "failed", says: describeError(error) });
    } finally {
      for (const dispose of subscriptions) dispose();
      await this.#port.close();
    }
    return this.#findings;
  }

  async #steps(): Promise<void> {
    const free = await this.#rest();
    await this.#watch();
    await this.#sound();
    if (!this.#options.active) return;
    if (!free) {
      const says = "not worked: the exchange seems to hold the line";
      return this.#find({ step: "outputs", verdict: "failed", says, remedy: "clear the line, and test again" });
    }
    for (const output of ["busy", "reversal"] as const) await this.#simpleOutput(output);
    const witness = await this.#closeLoop();
    if (witness !== null) {
      await this.#impulses(witness);
      await this.#deadMan(witness);
    }
    this.#port.set("loop", false);
    await this.#tone();
  }

  /** Levels while nothing is done. False when the exchange has the line, or it looks so. */
  async #rest(): Promise<boolean> {
    const levels = await this.#port.levels();
    const active = [...levels].filter(([, level]) => level).map(([input]) => input);
    const says = [...levels].map(([input, level]) => `${input} ${level ? "active" : "at rest"}`).join(", ");
    const step = "inputs at rest";
    if (active.length === 0) {
      this.#find({ step, verdict: "ok", says: says === "" ? "there are none" : says });
      return true;
    }
    const remedy = `${active.join(", ")}: has the exchange taken the line? If not, is the input inverted (activeLow), or its pull-up missing?`;
    this.#find({ step, verdict: "warning", says, remedy });
    return !active.includes("loop") && !active.includes("ring");
  }

  async #watch(): Promise<void> {
    const { watchMs } = this.#options;
    if (watchMs === 0) return;
    const from = this.#edges.length;
    await this.#wait(watchMs);
    const counts = [...this.#port.inputs].map((input) => {
      const edges = this.#edges.slice(from).filter((edge) => edge.input === input);
      return [input, edges.length] as const;
    });
    const says = counts.map(([input, count]) => `${input} ${count} ${count === 1 ? "edge" : "edges"}`).join(", ");
    const figures = Object.fromEntries(counts.map(([input, count]) => [`${input}Edges`, count]));
    this.#find({ step: "inputs watched", verdict: "note", says, figures });
  }

  /** Sound while nothing is sent. */
  async #sound(): Promise<void> {
    const heard = await this.#listen(null);
    if (heard === null) {
      const remedy = "is the card's name right (arecord -l), and no other program using it?";
      this.#find({ step: "sound from the line", verdict: "failed", says: "no sound comes", remedy });
    } else {
      this.#find(judgeSound(heard.samples, heard.tookMs));
    }
  }

  async #tone(): Promise<void> {
    const heard = await this.#listen(TEST_HZ);
    if (heard !== null) this.#find(judgeEcho(heard.samples, TEST_HZ, TONE_LEVEL_DBM0));
  }

  async #simpleOutput(output: "busy" | "reversal"): Promise<void> {
    if (!this.#port.outputs.has(output)) return;
    const responses = await this.#set(output, true, ANSWER_MS);
    await this.#set(output, false, ANSWER_MS);
    const says = `energised and released; ${answered(responses)}`;
    this.#find({ step: `output ${output}`, verdict: "note", says, remedy: "the relay should have been heard twice" });
  }

  /** The input that shows our own loop, if there is one. */
  async #closeLoop(): Promise<LineInput | null> {
    const { profile } = this.#options;
    const responses = await this.#set("loop", true, profile.currentTimeoutMs);
    const witness = (["current", "loop"] as const).find((input) => responses.some((one) => one.input === input));
    const step = "output loop";
    if (witness !== undefined) {
      const afterMs = responses.find(({ input }) => input === witness)?.afterMs ?? 0;
      this.#find({ step, verdict: "ok", says: `closed; ${answered(responses)}`, figures: { afterMs } });
      return witness;
    }
    if (this.#port.inputs.has("current")) {
      const remedy =
        "does the exchange feed this pair (battery on one leg, earth on the other)? Is the relay heard? Is the current detector the right way round?";
      const says = `closed, and no current in ${profile.currentTimeoutMs} ms`;
      this.#find({ step, verdict: "failed", says, remedy });
    } else {
      const remedy = "for a measurement, wire the loop output to the loop input while the exchange is disconnected";
      this.#find({ step, verdict: "note", says: "closed; no input of this interface can show it", remedy });
    }
    return null;
  }

  async #impulses(witness: LineInput): Promise<void> {
    const steps = encodeDigit(DIGIT, this.#options.profile);
    const from = this.#edges.length;
    const stop = this.#keepRefreshed();
    this.#port.playPattern(steps);
    await this.#wait(patternDuration(steps) + ANSWER_MS);
    stop();
    const edges = this.#edges.slice(from).filter(({ input }) => input === witness);
    this.#find(judgeImpulses(edges, steps));
  }

  /** Nothing refreshes the loop any more: it has to open by itself. */
  async #deadMan(witness: LineInput): Promise<void> {
    this.#port.set("loop", true);
    const from = this.#options.clock.now();
    await this.#pause(DEAD_MAN_MS + 2 * DEAD_MAN_SLACK_MS);
    const opened = this.#edges.find(({ input, active, atMs }) => input === witness && !active && atMs > from);
    const step = "dead-man";
    // The line has told us that it dropped: that was the purpose.
    this.#lost = null;
    if (opened === undefined || opened.atMs - from > DEAD_MAN_MS + DEAD_MAN_SLACK_MS) {
      const remedy = "a gateway that fails would hold the line: does the output use the kernel's pattern trigger?";
      this.#find({ step, verdict: "failed", says: "the loop stays closed when nobody refreshes it", remedy });
      return;
    }
    const afterMs = Math.round(opened.atMs - from);
    const says = `the loop opens by itself ${afterMs} ms after the last refresh`;
    this.#find({ step, verdict: "ok", says, figures: { afterMs } });
    await this.#port.close();
    await this.#port.open();
  }

  /** Sets an output and answers which inputs changed, with their times. */
  async #set(output: "busy" | "reversal" | "loop", active: boolean, ms: number): Promise<Response[]> {
    const from = this.#edges.length;
    const sinceMs = this.#options.clock.now();
    const stop = this.#keepRefreshed();
    this.#port.set(output, active);
    await this.#wait(ms);
    stop();
    return responsesOf(this.#edges.slice(from), sinceMs);
  }

  #keepRefreshed(): Dispose {
    const { clock } = this.#options;
    let stop: Dispose = () => undefined;
    const again = () => {
      this.#port.refresh();
      stop = clock.at(clock.now() + REFRESH_MS, again);
    };
    stop = clock.at(clock.now() + REFRESH_MS, again);
    return () => stop();
  }

  /** Listens for a while, with a tone sent or not. Null when no sound comes. */
  async #listen(toneHz: number | null): Promise<{ samples: Int16Array; tookMs: number } | null> {
    const { clock } = this.#options;
    const tone = toneHz === null ? null : renderTone(String(toneHz));
    const frames: Int16Array[] = [];
    let position = 0;
    let begun: () => void = () => undefined;
    const first = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const unsubscribe = this.#port.onAudio((frame) => {
      frames.push(frame.slice());
      const out = new Int16Array(FRAME_SAMPLES);
      if (tone !== null) position = fillTone(tone, position, out);
      this.#port.writeAudio(out);
      begun();
    });
    try {
      this.#port.openAudio();
      await Promise.race([first, this.#pause(SOUND_LIMIT_MS)]);
      if (frames.length === 0) return null;
      // The first frames may have waited together, and the tone has a way to go.
      await this.#wait(LISTEN_MS / 2);
      frames.length = 0;
      const from = clock.now();
      await this.#wait(LISTEN_MS);
      const tookMs = clock.now() - from;
      const samples = new Int16Array(frames.length * FRAME_SAMPLES);
      for (const [at, frame] of frames.entries()) samples.set(frame, at * FRAME_SAMPLES);
      return { samples, tookMs };
    } finally {
      unsubscribe();
      this.#port.closeAudio();
    }
  }

  #pause(ms: number): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      clock.at(clock.now() + ms, resolve);
    });
  }

  /** The same while the line has to be there. */
  async #wait(ms: number): Promise<void> {
    await this.#pause(ms);
    if (this.#lost !== null) throw this.#lost;
  }

  #find(finding: Finding): void {
    this.#findings.push(finding);
    this.#options.tell(finding);
  }
}

function answered(responses: readonly Response[]): string {
  if (responses.length === 0) return "no input answered";
  return responses.map(({ input, afterMs }) => `${input} answered after ${afterMs.toFixed(1)} ms`).join(", ");
}
