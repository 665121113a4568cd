import { describe, expect, it } from "vitest";
import type { CredentialSource, StateFile } from "./port.ts";
import { Repository } from "./repository.ts";
import { readState } from "./schema.ts";

/** Credentials that tell how many were made before them. */
function counting(): CredentialSource {
  let made = 0;
  const secret = () => `Secret0000000000${made++}`;
  return { secret, account: (name) => ({ username: `${name}-aaaa${made}`, secret: secret() }) };
}

class MemoryFile implements StateFile {
  stored: string | null = null;
  writes = 0;
  failure: Error | null = null;
  async read(): Promise<unknown> {
    return this.stored === null ? null : JSON.parse(this.stored);
  }
  async write(data: unknown): Promise<void> {
    this.writes++;
    if (this.failure !== null) throw this.failure;
    this.stored = JSON.stringify(data);
  }
}

async function opened(file: StateFile, source = counting()): Promise<Repository> {
  const repository = new Repository(file, source);
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

describe("a stored state", () => {
  const secrets = { ariSecret: "a".repeat(24), amiSecret: "b".repeat(24), eventsSecret: "c".repeat(24) };
  const valid = { version: 2, accounts: {}, asterisk: secrets };
  const noSecret = () => "";

  it("of a later version is refused and not overwritten", async () => {
    const file = new MemoryFile();
    file.stored = JSON.stringify({ ...valid, version: 3 });
    await expect(opened(file)).rejects.toMatchObject({ code: "state-newer" });
    expect(file.writes).toBe(0);
  });

  it.each([null, 1, "x", {}, { version: 0 }, { version: 1.5 }, { ...valid, accounts: { desk: { username: "4100" } } }])(
    "that is none is refused: %j",
    (stored) => {
      expect(() => readState(stored, noSecret)).toThrow(expect.objectContaining({ code: "state-invalid" }));
    },
  );

  it("is named by its places when it is damaged, never by its secrets", () => {
    const damaged = { ...valid, asterisk: { ...secrets, ariSecret: "hunter2;" } };
    expect(() => readState(damaged, noSecret)).toThrow(/asterisk\.ariSecret/);
    expect(() => readState(damaged, noSecret)).not.toThrow(/hunter2/);
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

  it("of an earlier version goes through every migration since", () => {
    const steps = [
      (state: Record<string, unknown>) => ({ ...state, accounts: {} }),
      (state: Record<string, unknown>) => ({ ...state, asterisk: valid.asterisk }),
    ];
    expect(readState({ version: 1 }, noSecret, steps, 3)).toEqual(valid);
    expect(() => readState({ version: 2 }, noSecret, steps, 3)).toThrow(/accounts/);
  });
});
