import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { SessionFile } from "./session-file.ts";

let directory: string;
let password: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-sessions-"));
  password = "correct horse";
});
afterEach(() => rm(directory, { recursive: true }));

const file = () => new SessionFile(directory, () => password);
const path = () => join(directory, "sessions.json");
const session = (at: number) => ({ hash: String(at).padStart(43, "A").concat("="), atMs: 1, leftMs: 2 });

it("keeps sessions for the next process, for its owner only, and no password", async () => {
  expect(await file().load()).toEqual([]);
  await file().save([session(1), session(2)]);
  expect(await file().load()).toEqual([session(1), session(2)]);
  expect((await stat(path())).mode & 0o777).toBe(0o600);
  expect(await readFile(path(), "utf8")).not.toContain(password);
  expect((await readdir(directory)).every((name) => name.startsWith("sessions.json"))).toBe(true);
});

it("has none for another password, until somebody logs in with that one", async () => {
  await file().save([session(1)]);
  password = "new";
  expect(await file().load()).toEqual([]);
  await file().save([session(2)]);
  expect(await file().load()).toEqual([session(2)]);
  password = "correct horse";
  expect(await file().load()).toEqual([]);
});

it("forgets what is damaged, rather than to bring back who has logged out", async () => {
  await file().save([session(1), session(2)]);
  await file().save([session(2)]);
  const text = await readFile(path(), "utf8");
  await writeFile(path(), text.slice(0, -9));
  expect(await file().load()).toEqual([]);
  await file().save([session(3)]);
  expect(await file().load()).toEqual([session(3)]);
  await rm(path());
  expect(await file().load()).toEqual([]);
});

it("takes no more than a hundred, and nothing that is not in form", async () => {
  await file().save(Array.from({ length: 120 }, (_, at) => session(at)));
  expect((await file().load()).map(({ hash }) => hash)).toEqual(
    Array.from({ length: 100 }, (_, at) => session(at + 20).hash),
  );
  await file().save([{ ...session(1), leftMs: -1 }]);
  expect(await file().load()).toEqual([]);
});
