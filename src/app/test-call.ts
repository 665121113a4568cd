import type { Clock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import type { CallService } from "../calls/service.ts";
import type { LineService } from "../line/service.ts";
import type { LineEvent } from "../line/types.ts";

/** A PAX that is slow to find a line switch gives dial tone within some seconds; after this there is none, ms. */
export const TEST_LIMIT_MS = 8_000;

/** What a test call found. Times are from when our loop closed, ms. */
export interface TestCallResult {
  readonly line: string;
  /** The PAX's dial tone was heard: the line works. */
  readonly dialTone: boolean;
  readonly dialToneMs: number | null;
  /** Until loop current flowed; null when it did not, or where the interface does not measure it. */
  readonly currentMs: number | null;
  /** What is wrong, in words; null when nothing is. */
  readonly fault: string | null;
}

/**
 * Seizes an idle line towards the PAX, waits for its dial tone and releases it: nobody is rung, nobody's call is
 * disturbed. A seizure by the PAX meanwhile wins.
 * @throws GatewayError `unknown-line`, `line-busy` (it is not idle), `line-seized` (the PAX has taken it meanwhile)
 */
export async function testCall(
  line: LineService,
  calls: CallService,
  clock: Clock,
  limitMs = TEST_LIMIT_MS,
): Promise<TestCallResult> {
  const { name } = line;
  const seen: LineEvent[] = [];
  let over: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    over = resolve;
  });
  const unsubscribe = line.onEvent((event) => {
    seen.push(event);
    if (isEnd(event)) over();
  });
  const { status } = line;
  const fromMs = clock.now();
  if (!calls.beginTest(name)) {
    unsubscribe();
    throw new GatewayError("line-busy", `${name} is not idle but ${status}: try again later`);
  }
  const stopTimer = clock.at(fromMs + limitMs, over);
  await ended;
  stopTimer();
  unsubscribe();
  calls.endTest(name);
  return judge(line, fromMs, seen);
}

/** Whether nothing more is to be learned. */
function isEnd(event: LineEvent): boolean {
  if (event.type === "dial-tone") return event.heard;
  return event.type !== "looped" && event.type !== "flash";
}

function judge({ name, measuresCurrent }: LineService, fromMs: number, seen: readonly LineEvent[]): TestCallResult {
  const since = (atMs: number | undefined) => (atMs === undefined ? null : Math.max(0, Math.round(atMs - fromMs)));
  const tone = seen.find((event) => event.type === "dial-tone" && event.heard);
  const looped = seen.find((event) => event.type === "looped");
  const failed = seen.find((event) => event.type === "failed");
  if (seen.some((event) => event.type === "seized") || (failed?.type === "failed" && failed.reason === "glare")) {
    throw new GatewayError("line-seized", `the PAX has taken ${name} meanwhile: try again later`);
  }
  const result = { line: name, currentMs: measuresCurrent ? since(looped?.atMs) : null };
  if (tone !== undefined) return { ...result, dialTone: true, dialToneMs: since(tone.atMs), fault: null };
  const reason = failed?.type === "failed" ? failed.reason : "none";
  return { ...result, dialTone: false, dialToneMs: null, fault: FAULTS[reason] };
}

const FAULTS = {
  glare: "the PAX has taken the line",
  "no-current": "no loop current: is the line connected to the PAX?",
  "not-idle": "the line was taken",
  busy: "busy tone instead of dial tone: the PAX has no free selector, or bars this line",
  unobtainable: "a continuous tone instead of dial tone",
  "no-answer": "no dial tone",
  lost: "the interface is gone",
  none: "no dial tone",
} as const;
