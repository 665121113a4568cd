import type { CallEvent, CallStatus, CallsStatus, LineStatusPayload } from "./schema.ts";

/** Calls under way at one time; more than any gateway's lines. */
const MOST_ACTIVE = 64;
const MOST_RECENT = 20;
/** Of these, so many may be refused ones: a stranger who tries numbers must not hide the real calls. */
const MOST_REFUSED = 5;
const LONGEST_NUMBER = 64;
const LONGEST_REASON = 1_000;

/** What happened to a call, as the calls room reports it. */
export type Report =
  | {
      readonly type: "begun";
      readonly call: string;
      readonly direction: CallStatus["direction"];
      readonly line: string | null;
      readonly number: string;
      readonly caller: string;
    }
  | {
      readonly type: "placed";
      readonly call: string;
      readonly target:
        | { readonly kind: "trunk"; readonly trunk: string }
        | { readonly kind: "account"; readonly account: string }
        | { readonly kind: "service"; readonly service: string };
    }
  | { readonly type: "answered"; readonly call: string }
  | { readonly type: "ended"; readonly call: string; readonly reason: string }
  | { readonly type: "refused"; readonly number: string; readonly caller: string; readonly reason: string };

/** What becomes known of a call between its reports. */
export interface CallFacts {
  readonly call: string;
  readonly line?: string | null;
  readonly number?: string;
  readonly via?: string | null;
}

/** Where ended calls are counted (`CallCounts`). */
export interface CallTally {
  callEnded(call: { direction: CallStatus["direction"]; line: string | null; answered: boolean }): void;
  callRefused(): void;
  total(): CallsStatus["today"];
  ofLine(line: string): LineStatusPayload["callsToday"];
}

/** The calls under way and the last ones, made of what the calls room reports. What strangers sent is cleaned here. */
export class CallLog {
  readonly #tally: CallTally;
  readonly #active = new Map<string, CallStatus>();
  /** The latest first. */
  #recent: readonly CallStatus[] = [];
  #refused = 0;

  constructor(tally: CallTally) {
    this.#tally = tally;
  }

  /** `atMs`: Unix time. The event to be told; null: nothing is known of such a call. */
  report(report: Report, atMs: number): CallEvent | null {
    const at = Math.max(0, Math.round(atMs));
    const call = this.#take(report, at);
    return call === null ? null : { type: report.type, atMs: at, call };
  }

  /** A call of which something more is known now, under way or over; false: nothing is new. */
  know({ call: id, line, number, via }: CallFacts): boolean {
    const before = this.#active.get(id) ?? this.#recent.find(({ call }) => call === id);
    if (before === undefined) return false;
    const after = {
      ...before,
      line: line === undefined ? before.line : line,
      number: number === undefined ? before.number : safeNumber(number),
      via: via === undefined ? before.via : via,
    };
    if (after.line === before.line && after.number === before.number && after.via === before.via) return false;
    if (this.#active.has(id)) this.#active.set(id, after);
    else this.#recent = this.#recent.map((one) => (one === before ? after : one));
    return true;
  }

  /** The PAX has dialled a digit on the line: it is one more of the number of its call. */
  digit(line: string, digit: number): void {
    const call = this.#onLine(line);
    if (call?.direction === "from-pax") this.know({ call: call.call, number: `${call.number}${digit}` });
  }

  /** Calls that are under way as the calls room knows it; whatever else is here was lost, with no report of its end. */
  keepOnly(calls: Iterable<string>, atMs: number): void {
    const kept = new Set(calls);
    for (const call of [...this.#active.keys()]) {
      if (!kept.has(call)) this.report({ type: "ended", call, reason: "the gateway lost it" }, atMs);
    }
  }

  status(): CallsStatus {
    const active = [...this.#active.values()];
    const ended = this.#tally.total();
    return {
      active,
      recent: [...this.#recent],
      today: { ...plus(ended, active), refused: ended.refused },
    };
  }

  /** The call that uses the line; null: none. */
  callOn(line: string): string | null {
    return this.#onLine(line)?.call ?? null;
  }

  /** Digits that the PAX has dialled in the present call of the line. */
  digitsOn(line: string): string {
    const call = this.#onLine(line);
    return call?.direction === "from-pax" ? call.number : "";
  }

  /** Calls of the line today, with those under way. */
  callsToday(line: string): LineStatusPayload["callsToday"] {
    return plus(
      this.#tally.ofLine(line),
      [...this.#active.values()].filter((call) => call.line === line),
    );
  }

  #take(report: Report, atMs: number): CallStatus | null {
    switch (report.type) {
      case "begun": {
        this.#makeRoom(atMs);
        const call = fresh(report.call, report.direction, report, atMs);
        this.#active.set(report.call, { ...call, line: report.line });
        return this.#active.get(report.call) ?? null;
      }
      case "placed":
        return this.#change(report.call, { phase: "calling", via: viaOf(report.target) });
      case "answered":
        return this.#change(report.call, { phase: "talking", answeredMs: atMs });
      case "ended":
        return this.#end(report.call, report.reason, atMs);
      case "refused": {
        this.#refused += 1;
        this.#tally.callRefused();
        const call = fresh(`refused-${this.#refused}`, "to-pax", report, atMs);
        const refused: CallStatus = { ...call, phase: "refused", endedMs: atMs, reason: safeText(report.reason) };
        this.#remember(refused);
        return refused;
      }
    }
  }

  #change(id: string, change: Partial<CallStatus>): CallStatus | null {
    const before = this.#active.get(id);
    if (before === undefined) return null;
    const after = { ...before, ...change };
    this.#active.set(id, after);
    return after;
  }

  #end(id: string, reason: string, atMs: number): CallStatus | null {
    const call = this.#active.get(id);
    if (call === undefined) return null;
    this.#active.delete(id);
    const { direction, line, answeredMs } = call;
    this.#tally.callEnded({ direction, line, answered: answeredMs !== null });
    const ended: CallStatus = { ...call, phase: "ended", endedMs: atMs, reason: safeText(reason) };
    this.#remember(ended);
    return ended;
  }

  #remember(call: CallStatus): void {
    let refused = 0;
    this.#recent = [call, ...this.#recent]
      .filter(({ phase }) => phase !== "refused" || ++refused <= MOST_REFUSED)
      .slice(0, MOST_RECENT);
  }

  /** A call whose end was never reported must not stay for ever. */
  #makeRoom(atMs: number): void {
    const [oldest] = this.#active.keys();
    if (this.#active.size >= MOST_ACTIVE && oldest !== undefined) this.#end(oldest, "the gateway lost it", atMs);
  }

  #onLine(line: string): CallStatus | undefined {
    for (const call of this.#active.values()) if (call.line === line) return call;
    return undefined;
  }
}

/** What a stranger may have sent as a number, as far as it can be one: digits, letters and + * # . _ -; 64 at most. */
export function safeNumber(text: string): string {
  return text
    .slice(0, 1_024)
    .replace(/[^0-9A-Za-z+*#._-]/g, "")
    .slice(0, LONGEST_NUMBER);
}

function safeText(text: string): string {
  return text.replace(/\p{Cc}/gu, " ").slice(0, LONGEST_REASON);
}

function fresh(
  call: string,
  direction: CallStatus["direction"],
  { number, caller }: { readonly number: string; readonly caller: string },
  begunMs: number,
): CallStatus {
  return {
    call,
    direction,
    line: null,
    number: safeNumber(number),
    caller: safeNumber(caller),
    via: null,
    // The network brings a call with its number; the PAX dials it.
    phase: direction === "from-pax" ? "dialling" : "calling",
    begunMs,
    answeredMs: null,
    endedMs: null,
    reason: null,
  };
}

function viaOf(target: (Report & { type: "placed" })["target"]): string {
  switch (target.kind) {
    case "trunk":
      return target.trunk;
    case "account":
      return target.account;
    case "service":
      return target.service;
  }
}

type LineCounts = LineStatusPayload["callsToday"];

function plus(ended: LineCounts, active: readonly CallStatus[]): LineCounts {
  const of = (direction: CallStatus["direction"]) => active.filter((call) => call.direction === direction).length;
  return {
    fromPax: ended.fromPax + of("from-pax"),
    toPax: ended.toPax + of("to-pax"),
    answered: ended.answered + active.filter(({ answeredMs }) => answeredMs !== null).length,
  };
}
