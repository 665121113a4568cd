import { describe, expect, it } from "vitest";
import { GatewayError } from "../base/errors.ts";
import type { CredentialSource, StateAlert, StateFile } from "./port.ts";
import { Repository } from "./repository.ts";
import { AUDIT_LIMIT, readState } from "./schema.ts";

/** Credentials that tell how many were made before them. */
function counting(): CredentialSource {
  let made = 0;
  const secret = () => `Secret0000000000${made++}`;
  return { secret, account: (name) => ({ username: `${name}-aaaa${made}`, secret: secret() }) };
}

class MemoryFile implements StateFile {
  stored: string | null = null;
  previous: string | null = null;
  aside: (string | null)[] = [];
  unreadable: Error | null = null;
  writes = 0;
  failure: Error | null = null;
  async readPrevious(): Promise<unknown> {
    return this.previous === null ? null : JSON.parse(this.previous);
  }
  async setAside(): Promise<void> {
    this.aside = [this.stored, this.previous];
    this.stored = this.previous = null;
  }
  async read(): Promise<unknown> {
    if (this.unreadable !== null) throw this.unreadable;
    return this.stored === null ? null : JSON.parse(this.stored);
  }
  async write(data: unknown): Promise<void> {
    this.writes++;
    if (this.failure !== null) throw this.failure;
    this.stored = JSON.stringify(data);
  }
}

/** Opens; `alerts` gets what people are told, and without it nothing may be told. */
async function opened(file: StateFile, source = counting(), alerts?: StateAlert[]): Promise<Repository> {
  const repository = new Repository(file, source, (alert) =>
    alerts === undefined ? expect.fail(`alert: ${alert.type} ${alert.reason}`) : alerts.push(alert),
  );
  await repository.open();
  return repository;
}

describe("the repository", () => {
  it("makes Asterisk's secrets once and has them again after a restart", async () => {
    const file = new MemoryFile();
    const first = (await opened(file)).asterisk;
    expect(first.ariSecret).not.toBe(first.amiSecret);
    expect((await opened(file)).asterisk).toEqual(first);
    expect(file.writes).toBe(1);
  });

  it("gives credentials to accounts that have none and leaves the others theirs", async () => {
    const file = new MemoryFile();
    const before = await (await opened(file)).ensureAccounts(["desk"]);
    const after = await (await opened(file)).ensureAccounts(["desk", "bar"]);
    expect(after.get("desk")).toEqual(before.get("desk"));
    expect([...after.keys()]).toEqual(["desk", "bar"]);
    const kept = file.writes;
    await (await opened(file)).ensureAccounts(["bar"]);
    expect(file.writes).toBe(kept);
    expect((await opened(file)).account("desk")).toEqual(before.get("desk"));
  });

  it("does not know what could not be written, and goes on afterwards", async () => {
    const file = new MemoryFile();
    const repository = await opened(file);
    file.failure = new Error("no space left");
    await expect(repository.ensureAccounts(["desk"])).rejects.toThrow("no space left");
    expect(repository.account("desk")).toBeUndefined();
    file.failure = null;
    await repository.ensureAccounts(["bar"]);
    expect((await opened(file)).account("desk")).toBeUndefined();
    expect((await opened(file)).account("bar")).toEqual(repository.account("bar"));
  });

  it("loses no change that is asked for at the same time as another", async () => {
    const file = new MemoryFile();
    const repository = await opened(file);
    await Promise.all(["a", "b", "c"].map((name) => repository.ensureAccounts([name])));
    const again = await opened(file);
    expect(["a", "b", "c"].map((name) => again.account(name) !== undefined)).toEqual([true, true, true]);
  });

  it("renews and forgets an account's credentials, and takes no inherited name for an account", async () => {
    const file = new MemoryFile();
    const repository = await opened(file);
    const before = (await repository.ensureAccounts(["desk"])).get("desk");
    expect(await repository.renewAccount("desk")).not.toEqual(before);
    await repository.forgetAccount("desk");
    expect((await opened(file)).account("desk")).toBeUndefined();
    expect(repository.account("constructor")).toBeUndefined();
  });
});

describe("a reset of everything that was issued", () => {
  it("is one write, in which no secret that anybody was given is left", async () => {
    const file = new MemoryFile();
    const repository = await opened(file);
    await repository.ensureAccounts(["desk", "bar"]);
    const before = secretsIn(file.stored);
    const { asterisk } = repository;
    const writes = file.writes;
    await repository.resetIssued(1_000);
    expect(file.writes).toBe(writes + 1);
    const internal = new Set(Object.values(asterisk));
    for (const secret of before) expect(secretsIn(file.stored).includes(secret)).toBe(internal.has(secret));
    expect(repository.asterisk).toEqual(asterisk);
    expect(repository.reset).toEqual({ pending: true, lastMs: 1_000, count: 1 });
    expect((await opened(file)).issued).toEqual(repository.issued);
  });

  it("stays pending over a restart until it is complete", async () => {
    const file = new MemoryFile();
    await (await opened(file)).resetIssued(1_000);
    const again = await opened(file);
    expect(again.reset.pending).toBe(true);
    await again.completeReset();
    expect((await opened(file)).reset).toEqual({ pending: false, lastMs: 1_000, count: 1 });
  });

  it("that cannot be written has not happened", async () => {
    const file = new MemoryFile();
    const repository = await opened(file);
    const before = repository.issued;
    file.failure = new Error("no space left");
    await expect(repository.resetIssued(1_000)).rejects.toThrow("no space left");
    expect(repository.issued).toEqual(before);
    expect(repository.reset.pending).toBe(false);
  });

  it("also reaches accounts that the configuration no longer names, and shows only those that it does", async () => {
    const file = new MemoryFile();
    const first = await opened(file);
    const left = (await first.ensureAccounts(["desk", "gone"])).get("gone");
    const repository = await opened(file);
    await repository.ensureAccounts(["desk"]);
    await repository.resetIssued(1_000);
    expect([...repository.issued.accounts.keys()]).toEqual(["desk"]);
    expect(repository.account("gone")).not.toEqual(left);
  });

  it("is not undone by a repository that was opened before it", async () => {
    const file = new MemoryFile();
    const stale = await opened(file);
    await stale.ensureAccounts(["desk"]);
    const running = await opened(file);
    await running.resetIssued(1_000);
    await stale.ensureAccounts(["desk", "bar"]);
    const { accounts, dashboard } = (await opened(file)).issued;
    expect(accounts.get("desk")).toEqual(running.account("desk"));
    expect(dashboard).toBe(running.issued.dashboard);
    expect(stale.reset.pending).toBe(true);
  });

  it("and who collected is recorded, the last fifty", async () => {
    const file = new MemoryFile();
    const repository = await opened(file);
    await repository.resetIssued(1);
    for (let atMs = 2; atMs <= AUDIT_LIMIT + 1; atMs++) {
      await repository.record({ type: "collected", atMs, address: "192.168.1.9" });
    }
    const { audit } = await opened(file);
    expect(audit).toHaveLength(AUDIT_LIMIT);
    expect(audit[0]).toEqual({ type: "collected", atMs: 2, address: "192.168.1.9" });
  });
});

function secretsIn(stored: string | null): string[] {
  return stored?.match(/Secret\d+/g) ?? [];
}

describe("a state that cannot be used", () => {
  const foreign = JSON.stringify({ somebody: "else's" });

  it("gives way to the generation before, is kept aside, and is told", async () => {
    const file = new MemoryFile();
    const { dashboard } = (await opened(file)).issued;
    [file.previous, file.stored] = [file.stored, foreign];
    const alerts: StateAlert[] = [];
    expect((await opened(file, counting(), alerts)).issued.dashboard).toBe(dashboard);
    expect(alerts).toEqual([{ type: "previous", reason: "the stored state has no version" }]);
    expect(file.aside[0]).toBe(foreign);
    expect((await opened(file)).issued.dashboard).toBe(dashboard);
  });

  it.each([
    ["foreign", (file: MemoryFile) => (file.stored = file.previous = foreign)],
    ["lost", (file: MemoryFile) => (file.unreadable = new GatewayError("state-lost", "both are damaged"))],
  ])("in both generations (%s) is begun anew, once, and the gateway starts", async (_, damage) => {
    const file = new MemoryFile();
    damage(file);
    const alerts: StateAlert[] = [];
    const repository = await opened(file, counting(), alerts);
    expect(alerts.map(({ type }) => type)).toEqual(["begun-anew"]);
    file.unreadable = null;
    expect((await opened(file)).issued).toEqual(repository.issued);
  });

  it("because the disk does not answer, or does not take writes, is one in memory", async () => {
    const file = new MemoryFile();
    file.unreadable = new Error("EIO");
    const alerts: StateAlert[] = [];
    const repository = await opened(file, counting(), alerts);
    await repository.ensureAccounts(["desk"]);
    await repository.resetIssued(1);
    expect(repository.reset.pending).toBe(true);
    expect(file.writes).toBe(0);
    const full = new MemoryFile();
    full.failure = new Error("EROFS");
    await opened(full, counting(), alerts);
    expect(alerts.map(({ type }) => type)).toEqual(["not-kept", "not-migrated"]);
  });
});

describe("a stored state", () => {
  const secrets = { ariSecret: "a".repeat(24), amiSecret: "b".repeat(24), eventsSecret: "c".repeat(24) };
  const user = { username: "viewer-abcdef", secret: "d".repeat(24) };
  const valid = {
    version: 3,
    accounts: {},
    asterisk: secrets,
    dashboard: "e".repeat(24),
    broker: { viewer: user, operator: user },
    reset: { pending: false, lastMs: null, count: 0 },
    audit: [],
  };
  const source = counting();

  it("of a later version is not used and never overwritten; the gateway runs on one in memory", async () => {
    const file = new MemoryFile();
    const newer = JSON.stringify({ ...valid, version: 4 });
    file.stored = newer;
    const alerts: StateAlert[] = [];
    const repository = await opened(file, counting(), alerts);
    await repository.resetIssued(1);
    await repository.ensureAccounts(["desk"]);
    expect(repository.account("desk")).toBeDefined();
    expect(alerts).toEqual([{ type: "not-kept", reason: expect.stringContaining("of version 4") }]);
    expect([file.stored, file.writes, file.aside]).toEqual([newer, 0, []]);
  });

  it("that a later gateway wrote meanwhile is not overwritten either", async () => {
    const file = new MemoryFile();
    const repository = await opened(file);
    file.stored = JSON.stringify({ ...valid, version: 4 });
    await expect(repository.ensureAccounts(["desk"])).rejects.toMatchObject({ code: "state-newer" });
    expect(JSON.parse(file.stored).version).toBe(4);
  });

  it.each([null, 1, "x", {}, { version: 0 }, { version: 1.5 }, { ...valid, accounts: { desk: { username: "4100" } } }])(
    "that is none is refused: %j",
    (stored) => {
      expect(() => readState(stored, source)).toThrow(expect.objectContaining({ code: "state-invalid" }));
    },
  );

  it("is named by its places when it is damaged, never by its secrets", () => {
    const damaged = { ...valid, asterisk: { ...secrets, ariSecret: "hunter2;" } };
    expect(() => readState(damaged, source)).toThrow(/asterisk\.ariSecret/);
    expect(() => readState(damaged, source)).not.toThrow(/hunter2/);
  });

  it("without a secret for security events is given one, which is kept", async () => {
    const { eventsSecret: _later, ...before } = secrets;
    const file = new MemoryFile();
    file.stored = JSON.stringify({ ...valid, version: 1, asterisk: before });
    const { asterisk } = await opened(file);
    expect(asterisk).toMatchObject(before);
    expect(asterisk.eventsSecret).toMatch(/^Secret/);
    expect((await opened(file)).asterisk).toEqual(asterisk);
    expect(file.writes).toBe(1);
  });

  it("without a page's password and a broker's users is given them, which are kept", async () => {
    const file = new MemoryFile();
    file.stored = JSON.stringify({ version: 2, accounts: { desk: user }, asterisk: secrets });
    const repository = await opened(file);
    expect(repository.account("desk")).toEqual(user);
    expect(repository.issued.dashboard).toMatch(/^Secret/);
    expect(repository.issued.broker.viewer).not.toEqual(repository.issued.broker.operator);
    expect(repository.reset).toEqual({ pending: false, lastMs: null, count: 0 });
    expect((await opened(file)).issued).toEqual(repository.issued);
  });

  it("of an earlier version goes through every migration since", () => {
    const { accounts: _accounts, ...rest } = valid;
    const steps = [
      (state: Record<string, unknown>) => ({ ...state, accounts: {} }),
      (state: Record<string, unknown>) => ({ ...rest, ...state }),
    ];
    expect(readState({ version: 1 }, source, steps, 3)).toEqual(valid);
    expect(() => readState({ version: 2 }, source, steps, 3)).toThrow(/accounts/);
  });
});
