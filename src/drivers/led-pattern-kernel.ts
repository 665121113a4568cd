import type { Dispose } from "../base/events.ts";
import type { VirtualClock } from "../base/virtual-clock.ts";

/**
 * For tests: the kernel's `pattern` trigger with `hr_pattern`, as it behaves on a gpio-leds LED, in virtual time. It
 * fades where a step was not asked for, repeats for ever where `repeat` was not set, and fails like the original.
 */
export class PatternTrigger {
  readonly #clock: VirtualClock;
  readonly #lateMs: () => number;
  readonly #changed: () => void;
  #tuples: { level: number; ms: number }[] = [];
  #at = 0;
  #next = 1;
  #faded = 0;
  /** Repetitions left; null is for ever, as after the trigger was chosen. */
  #left: number | null = null;
  #timer: Dispose | null = null;
  #dueMs = 0;
  #present = false;
  brightness = 0;
  /** Every change of the line, with its time. */
  readonly edges: { readonly on: boolean; readonly atMs: number }[] = [];

  /** `lateMs` is asked for every expiry of the timer how much later the interrupt comes. */
  constructor(clock: VirtualClock, lateMs: () => number = () => 0, changed: () => void = () => undefined) {
    this.#clock = clock;
    this.#lateMs = lateMs;
    this.#changed = changed;
  }

  /** One write to an attribute. Throws where the kernel would return an error. */
  write(attribute: string, text: string): void {
    switch (attribute) {
      case "trigger":
        this.#cancel();
        this.#put(0);
        this.#present = text.trim() === "pattern";
        this.#tuples = [];
        this.#left = null;
        return;
      case "repeat":
        this.#needTrigger();
        this.#cancel();
        this.#left = Number(text) === -1 ? null : Number(text);
        if (this.#left !== null && !(this.#left > 0)) throw new Error("EINVAL");
        this.#start();
        return;
      case "hr_pattern":
        this.#needTrigger();
        this.#cancel();
        this.#tuples = [];
        this.#tuples = parse(text);
        this.#start();
        return;
      default:
        throw new Error(`a write to ${attribute} is a fault`);
    }
  }

  #needTrigger(): void {
    if (!this.#present) throw new Error("ENOENT");
  }

  #start(): void {
    if (this.#tuples.length === 0) return;
    if (this.#tuples.length < 2) {
      this.#tuples = [];
      throw new Error("EINVAL");
    }
    this.#at = 0;
    this.#next = 1;
    this.#faded = 0;
    this.#dueMs = this.#clock.now();
    const late = this.#lateMs();
    if (late > 0) this.#timer = this.#clock.at(this.#dueMs + late, () => this.#expired());
    else this.#expired();
  }

  #expired(): void {
    while (this.#left !== 0) {
      const now = this.#tuples[this.#at] ?? { level: 0, ms: 0 };
      const next = this.#tuples[this.#next] ?? now;
      if (now.level === next.level) {
        this.#put(now.level);
        const due = this.#dueMs + now.ms;
        if (next.ms === 0) this.#advance();
        this.#advance();
        if (this.#left !== 0) this.#arm(due);
        return;
      }
      if (this.#faded > now.ms) {
        this.#advance();
        continue;
      }
      // Fading with two levels: it rounds down, so it changes only at the far end.
      const share = now.ms < 50 || this.#faded === 0 ? 0 : Math.floor(this.#faded / now.ms);
      this.#put(now.level + (next.level > now.level ? share : -share));
      this.#faded += 50;
      this.#arm(this.#dueMs + 50);
      return;
    }
  }

  #advance(): void {
    this.#at = this.#next;
    if (this.#at === 0 && this.#left !== null) this.#left--;
    this.#next = (this.#next + 1) % this.#tuples.length;
    this.#faded = 0;
  }

  /** The next expiry counts from the one before, not from when its interrupt came: lateness does not add up. */
  #arm(dueMs: number): void {
    this.#dueMs = dueMs;
    this.#timer = this.#clock.at(Math.max(dueMs + this.#lateMs(), this.#clock.now()), () => this.#expired());
  }

  #cancel(): void {
    this.#timer?.();
    this.#timer = null;
  }

  #put(level: number): void {
    if (level > 0 !== this.brightness > 0) this.edges.push({ on: level > 0, atMs: this.#clock.now() });
    const changed = this.brightness !== level;
    this.brightness = level;
    if (changed) this.#changed();
  }
}

function parse(text: string): { level: number; ms: number }[] {
  const numbers = text.trim().split(" ");
  const tuples = [];
  for (let at = 0; at < numbers.length; at += 2) {
    const [level, ms] = [numbers[at] ?? "", numbers[at + 1] ?? ""];
    if (!/^[01]$/.test(level) || !/^\d+$/.test(ms)) throw new Error("EINVAL");
    tuples.push({ level: Number(level), ms: Number(ms) });
  }
  if (tuples.length > 1024 || text.length > 4095) throw new Error("EINVAL");
  return tuples;
}
