import { describe, expect, it } from "vitest";
import { GatewayError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { ScannerRulesKernel } from "../drivers/scanner-rules.ts";
import type { NftPort } from "../firewall/port.ts";
import { removeOldRules } from "./guard.ts";

/** Every iptables program is `true`: nothing is found, nothing is changed. */
const scanner = new ScannerRulesKernel(["true"]);

class Kernel implements NftPort {
  readonly applied: string[] = [];
  table: () => Promise<unknown>;

  constructor(found: () => Promise<unknown>) {
    this.table = found;
  }

  async check(): Promise<void> {}

  async apply(script: string): Promise<void> {
    this.applied.push(script);
  }

  async set(): Promise<unknown> {
    return null;
  }
}

describe("rules of an earlier run where no firewall is wanted", () => {
  const said: string[] = [];
  const note = (text: string) => void said.push(text);
  const log: Log = { debug: note, info: note, warn: note, error: note, child: () => log };

  it("are removed, and that is said", async () => {
    const kernel = new Kernel(async () => [{ table: { family: "inet", name: "paxgate" } }]);
    await removeOldRules(log, kernel, scanner);
    expect(kernel.applied).toEqual(["delete table inet paxgate\n"]);
    expect(said).toEqual([expect.stringContaining("of an earlier run was removed")]);
  });

  it.each([
    ["there are none", async () => null],
    ["there is no nft", () => Promise.reject(new GatewayError("nft-missing", "no nft"))],
    ["the rules cannot be read", () => Promise.reject(new GatewayError("nft-denied", "no right to"))],
  ])("nothing is touched when %s", async (_, found) => {
    said.length = 0;
    const kernel = new Kernel(found);
    await removeOldRules(log, kernel, scanner);
    expect(kernel.applied).toEqual([]);
    expect(said).toEqual([]);
  });
});
