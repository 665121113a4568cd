import type { CallTally } from "./call-log.ts";
import type { DayCounts } from "./day-counts.ts";
import type { InputCounts } from "./port.ts";
import type { CallStatus, CallsStatus, LineStatusPayload } from "./schema.ts";

/** What is counted, by the names under which it is kept. */
export class StatusCounts implements InputCounts, CallTally {
  readonly #counts: DayCounts;

  constructor(counts: DayCounts) {
    this.#counts = counts;
  }

  /** A call is over, answered or not. */
  callEnded(call: { direction: CallStatus["direction"]; line: string | null; answered: boolean }): void {
    const names = [call.direction, ...(call.answered ? ["answered"] : [])];
    for (const name of names) {
      this.#counts.count(`calls/${name}`);
      if (call.line !== null) this.#counts.count(`line/${call.line}/${name}`);
    }
  }

  /** A call of the network was refused before it had a line. */
  callRefused(): void {
    this.#counts.count("calls/refused");
  }

  /** Ended calls of today, and those that were refused. */
  total(): CallsStatus["today"] {
    return { ...this.#calls("calls"), refused: this.#counts.today("calls/refused") };
  }

  /** Ended calls of the line today. */
  ofLine(line: string): LineStatusPayload["callsToday"] {
    return this.#calls(`line/${line}`);
  }

  /** The input has become active. */
  operated(input: string): void {
    this.#counts.count(`input/${input}`);
  }

  today(input: string): number {
    return this.#counts.today(`input/${input}`);
  }

  ever(input: string): number {
    return this.#counts.ever(`input/${input}`);
  }

  #calls(of: string): LineStatusPayload["callsToday"] {
    const today = (name: string) => this.#counts.today(`${of}/${name}`);
    return { fromPax: today("from-pax"), toPax: today("to-pax"), answered: today("answered") };
  }
}
