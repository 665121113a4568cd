import { link, mkdir, mkdtemp, open, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FILE_MARK } from "../credentials/port.ts";
import { CredentialsFile } from "./handout-file.ts";

let directory: string;
let path: string;
let file: CredentialsFile;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-handout-"));
  path = join(directory, "credentials.txt");
  file = new CredentialsFile(path);
});
afterEach(() => rm(directory, { recursive: true }));

const text = `${FILE_MARK}\r\nPassword: hunter2\r\n`;

it("is written for its owner only, over an earlier one, and is gone afterwards, also when it was", async () => {
  await file.remove();
  await file.write(`${text}more\r\n`);
  await file.write(text);
  expect(await readFile(path, "utf8")).toBe(text);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await file.remove();
  await file.remove();
  expect(await readdir(directory)).toEqual([]);
});

it("holds nothing but zeros when its name goes", async () => {
  await file.write(text);
  // Whoever has it open sees what stays on the card.
  const witness = await open(path);
  await file.remove();
  const left = await witness.readFile();
  await witness.close();
  expect(left.length).toBe(text.length);
  expect(left.every((byte) => byte === 0)).toBe(true);
});

it.each(["", "\0\0\0\0\0\0", FILE_MARK.slice(0, 7), `${FILE_MARK}\r\nPass`])(
  "that a loss of power left as %j is removed",
  async (left) => {
    await writeFile(path, left);
    await file.remove();
    expect(await readdir(directory)).toEqual([]);
  },
);

it.each([
  ["a byte order mark", Buffer.from(`\ufeff${text}`)],
  ["line feeds only", Buffer.from(text.replaceAll("\r", ""))],
  ["carriage returns only", Buffer.from(text.replaceAll("\n", ""))],
  ["both", Buffer.from(`\ufeff${text.replaceAll("\r", "")}`)],
  ["UTF-16", Buffer.from(`\ufeff${text}`, "utf16le")],
])("that an editor has saved again with %s is removed, and its text with it", async (_, left) => {
  await writeFile(path, left);
  const witness = await open(path);
  await file.remove();
  const rest = await witness.readFile();
  await witness.close();
  expect(rest.every((byte) => byte === 0)).toBe(true);
  expect(await readdir(directory)).toEqual([]);
});

it.each([
  ["behind a byte order mark", Buffer.from("\ufeffarm_64bit=1\n")],
  ["in UTF-16", Buffer.from("\ufeffarm_64bit=1\n", "utf16le")],
])("of somebody else is known %s too", async (_, foreign) => {
  await writeFile(path, foreign);
  await expect(file.remove()).rejects.toMatchObject({ code: "handout-file-foreign" });
  expect(await readFile(path)).toEqual(foreign);
});

it("of somebody else is left as it is, and said", async () => {
  const foreign = "arm_64bit=1\ndtoverlay=pax\n";
  await writeFile(path, foreign);
  await expect(file.remove()).rejects.toMatchObject({ code: "handout-file-foreign" });
  await expect(file.write(text)).rejects.toMatchObject({ code: "handout-file-foreign" });
  expect(await readFile(path, "utf8")).toBe(foreign);
  await rm(path);
  await writeFile(join(directory, "theirs"), text);
  await link(join(directory, "theirs"), path);
  await expect(file.remove()).rejects.toMatchObject({ code: "handout-file-foreign" });
  await rm(path);
  await mkdir(path);
  await expect(file.remove()).rejects.toMatchObject({ code: "handout-file-foreign" });
});

it("is never written, nor overwritten, through a link", async () => {
  const target = join(directory, "target");
  await writeFile(target, text);
  await symlink(target, path);
  await file.write(text.replace("hunter2", "another"));
  expect(await readFile(target, "utf8")).toBe(text);
  expect(await readFile(path, "utf8")).toContain("another");
});
