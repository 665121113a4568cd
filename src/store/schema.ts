import { z } from "zod";
import { GatewayError } from "../base/errors.ts";
import type { CredentialSource } from "./port.ts";

/**
 * What outlives a restart. Invariants: `version` says how to read the rest; a state of a later version is never read,
 * nor overwritten (going back to an older gateway must not destroy what the newer one kept).
 */
export const STATE_VERSION = 3;

/** Entries of the audit record that are kept; the oldest go first. */
export const AUDIT_LIMIT = 50;

const secret = z.string().regex(/^[A-Za-z0-9]{16,128}$/);

const credentials = z.strictObject({
  username: z.string().regex(/^[a-z][a-z0-9-]{1,40}$/),
  secret,
});

const unixMs = z.number().int().min(0);

const stateSchema = z.strictObject({
  version: z.literal(STATE_VERSION),
  /** Credentials that the gateway issued, by account. */
  accounts: z.record(z.string(), credentials),
  /** Secrets between the gateway and its own Asterisk. */
  asterisk: z.strictObject({ ariSecret: secret, amiSecret: secret, eventsSecret: secret }),
  /** Password of the page. */
  dashboard: secret,
  /** Users of the gateway's own broker. */
  broker: z.strictObject({ viewer: credentials, operator: credentials }),
  /** How the last reset by the button stands. */
  reset: z.strictObject({ pending: z.boolean(), lastMs: unixMs.nullable(), count: z.number().int().min(0) }),
  /** Who did what with credentials, the oldest first; no secret. */
  audit: z
    .array(
      z.strictObject({
        type: z.enum(["reset", "collected"]),
        atMs: unixMs,
        address: z.string().max(64).nullable(),
      }),
    )
    .max(AUDIT_LIMIT),
});

export type State = z.infer<typeof stateSchema>;

type Migration = (state: Record<string, unknown>, source: CredentialSource) => Record<string, unknown>;

/** Takes a state of version n to version n+1; the first entry is for version 1. */
const migrations: readonly Migration[] = [
  (state, source) => ({ ...state, asterisk: { ...(state["asterisk"] as object), eventsSecret: source.secret() } }),
  (state, source) => ({ ...state, ...newPageAndBroker(source), ...NOTHING_YET }),
];

const NOTHING_YET = { reset: { pending: false, lastMs: null, count: 0 }, audit: [] };

/** Credentials of the page and of the broker's users. */
export function newPageAndBroker(source: CredentialSource): Pick<State, "dashboard" | "broker"> {
  return {
    dashboard: source.secret(),
    broker: { viewer: source.account("viewer"), operator: source.account("operator") },
  };
}

/** The state of a gateway that has none yet. */
export function firstState(source: CredentialSource): State {
  const secrets = { ariSecret: source.secret(), amiSecret: source.secret(), eventsSecret: source.secret() };
  return { version: STATE_VERSION, accounts: {}, asterisk: secrets, ...newPageAndBroker(source), ...NOTHING_YET };
}

/**
 * A stored state in its present form. `source` makes what an earlier version did not have.
 * @throws GatewayError `state-newer` for a state of a later version, `state-invalid` for anything that is not one.
 */
export function readState(
  stored: unknown,
  source: CredentialSource,
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
  for (const step of steps.slice(version - 1, target - 1)) state = step(state, source);
  const parsed = stateSchema.safeParse({ ...state, version: STATE_VERSION });
  if (parsed.success) return parsed.data;
  // Only places are named: the values are secrets.
  const places = parsed.error.issues.map((issue) => issue.path.join(".")).join(", ");
  throw new GatewayError("state-invalid", `the stored state is damaged at: ${places}`);
}
