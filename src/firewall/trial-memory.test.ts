import { describe, expect, it } from "vitest";
import { readTrialMemory, type TrialMemory } from "./trial-memory.ts";
import { testPolicy } from "./trial-test-policy.ts";

const memory: TrialMemory = {
  version: 1,
  confirmed: testPolicy({}),
  pending: { kind: "on-trial", policy: testPolicy({ router: null }), leftMs: 10, atMs: 20 },
};
const copy = (): Record<string, unknown> => JSON.parse(JSON.stringify(memory)) as Record<string, unknown>;

/** Every place in the stored object: the paths of all its keys and entries. */
function places(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [
    ...(path.length > 0 ? [path] : []),
    ...Object.entries(value).flatMap(([key, one]) => places(one, [...path, key])),
  ];
}

function changedAt(path: readonly string[], change: (above: Record<string, unknown>, key: string) => void): unknown {
  const root = copy();
  const above = path.slice(0, -1).reduce((at, key) => at[key] as Record<string, unknown>, root);
  change(above, path.at(-1) ?? "");
  return root;
}

describe("the stored trial", () => {
  it("is read as it was written", () => {
    expect(readTrialMemory(copy())).toEqual(memory);
    const settled = { ...memory, pending: null };
    expect(readTrialMemory(settled)).toEqual(settled);
    const reverted = { ...memory, pending: { kind: "reverted", policy: memory.confirmed, sinceMs: 5 } };
    expect(readTrialMemory(reverted)).toEqual(reverted);
  });

  it.each(places(memory).map((path) => [path.join("."), path] as const))(
    "with rubbish at %s is not read",
    (_, path) => {
      for (const rubbish of [{}, "a\nb", "}; flush ruleset", -1, Number.NaN]) {
        expect(readTrialMemory(changedAt(path, (above, key) => Object.assign(above, { [key]: rubbish })))).toBeNull();
      }
    },
  );

  it("with a key too many or too few, as of another version, is not read", () => {
    const keys = places(memory).filter((path) => Number.isNaN(Number(path.at(-1))) && path.at(-1) !== "toPort");
    expect(keys.length).toBeGreaterThan(50);
    for (const path of keys) {
      const without = changedAt(path, (above, key) => delete above[key]);
      expect(readTrialMemory(without), `without ${path.join(".")}`).toBeNull();
      const more = changedAt(path, (above) => Object.assign(above, { more: 1 }));
      expect(readTrialMemory(more), `more beside ${path.join(".")}`).toBeNull();
    }
  });

  it.each([null, undefined, 1, "x", [], {}, { version: 2 }])("is not %j", (stored) => {
    expect(readTrialMemory(stored)).toBeNull();
  });
});
