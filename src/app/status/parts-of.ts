import type { Message, StatusParts } from "../../status/types.ts";

/** Parts that are one topic each; the others have a topic below theirs for each thing. */
const whole = ["gateway", "calls", "guard", "nat", "system", "credentials"] as const;
const many = ["lines", "trunks", "inputs", "alerts"] as const;

/** The parts that retained messages were made of; null while one is missing. */
export function partsOf(messages: readonly Message[]): StatusParts | null {
  const found: Record<string, unknown> = Object.fromEntries(many.map((part) => [part, []]));
  for (const { topic, payload } of messages) {
    const [part = "", ...rest] = topic.split("/");
    const list = Object.hasOwn(found, part) ? found[part] : undefined;
    if (rest.length === 0 && whole.some((one) => one === part)) found[part] = payload;
    else if (rest.length === 1 && Array.isArray(list)) list.push(payload);
  }
  return whole.every((part) => found[part] !== undefined) ? (found as unknown as StatusParts) : null;
}
