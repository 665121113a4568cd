import { z } from "zod";
import { GatewayError } from "../base/errors.ts";

/**
 * What outlives a restart. Invariants: `version` says how to read the rest; a state of a later version is never read,
 * nor overwritten (going back to an older gateway must not destroy what the newer one kept).
 */
export const STATE_VERSION = 2;

const credentials = z.strictObject({
  username: z.string().regex(/^[a-z][a-z0-9-]{1,40}$/),
  secret: z.string().regex(/^[A-Za-z0-9]{16,128}$/),
});

const secret = z.string().regex(/^[A-Za-z0-9]{16,128}$/);

const stateSchema = z.strictObject({
  version: z.literal(STATE_VERSION),
  /** Credentials that the gateway issued, by account. */
  accounts: z.record(z.string(), credentials),
  /** Secrets between the gateway and its own Asterisk. */
  asterisk: z.strictObject({ ariSecret: secret, amiSecret: secret, eventsSecret: secret }),
});

export type State = z.infer<typeof stateSchema>;

type Migration = (state: Record<string, unknown>, newSecret: () => string) => Record<string, unknown>;

/** Takes a state of version n to version n+1; the first entry is for version 1. */
const migrations: readonly Migration[] = [
  (state, newSecret) => ({ ...state, asterisk: { ...(state["asterisk"] as object), eventsSecret: newSecret() } }),
];

/**
 * A stored state in its present form. `newSecret` makes what an earlier version did not have.
 * @throws GatewayError `state-newer` for a state of a later version, `state-invalid` for anything that is not one.
 */
export function readState(
  stored: unknown,
  newSecret: () => string,
  steps: readonly Migration[] = migrations,
  target: number = STATE_VERSION,
): State {
  const version = (stored as { version?: unknown } | null)?.version;
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1) {
    throw new GatewayError("state-invalid", "the stored state has no version");
  }
  if (version > target) {
    const message = `the stored state is of version ${version}, this gateway reads up to ${target}: install the newer gateway again`;
    throw new GatewayError("state-newer", message, { details: { version } });
  }
  let state = stored as Record<string, unknown>;
  for (const step of steps.slice(version - 1, target - 1)) state = step(state, newSecret);
  const parsed = stateSchema.safeParse({ ...state, version: STATE_VERSION });
  if (parsed.success) return parsed.data;
  // Only places are named: the values are secrets.
  const places = parsed.error.issues.map((issue) => issue.path.join(".")).join(", ");
  throw new GatewayError("state-invalid", `the stored state is damaged at: ${places}`);
}
