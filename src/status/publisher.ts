/**
 * What a message on our own tree means. Invariants of publishing: what is retained on the broker below
 * `<base>/<site>/` is what the gateway's snapshot says, and nothing else; nothing waits for a broker that is away.
 */

/** Topics below the site's that the publisher itself keeps. */
export const AVAILABILITY = "availability";
export const HEARTBEAT = "heartbeat";
export const ONLINE = "online";
export const OFFLINE = "offline";

/** Branches whose messages are other people's to send, or answers to them. */
const branchesOfRequests = ["request/", "response/"];

export interface OwnTreeInput {
  /** Below `<base>/<site>/`. */
  readonly topic: string;
  readonly payload: string;
  readonly retained: boolean;
  /** Whether the snapshot has this topic. */
  readonly wanted: boolean;
  /** Times of our own latest heartbeats, Unix ms. */
  readonly ownHeartbeats: readonly number[];
}

export type OwnTreeMeaning =
  /** Ours, or of no interest. */
  | "nothing"
  /** Retained by an earlier run, and wanted no longer: it is to be deleted. */
  | "stray"
  /** Somebody says that we are offline: a will of a connection that is gone, or a stranger. */
  | "said-offline"
  /** A heartbeat on our topic that we did not send: another gateway has our site's identifier. */
  | "foreign-heartbeat";

/** Decides on a message that the broker sent us of our own tree. */
export function meaningOf(input: OwnTreeInput): OwnTreeMeaning {
  const { topic, payload, retained } = input;
  if (branchesOfRequests.some((branch) => topic.startsWith(branch))) return "nothing";
  if (topic === AVAILABILITY) return payload === ONLINE ? "nothing" : "said-offline";
  if (topic === HEARTBEAT) {
    // A retained one is of an earlier run, or of the other gateway's past: only what comes now shows that it is there.
    return retained || input.ownHeartbeats.includes(heartbeatAt(payload)) ? "nothing" : "foreign-heartbeat";
  }
  return retained && payload !== "" && !input.wanted ? "stray" : "nothing";
}

/** The time in a heartbeat; NaN when it is none. */
function heartbeatAt(payload: string): number {
  const digits = /^\{"atMs":(\d{1,16})\}$/.exec(payload)?.[1];
  return digits === undefined ? Number.NaN : Number(digits);
}
