import { type Decoded, list, nullable, num, object, oneOf, str } from "./decode.ts";

/** What the server says of the window for new credentials. */

export interface Window {
  readonly openUntilMs: number | null;
  readonly collectedBy: string | null;
  readonly nowMs: number;
}

export interface Issued {
  readonly kind: "sip" | "dashboard" | "broker";
  readonly name: string;
  readonly username: string;
  readonly secret: string;
  readonly uri: string | null;
}

export interface Claim {
  readonly openUntilMs: number | null;
  readonly credentials: readonly Issued[];
}

/** A uri may be longer than what is cut for the eye. */
const uri = (input: unknown): Decoded<string> =>
  typeof input === "string" && input.length <= 1_024 ? { value: input } : null;

export const windowDecoder = object<Window>({ openUntilMs: nullable(num), collectedBy: nullable(str), nowMs: num });

export const claimDecoder = object<Claim>({
  openUntilMs: nullable(num),
  credentials: list(
    object<Issued>({
      kind: oneOf(["sip", "dashboard", "broker"]),
      name: str,
      username: str,
      secret: str,
      uri: nullable(uri),
    }),
    64,
  ),
});

/** What the page shows. `shown` keeps the credentials until the time is over, and no longer. */
export type Stage =
  | { readonly type: "loading" }
  | { readonly type: "closed" }
  | { readonly type: "open"; readonly untilMs: number; readonly collectedBy: string | null }
  | { readonly type: "shown"; readonly untilMs: number; readonly credentials: readonly Issued[] }
  | { readonly type: "over" };

/** The stage after the server's word on the window; what is shown stays shown until its time is over. */
export function afterWindow(stage: Stage, window: Window): Stage {
  const open = window.openUntilMs !== null && window.openUntilMs > window.nowMs;
  if (stage.type === "shown") return open ? stage : { type: "over" };
  if (!open || window.openUntilMs === null) return stage.type === "over" ? stage : { type: "closed" };
  return { type: "open", untilMs: window.openUntilMs, collectedBy: window.collectedBy };
}

/** The stage at a time: secrets are forgotten by the clock, also when the server does not answer. */
export function atTime(stage: Stage, nowMs: number): Stage {
  if (stage.type === "shown" && nowMs >= stage.untilMs) return { type: "over" };
  if (stage.type === "open" && nowMs >= stage.untilMs) return { type: "closed" };
  return stage;
}
