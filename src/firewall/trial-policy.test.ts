import { describe, expect, it } from "vitest";
import { changesBetween } from "./trial.ts";
import { onTrial, withOwn } from "./trial-policy.ts";
import { testPolicy } from "./trial-test-policy.ts";
import type { FirewallPolicy } from "./types.ts";

const policy = testPolicy({});
const limits = { ...policy.limits, failures: 9 };

/** A change of each part of the policy, and whether people could lock themselves out by it. */
const changes: Readonly<Record<keyof FirewallPolicy, [change: Partial<FirewallPolicy>, tried: boolean]>> = {
  protect: [{ protect: "gateway" }, true],
  mode: [{ mode: "open" }, true],
  lists: [{ lists: { ...policy.lists, management: [] } }, true],
  managementPorts: [{ managementPorts: [2222] }, true],
  allow: [{ allow: [] }, true],
  limits: [{ limits }, true],
  scanner: [{ scanner: { enabled: false, strict: false, tokens: [] } }, true],
  sip: [{ sip: { port: 5070, tcp: true } }, false],
  rtp: [{ rtp: { from: 20_000, to: 20_099 } }, false],
  localPorts: [{ localPorts: [9000] }, false],
  router: [{ router: null }, false],
  asksRouter: [{ asksRouter: true }, false],
};

describe("what of a policy is on trial", () => {
  it.each(Object.entries(changes))("%s", (_, [change, tried]) => {
    const changed = testPolicy(change);
    expect(changesBetween(onTrial(policy), onTrial(changed)).length > 0).toBe(tried);
    // Taken back: who may come in is as before, and the ports are those that are in use.
    const back = withOwn(onTrial(policy), changed);
    expect(back).toEqual(tried ? policy : changed);
  });
});
