import type { Edge, LineInput } from "../line/port.ts";

/**
 * What the libgpiod tools print, and the judgement whether edges were lost. Pure.
 *
 * The kernel keeps 16 edges for every requested line and throws away the *oldest* when nobody fetches them; gpiomon
 * says nothing of it. So a train is in doubt when so many edges were waiting at once that the kernel's store may have
 * overflowed. An edge that repeats the level before it is passed on where trains are decoded: the kernel reads the level
 * when it serves the interrupt, so a contact that bounces faster than that gives such edges and loses nothing. The
 * decoder, which knows both stamps and what follows, tells that from a lost edge.
 */

/** Edges that the kernel keeps for each requested line (gpiolib's default). */
export const KERNEL_EDGES_PER_LINE = 16;

/** What we have gpiomon print for an edge: offset, 1 (rising) or 2 (falling), CLOCK_MONOTONIC in seconds. */
export const GPIOMON_FORMAT = "%o %e %S";

/** One edge as gpiomon reports it. */
export interface GpioEvent {
  readonly offset: number;
  readonly active: boolean;
  readonly atMs: number;
}

/** Reads one line in `GPIOMON_FORMAT`. Null for anything else: nothing is guessed. */
export function parseGpiomonLine(text: string): GpioEvent | null {
  const found = /^(\d{1,5}) ([12]) (\d{1,10})\.(\d{9})$/.exec(text);
  if (found === null) return null;
  const [, offset, type, seconds, nanoseconds] = found;
  return { offset: Number(offset), active: type === "1", atMs: Number(seconds) * 1e3 + Number(nanoseconds) / 1e6 };
}

/** gpiomon's line on having taken the inputs: from then on no edge is missed. */
export function isGpiomonBanner(text: string): boolean {
  return /^Monitoring lines? .*\.\.\.$/.test(text);
}

/** The version that a libgpiod tool prints, or null. */
export function parseToolVersion(text: string): { readonly major: number; readonly minor: number } | null {
  const found = /\bv(\d+)\.(\d+)/.exec(text);
  return found === null ? null : { major: Number(found[1]), minor: Number(found[2]) };
}

/** How an input is named in the configuration: `CHIP-LABEL:OFFSET`, or else a line's name. */
export type GpioName =
  | { readonly kind: "offset"; readonly label: string; readonly offset: number }
  | { readonly kind: "name"; readonly name: string };

export function parseGpioName(text: string): GpioName {
  const found = /^(.+):(\d{1,5})$/.exec(text);
  if (found === null) return { kind: "name", name: text };
  return { kind: "offset", label: found[1] ?? "", offset: Number(found[2]) };
}

/** A line's place: the chip's device name (`gpiochip0`) and the offset on it. */
export interface GpioPlace {
  readonly chip: string;
  readonly offset: number;
}

/** Chips by label, from gpiodetect: `gpiochip0 [pinctrl-bcm2711] (58 lines)`. Labels need not be unique. */
export function parseGpiodetect(text: string): { chip: string; label: string; lines: number }[] {
  return [...text.matchAll(/^(\S+) \[(.*)\] \((\d+) lines?\)$/gm)].map(([, chip = "", label = "", lines]) => ({
    chip,
    label,
    lines: Number(lines),
  }));
}

/** Places by line name, from `gpioinfo NAME ...`: `gpiochip0 17⇥"GPIO17"  ⇥input`. Names need not be unique. */
export function parseGpioinfo(text: string): { name: string; place: GpioPlace }[] {
  return [...text.matchAll(/^(\S+) (\d+)\t"([^"\n]*)"/gm)].map(([, chip = "", offset, name = ""]) => ({
    name,
    place: { chip, offset: Number(offset) },
  }));
}

/** Levels from `gpioget --numeric`, in the order asked for. Null when it is not so many zeros and ones. */
export function parseGpioget(text: string, count: number): boolean[] | null {
  const levels = text.trim().split(/\s+/);
  if (levels.length !== count || levels.some((level) => level !== "0" && level !== "1")) return null;
  return levels.map((level) => level === "1");
}

/** What is known of the inputs that one gpiomon watches. Changed in place. */
export interface GpioTrack {
  readonly capacity: number;
  readonly inputs: Map<number, TrackedInput>;
  /** The run of edges that were waiting together: when its first was delivered, and how many it has. */
  runDeliveredMs: number;
  run: number;
}

interface TrackedInput {
  readonly input: LineInput;
  level: boolean;
  lastMs: number;
}

export interface GpioInput {
  readonly input: LineInput;
  readonly offset: number;
  readonly level: boolean;
}

export function newGpioTrack(inputs: readonly GpioInput[]): GpioTrack {
  return {
    capacity: KERNEL_EDGES_PER_LINE * inputs.length,
    inputs: new Map(
      inputs.map(({ input, offset, level }) => [offset, { input, level, lastMs: Number.NEGATIVE_INFINITY }]),
    ),
    runDeliveredMs: Number.NEGATIVE_INFINITY,
    run: 0,
  };
}

/** Why edges may have been lost. */
export type GpioDoubt = "overflow" | "restart";

export interface Tracked {
  readonly edges: readonly Edge[];
  readonly doubt: GpioDoubt | null;
}

/**
 * Takes an edge that was delivered at `nowMs`. Null when it cannot be: an input that was not asked for, or a time that
 * runs backwards; then the monitor is not to be trusted any more.
 */
export function trackEvent(track: GpioTrack, event: GpioEvent, nowMs: number): Tracked | null {
  const tracked = track.inputs.get(event.offset);
  if (tracked === undefined || event.atMs < tracked.lastMs) return null;
  // Whatever happened before the first of a run was delivered lay in the kernel's store together with it.
  if (event.atMs <= track.runDeliveredMs) {
    track.run++;
  } else {
    track.run = 1;
    track.runDeliveredMs = nowMs;
  }
  let doubt: GpioDoubt | null = null;
  const edges: Edge[] = [];
  if (track.run === track.capacity) {
    doubt = "overflow";
    edges.push(...doubtEdges(track));
  }
  // Inputs without trains have levels only, and a level that is repeated says nothing.
  if (tracked.level !== event.active || tracked.input === "loop") {
    edges.push({ input: tracked.input, active: event.active, atMs: event.atMs });
  }
  tracked.level = event.active;
  tracked.lastMs = event.atMs;
  return { edges, doubt };
}

/** After a gap: the levels as they were read at `nowMs`. What changed becomes an edge, what is in doubt is said. */
export function trackLevels(track: GpioTrack, levels: ReadonlyMap<number, boolean>, nowMs: number): Tracked {
  const edges = doubtEdges(track);
  for (const [offset, tracked] of track.inputs) {
    const level = levels.get(offset) ?? tracked.level;
    if (level === tracked.level) continue;
    tracked.level = level;
    tracked.lastMs = Math.max(nowMs, tracked.lastMs);
    edges.push({ input: tracked.input, active: level, atMs: tracked.lastMs });
  }
  track.run = 0;
  track.runDeliveredMs = Number.NEGATIVE_INFINITY;
  return { edges, doubt: "restart" };
}

/** How much before the last edge a doubtful one is dated, ms. */
const BEFORE_MS = 1;

/**
 * Tells the decoder that edges may be missing: an edge of the loop that changes nothing, dated before the last one. It
 * takes that as coming too late (`late-edges`): a digit in the making, or a digit that may have been lost whole, is an
 * error and never a guess. On an idle line it means nothing. Other inputs carry no trains.
 */
function doubtEdges(track: GpioTrack): Edge[] {
  return [...track.inputs.values()]
    .filter(({ input, lastMs }) => input === "loop" && Number.isFinite(lastMs))
    .map(({ input, level, lastMs }) => ({ input, active: level, atMs: lastMs - BEFORE_MS }));
}
