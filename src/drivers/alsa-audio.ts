import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import type { Clock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Log } from "../base/log.ts";
import { FRAME_SAMPLES, SAMPLE_RATE_HZ } from "../line/port.ts";
import { encodeFrame, FrameCutter, Playout } from "./alsa-audio-frames.ts";
import { endChild, type GpioTools, RestartBudget, runTool, toolEnvironment } from "./gpio-child.ts";

/**
 * Audio of one line through its ALSA device: arecord paces, aplay plays. Both recover from an overrun or underrun by
 * themselves; what they do not recover from ends them, and they are started again.
 *
 * Invariants:
 * - Nothing old is ever played or passed on: both ways hold a few frames and then leave out.
 * - Nothing is played before something has been recorded, so that playing does not start with a backlog.
 */
export interface AlsaAudioOptions {
  /** ALSA device of the configuration, such as `hw:1,0`. */
  readonly device: string;
  readonly tools: GpioTools;
  readonly clock: Clock;
  readonly log: Log;
  /** A frame from the PAX. It is not used again by us. */
  readonly onFrame: (frame: Int16Array) => void;
  readonly onLost: (error: GatewayError) => void;
  /** Where the kernel lists its sound cards; for tests. */
  readonly cardsFile?: string;
}

const CARDS_FILE = "/proc/asound/cards";
/** Frames that may have waited when we come to them; older ones are left out (100 ms, EJ). */
const WAITING_FRAMES = 5;
/** The device's buffer, in frames: 80 ms. A period is one frame. */
const BUFFER_FRAMES = 4;
/** A recording that gives nothing for so long hangs, ms (EJ): starting a USB codec takes up to half a second. */
const SILENT_LIMIT_MS = 2_000;
/** aplay takes no more although this many bytes wait in us: it hangs. */
const STUCK_BYTES = 32_000;

export class AlsaAudio {
  readonly #options: AlsaAudioOptions;
  #budget = new RestartBudget();
  #recorder: ChildProcess | null = null;
  #player: ChildProcessByStdio<Writable, null, Readable> | null = null;
  #playout = new Playout();
  #open = false;
  /** The sound cards that there were when the device was last found good. */
  #cards: string | null = null;
  #heard = false;
  #heardMs = 0;
  #watchdog: Dispose | null = null;
  /** A device that is still being let go refuses to be opened again. */
  #released: Promise<void> = Promise.resolve();
  /** Frames left out so far, for status. */
  dropped = 0;

  constructor(options: AlsaAudioOptions) {
    this.#options = options;
  }

  /**
   * Records one frame and throws it away: whether the device is there and can do what is asked of it.
   *
   * @throws GatewayError `line-unavailable`: with ALSA's reason and the remedy
   */
  async check(): Promise<void> {
    const { tools } = this.#options;
    await this.#released;
    const cards = this.#readCards();
    // To standard output: arecord deletes a file of the name it is given, were it /dev/null.
    const recorded = await runTool(tools.arecord, [...this.#arguments(), `--samples=${FRAME_SAMPLES}`]);
    if (!recorded.ok) throw this.#error(recorded.missing ? `there is no ${tools.arecord}` : recorded.stderr);
    if ((await runTool(tools.aplay, ["--version"])).missing) throw this.#error(`there is no ${tools.aplay}`);
    this.#cards = cards;
  }

  /**
   * Checks again when a sound card has come or gone, unless sound flows: what flows tells by itself. A card that is
   * pulled out while nobody talks would otherwise be missed first by the next call.
   *
   * @throws GatewayError `line-unavailable`
   */
  async look(): Promise<void> {
    if (this.#open || this.#readCards() === this.#cards) return;
    const checked = this.check();
    // A call that begins meanwhile waits until the device is free again.
    this.#released = checked.catch(() => undefined);
    await checked;
  }

  /** Starts the flow. What goes wrong comes as `onLost`. */
  open(): void {
    if (this.#open) return;
    this.#open = true;
    this.#budget = new RestartBudget();
    const start = () => {
      if (!this.#open || this.#player !== null) return;
      this.#play();
      this.#record();
      this.#watch();
    };
    this.#released.then(start);
  }

  /** Ends the flow and waits until the device is free. */
  async close(): Promise<void> {
    this.#open = false;
    this.#watchdog?.();
    const children = [this.#recorder, this.#player].filter((child) => child !== null);
    this.#recorder = null;
    this.#player = null;
    this.#released = Promise.all([this.#released, ...children.map(endChild)]).then(() => undefined);
    await this.#released;
  }

  /** One frame towards the PAX. Left out when it would come too late. */
  write(frame: Int16Array): void {
    const player = this.#player;
    if (player === null || !this.#heard) return;
    if (!this.#playout.take(this.#options.clock.now())) {
      this.dropped++;
      return;
    }
    player.stdin.write(encodeFrame(frame));
    if (player.stdin.writableLength > STUCK_BYTES) player.kill("SIGKILL");
  }

  #record(): void {
    const { tools, clock, onFrame } = this.#options;
    this.#heard = false;
    this.#heardMs = clock.now();
    const cutter = new FrameCutter();
    const child = this.#spawn(tools.arecord, "pipe", "ignore", (same) => {
      this.#recorder = null;
      if (same) this.#record();
    });
    this.#recorder = child;
    child.stdout?.on("data", (bytes: Buffer) => {
      if (this.#recorder !== child) return;
      this.#heard = true;
      this.#heardMs = clock.now();
      const { frames, dropped } = cutter.push(bytes, WAITING_FRAMES);
      this.dropped += dropped;
      for (const frame of frames) {
        if (this.#recorder === child) onFrame(frame);
      }
    });
  }

  #play(): void {
    this.#playout = new Playout();
    const child = this.#spawn(this.#options.tools.aplay, "ignore", "pipe", (same) => {
      this.#player = null;
      if (same) this.#play();
    }) as ChildProcessByStdio<Writable, null, Readable>;
    // A player that has died is reported by its end.
    child.stdin?.on("error", () => undefined);
    this.#player = child;
  }

  /** `again` is called when it has died: with true when it may be started again. */
  #spawn(program: string, stdout: "pipe" | "ignore", stdin: "pipe" | "ignore", again: (may: boolean) => void) {
    const { device, clock, log } = this.#options;
    const child = spawn(program, this.#arguments(), { stdio: [stdin, stdout, "pipe"], env: toolEnvironment });
    let complaint = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaint = text.trim().slice(-300);
      log.debug("audio", { device, program, says: complaint });
    });
    let ended = false;
    const end = (how: string) => {
      if (ended) return;
      ended = true;
      if (child !== this.#recorder && child !== this.#player) return;
      log.warn("an audio program died", { device, program, how });
      const may = this.#budget.spend(clock.now());
      again(may);
      if (!may) this.#lost(how);
    };
    child.once("error", (error) => end(error.message));
    child.once("close", (code, signal) => end(complaint || (signal ?? `exit code ${code}`)));
    return child;
  }

  /** A recorder that hangs is ended, and so started again. */
  #watch(): void {
    const { clock } = this.#options;
    this.#watchdog = clock.at(clock.now() + SILENT_LIMIT_MS / 2, () => {
      if (clock.now() - this.#heardMs > SILENT_LIMIT_MS) this.#recorder?.kill("SIGKILL");
      this.#watch();
    });
  }

  #readCards(): string {
    try {
      return readFileSync(this.#options.cardsFile ?? CARDS_FILE, "utf8");
    } catch {
      // No card has ever been there, or the kernel knows no sound.
      return "";
    }
  }

  #arguments(): string[] {
    const format = ["-t", "raw", "-f", "S16_LE", "-c", "1", "-r", String(SAMPLE_RATE_HZ)];
    const buffer = [`--period-size=${FRAME_SAMPLES}`, `--buffer-size=${BUFFER_FRAMES * FRAME_SAMPLES}`];
    return ["-q", "-D", this.#options.device, ...format, ...buffer];
  }

  #lost(how: string): void {
    this.close().catch(() => undefined);
    this.#options.onLost(this.#error(how));
  }

  #error(how: string): GatewayError {
    const remedy = "is alsa-utils installed, the device there (arecord -l), and able to do 8 kHz mono (plughw:… is)?";
    return new GatewayError("line-unavailable", `audio ${this.#options.device}: ${how}; ${remedy}`);
  }
}
