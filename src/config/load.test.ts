import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatFaults } from "./faults.ts";
import { configError, loadConfig } from "./load.ts";
import { loadSecrets, resolveSecret } from "./secrets.ts";

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-config-"));
  file = join(directory, "paxgate.yaml");
});
afterEach(() => rm(directory, { recursive: true }));

const trunk = `lines: [{ name: tie }]
trunks:
  - name: emf
    server: sip.example
    username: "4100"
    password: { file: emf.password }
`;

async function loaded(text: string) {
  await writeFile(file, text);
  const result = await loadConfig(file);
  if (!result.ok) return expect.fail(formatFaults(result.error));
  return result.value;
}

async function secretFile(text: string | Uint8Array, mode = 0o600): Promise<void> {
  await writeFile(join(directory, "emf.password"), text);
  await chmod(join(directory, "emf.password"), mode);
}

describe("a configuration file", () => {
  it("has its directories made absolute, relative to itself", async () => {
    const { config, directory: base } = await loaded(`${trunk}paths: { state: var, runtime: /run/x }\n`);
    expect(config.paths).toEqual({ state: join(directory, "var"), runtime: "/run/x" });
    expect(base).toBe(directory);
  });

  it.each([
    ["upstream", 2, 10_999, 10_099],
    ["upstream", 2, 10_049, 10_049],
    ["upstream", 24, 10_999, 10_103],
    ["none", 2, 10_999, 10_999],
  ])("with nat.mode %s and %i lines uses of the audio ports up to %i those up to %i", async (mode, count, to, used) => {
    const lines = Array.from({ length: count }, (_, at) => `{ name: tie${at} }`).join(", ");
    const { config } = await loaded(`lines: [${lines}]\nnat: { mode: ${mode} }\nsip: { rtpPorts: { to: ${to} } }\n`);
    expect(config.sip.rtpPorts).toEqual({ from: 10_000, to: used });
  });

  it("that is missing is reported with the remedy", async () => {
    const result = await loadConfig(file);
    expect(result.ok ? "" : formatFaults(result.error)).toMatch(/there is no such file: copy .*paxgate\.example\.yaml/);
  });

  it("is not a directory, and a pipe in its place does not hold the start up", async () => {
    await mkdir(file);
    expect(await loadConfig(file)).toMatchObject({ ok: false, error: { faults: [{ message: "is not a file" }] } });
    const pipe = join(directory, "pipe");
    execFileSync("mkfifo", [pipe]);
    expect(await loadConfig(pipe)).toMatchObject({ ok: false, error: { faults: [{ message: "is not a file" }] } });
  });

  it("with faults becomes an error with a stable code and the faults in it", async () => {
    await writeFile(file, "lines: 1\n");
    const result = await loadConfig(file);
    if (result.ok) return expect.fail("loaded");
    expect(configError(result.error)).toMatchObject({
      code: "config-invalid",
      details: { faults: [{ path: ["lines"] }] },
    });
  });
});

describe("a secret in a file", () => {
  it("is its first line without blanks around it", async () => {
    await secretFile("  hunter2 \r\nnote to self\n");
    expect(await loadSecrets(await loaded(trunk))).toMatchObject({ value: { trunks: new Map([["emf", "hunter2"]]) } });
  });

  it("is not needed when the secret is written in the configuration", async () => {
    expect(await resolveSecret("as written", directory)).toEqual({ ok: true, value: "as written" });
  });

  it.each([0o604, 0o644, 0o602, 0o601, 0o620])("is refused when its mode is %o", async (mode) => {
    await secretFile("hunter2\n", mode);
    const result = await loadSecrets(await loaded(trunk));
    const text = result.ok ? "" : formatFaults(result.error);
    expect(text).toContain("chmod 600");
    expect(text).toContain("paxgate.yaml:6:15: trunks[0].password");
    expect(text).not.toContain("hunter2");
  });

  it.each([0o600, 0o400, 0o640])("is accepted when its mode is %o", async (mode) => {
    await secretFile("hunter2\n", mode);
    expect(await loadSecrets(await loaded(trunk))).toMatchObject({ ok: true });
  });

  it.each<[string, string | Uint8Array, string]>([
    ["empty", "\nhunter2\n", "is empty"],
    ["too long", "hunter2".repeat(30), "longer than 128"],
    ["not text", "hunter2\u0007x", "is not text"],
    ["not UTF-8", Uint8Array.of(0x68, 0xff), "is not text"],
    ["huge", "hunter2\n".repeat(1000), "too large"],
  ])("that is %s is refused without showing it", async (_, content, message) => {
    await secretFile(content);
    const result = await loadSecrets(await loaded(trunk));
    const text = result.ok ? "" : formatFaults(result.error);
    expect(text).toContain(message);
    expect(text).not.toContain("hunter2");
  });

  it("that is missing or a directory is refused with its path", async () => {
    const config = await loaded(trunk);
    expect(JSON.stringify(await loadSecrets(config))).toContain("there is no file");
    await mkdir(join(directory, "emf.password"), { mode: 0o700 });
    expect(JSON.stringify(await loadSecrets(config))).toContain("is not a file");
  });

  it("behind a symbolic link is judged by the file it leads to", async () => {
    await writeFile(join(directory, "open"), "hunter2\n", { mode: 0o644 });
    await symlink(join(directory, "open"), join(directory, "emf.password"));
    expect(await loadSecrets(await loaded(trunk))).toMatchObject({ ok: false });
  });
});

describe("the key for APIBAN", () => {
  const withKey = (key: string) => `${trunk}firewall: { apiban: { key: ${key} } }\n`;

  it("is had as a trunk's password is, and is null when there is none", async () => {
    await secretFile("hunter2\n");
    expect(await loadSecrets(await loaded(trunk))).toEqual({
      ok: true,
      value: {
        ...{ trunks: new Map([["emf", "hunter2"]]), apibanKey: null, mqttPassword: null, fleetKey: null },
        ...{ brokerFiles: null, webFiles: null },
      },
    });
    await writeFile(join(directory, "apiban.key"), "a1b2.c3\n", { mode: 0o600 });
    const found = await loadSecrets(await loaded(withKey("{ file: apiban.key }")));
    expect(found).toMatchObject({ ok: true, value: { apibanKey: "a1b2.c3" } });
    expect(await loadSecrets(await loaded(withKey("a1b2")))).toMatchObject({ ok: true, value: { apibanKey: "a1b2" } });
  });

  it("does not stand in the configuration when it is in a file", async () => {
    await writeFile(join(directory, "apiban.key"), "a1b2.c3\n", { mode: 0o600 });
    const { config } = await loaded(withKey("{ file: apiban.key }"));
    expect(JSON.stringify(config)).not.toContain("a1b2");
  });

  it.each(["hunter2 hunter2", "hunter2\u0022"])("that no header can carry is refused, not shown: %j", async (key) => {
    await secretFile("pw\n");
    const result = await loadSecrets(await loaded(withKey(JSON.stringify(key))));
    const text = result.ok ? "" : formatFaults(result.error);
    expect(text).toContain("firewall.apiban.key: holds a character that no API key has");
    expect(text).not.toContain("hunter2");
  });

  it("is reported together with a trunk's password, and never shown by another fault of its line", async () => {
    const result = await loadSecrets(await loaded(withKey("{ file: nowhere }")));
    expect(result.ok ? [] : result.error.faults.map(({ path }) => path.join("."))).toEqual([
      "trunks.0.password",
      "firewall.apiban.key",
    ]);
    await writeFile(file, `${trunk}firewall: { apiban: { key: hunter2, url: ftp://x } }\n`);
    const broken = await loadConfig(file);
    const text = broken.ok ? "" : formatFaults(broken.error);
    expect(text).toContain("firewall.apiban.url");
    expect(text).not.toContain("hunter2");
  });
});

describe("a block list's file", () => {
  it("is relative to the configuration", async () => {
    const lists =
      "firewall: { blockLists: [{ name: a, file: blocked.txt }, { name: b, url: 'https://lists.example/b' }] }";
    const { config } = await loaded(`${trunk}${lists}\n`);
    expect(config.firewall.blockLists.map((list) => list.file)).toEqual([join(directory, "blocked.txt"), undefined]);
  });
});
