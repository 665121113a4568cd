import { describe, expect, it } from "vitest";
import { Nft } from "./nft.ts";

/** A program in nft's place. */
const instead = (script: string, options: { limitMs?: number; maxBytes?: number } = {}) =>
  new Nft({ command: [process.execPath, "-e", script, "--"], ...options });

describe("Nft", () => {
  it("tells refusals with nft's words, without control characters and bounded", async () => {
    const nft = instead(
      `process.stderr.write("/dev/stdin:1:1: Error: \\x1b[31mno" + "o".repeat(1e6)); process.exitCode = 1;`,
    );
    const error = await nft.apply("x").catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ code: "nft-refused" });
    expect(String(error)).toMatch(/Error: \[31mnooo/);
    expect(String(error).length).toBeLessThan(3_000);
  });
  it("tells a missing right and a missing program apart", async () => {
    const denied = instead(`console.error("Error: Operation not permitted (you must be root)"); process.exitCode = 1;`);
    await expect(denied.check("x")).rejects.toMatchObject({ code: "nft-denied" });
    await expect(new Nft({ command: ["/nonexistent"] }).check("x")).rejects.toMatchObject({ code: "nft-missing" });
  });
  it("ends a program that takes too long or says too much", async () => {
    const hanging = instead("setInterval(() => {}, 1000)", { limitMs: 100 });
    await expect(hanging.apply("x")).rejects.toMatchObject({ code: "timeout" });
    const talking = instead(`process.stdout.write("x".repeat(1e6))`, { maxBytes: 1_000 });
    await expect(talking.table("x")).rejects.toMatchObject({ code: "nft-refused" });
  });
  it("takes an answer that is no list for a refusal", async () => {
    for (const text of ["nonsense", "[]", "{}"]) {
      await expect(instead(`console.log(${JSON.stringify(text)})`).table("x")).rejects.toMatchObject({
        code: "nft-refused",
      });
    }
  });
  it("gives of a listing what belongs to the table, or null", async () => {
    const listing = {
      nftables: [{ metainfo: {} }, { table: { name: "a" } }, { rule: { table: "a" } }, { table: { name: "b" } }],
    };
    const nft = instead(`console.log(${JSON.stringify(JSON.stringify(listing))})`);
    expect(await nft.table("a")).toEqual([{ table: { name: "a" } }, { rule: { table: "a" } }]);
    expect(await nft.table("c")).toBeNull();
  });
  it("does not wait for the end of a program that cannot be ended", async () => {
    const script = `require("child_process").spawn("sleep", ["20"], { stdio: "inherit" }); setInterval(() => {}, 1000)`;
    const told = instead(script, { limitMs: 500 }).apply("x");
    const late = new Promise((resolve) => setTimeout(resolve, 10_000));
    await expect(Promise.race([told, late])).rejects.toMatchObject({ code: "timeout" });
  });
  it("hands over a long script whole, and survives a program that does not read it", async () => {
    const script = "x".repeat(3_000_000);
    await instead(
      `let n = 0; process.stdin.on("data", (d) => { n += d.length; }).on("end", () => { process.exitCode = n === 3e6 ? 0 : 1; })`,
    ).apply(script);
    await expect(instead("process.exit(1)").apply(script)).rejects.toMatchObject({ code: "nft-refused" });
  });
});
