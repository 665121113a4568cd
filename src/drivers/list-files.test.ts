import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ListFiles } from "./list-files.ts";

let directory: string;
const files = new ListFiles();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "list-files-"));
});

afterEach(() => rm(directory, { recursive: true }));

describe("files of lists", () => {
  it("are read whole, up to the limit", async () => {
    const path = join(directory, "list.txt");
    const text = "45.0.0.1 # grüß\n".repeat(10_000);
    await writeFile(path, text);
    expect(await files.read(path, Buffer.byteLength(text))).toBe(text);
    await expect(files.read(path, Buffer.byteLength(text) - 1)).rejects.toMatchObject({ code: "list-file" });
  });

  it("are refused when they are missing, a directory, a pipe or without end", async () => {
    const pipe = join(directory, "pipe");
    execFileSync("mkfifo", [pipe]);
    for (const path of [join(directory, "missing"), directory, pipe, "/dev/zero"]) {
      await expect(files.read(path, 1_000)).rejects.toMatchObject({ code: "list-file" });
    }
  });
});
