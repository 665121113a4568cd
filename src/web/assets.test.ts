import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formOf, makeAsset, readAssets } from "./assets.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "web-assets-"));
});
afterEach(() => rm(directory, { recursive: true }));

describe("static files", () => {
  it("are read with their compressed forms, one folder deep; links and oddities are left out", async () => {
    await mkdir(join(directory, "icons/deep"), { recursive: true });
    const write = (path: string, text: string) => writeFile(join(directory, path), text);
    await write("index.html", "page");
    await write("app-5F3KQ2ZD.js", "script");
    await write("app-5F3KQ2ZD.js.br", "b");
    await write("app-5F3KQ2ZD.js.gz", "g");
    await write("app-5F3KQ2ZD.js.map", "map");
    await write("icons/bell.svg", "<svg/>");
    await write("icons/deep/x.svg", "<svg/>");
    await write(".hidden", "x");
    await write("with space.js", "x");
    await symlink("/etc/hostname", join(directory, "link.txt"));
    const assets = await readAssets(directory);
    expect([...assets.keys()].sort()).toEqual(["/app-5F3KQ2ZD.js", "/icons/bell.svg", "/index.html"]);
    const script = assets.get("/app-5F3KQ2ZD.js");
    expect(script).toMatchObject({ type: "text/javascript; charset=utf-8", forEver: true });
    expect(script?.br?.toString()).toBe("b");
    expect(assets.get("/index.html")?.forEver).toBe(false);
    expect(assets.get("/icons/bell.svg")?.type).toBe("image/svg+xml");
  });

  it("may be missing, but not be a mountain", async () => {
    expect((await readAssets(join(directory, "nothing"))).size).toBe(0);
    await writeFile(join(directory, "big.js"), Buffer.alloc(5 * 1_048_576));
    await expect(readAssets(directory)).rejects.toMatchObject({ code: "web-assets" });
  });

  it.each([
    ["gzip, deflate, br", "br"],
    ["gzip", "gzip"],
    ["GZIP;q=0.2", "gzip"],
    ["br;q=0, gzip;q=1.0", "gzip"],
    ["br;q=0.0,gzip;q=0", null],
    ["identity", null],
    ["", null],
    ["brotli", null],
  ])("Accept-Encoding %s: %s", (accepts, encoding) => {
    const asset = makeAsset("/a.js", Buffer.from("p"), Buffer.from("b"), Buffer.from("g"));
    expect(formOf(asset, accepts).encoding).toBe(encoding);
  });
});
