import { z } from "zod";
import type { InputSource } from "./input-source.ts";
import { dialSchema, exchangeSchema } from "./topology.ts";
import { phoneConditions } from "./watch.ts";

/** Requests that the simulated PAX takes on its control socket, with what each one's parameters must be. */

const ext = z.string().regex(/^[0-9]{1,4}$/, "an extension number");
const line = z.string().min(1).max(24);
const phone = z.strictObject({ ext });

export const requestSchemas = {
  phones: z.null(),
  lines: z.null(),
  exchange: z.null(),
  lift: phone,
  hangup: phone,
  dial: z.strictObject({ ext, digits: z.string().regex(/^[0-9]{1,32}$/, "1 to 32 digits") }),
  play: z.strictObject({
    ext,
    voice: z
      .union([
        z.strictObject({
          frequencyHz: z.number().min(20).max(3_999),
          levelDbm0: z.number().min(-60).max(3).default(-10),
        }),
        z.strictObject({ file: z.string().min(1).max(4_096) }),
      ])
      .nullable(),
  }),
  hear: z.strictObject({
    ext,
    ms: z.number().min(20).max(30_000),
    frequenciesHz: z.array(z.number().min(20).max(3_999)).max(32).default([]),
  }),
  waitFor: z.strictObject({
    ext,
    condition: z.enum(phoneConditions),
    timeoutMs: z.number().min(1).max(600_000),
  }),
  setPhone: z.strictObject({
    ext,
    autoAnswerMs: z.number().min(0).max(600_000).nullable().optional(),
    busy: z.boolean().optional(),
    dial: dialSchema.partial().optional(),
  }),
  setLine: z.strictObject({
    line,
    stuckLoop: z.boolean().optional(),
    noCurrent: z.boolean().optional(),
    seizeMs: z.number().min(5).max(1_000).optional(),
    falseImpulseProbability: z.number().min(0).max(1).optional(),
  }),
  setExchange: z.strictObject({
    power: z.boolean().optional(),
    registers: exchangeSchema.shape.registers.unwrap().optional(),
    intrusion: z.boolean().optional(),
    afterClear: exchangeSchema.shape.afterClear.unwrap().optional(),
    firstDigitMs: exchangeSchema.shape.firstDigitMs.unwrap().optional(),
    nextDigitMs: exchangeSchema.shape.nextDigitMs.unwrap().optional(),
  }),
  panel: z.null(),
  /** Answered when the button is let go of; null: it stays pressed (until another press ends), answered at once. */
  press: z.strictObject({ ms: z.number().min(1).max(120_000).nullable() }),
  /** Null: it follows the exchange again. */
  setInput: z.strictObject({ input: z.string().min(1).max(24), active: z.boolean().nullable() }),
} as const;

export type Method = keyof typeof requestSchemas;
/** Parameters as a client gives them. */
export type Params<M extends Method> = z.input<(typeof requestSchemas)[M]>;

/** A telephone, as it is. */
export interface PhoneStatus {
  readonly ext: string;
  readonly offHook: boolean;
  readonly dialling: boolean;
  /** What the exchange does for it, in the exchange's words: `idle`, `register`, `calling`, `rung`, `talking`, … */
  readonly state: string;
  /** Extension or tie line that it is joined to; null when there is none. */
  readonly with: string | null;
  readonly answered: boolean;
}

/** A gateway line, as it is. */
export interface LineEndStatus {
  readonly line: string;
  readonly type: "tie-line" | "subscriber";
  /** The extension number of a subscriber line. */
  readonly extension: string | null;
  /** A driver has it open. */
  readonly open: boolean;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly state: string;
  readonly with: string | null;
  readonly stuckLoop: boolean;
  readonly noCurrent: boolean;
  readonly audio: { readonly used: number; readonly missed: number; readonly dropped: number };
}

/** What hangs beside the exchange, as it is. `open`: a driver has it. */
export interface PanelStatus {
  /** Null: there is none. */
  readonly button: { readonly pressed: boolean; readonly open: boolean } | null;
  /** `pattern` is what it was last told to show. Null: there is none. */
  readonly led: { readonly pattern: string; readonly open: boolean } | null;
  readonly inputs: readonly {
    readonly input: string;
    readonly active: boolean;
    readonly follows: InputSource | null;
    readonly forced: boolean;
    readonly open: boolean;
  }[];
}

/** What is told to every client, unasked. */
export type PaxEvent =
  | { readonly type: "panel"; readonly panel: PanelStatus }
  | { readonly type: "phone"; readonly phone: PhoneStatus }
  | { readonly type: "line"; readonly line: LineEndStatus };
