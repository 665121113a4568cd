import { execFile } from "node:child_process";
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { formatFaults } from "./faults.ts";
import { loadConfig } from "./load.ts";
import { loadSecrets, type SecretOptions, type Secrets } from "./secrets.ts";

const run = promisify(execFile);
let directory: string;
const path = (name: string) => join(directory, name);

/** Certificates as a person makes them: one of each kind of key, each its own authority. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-certificates-"));
  for (const [name, ...key] of [
    ["one", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    ["two", "-newkey", "rsa:2048"],
  ] as const) {
    const files = ["-keyout", path(`${name}.key`), "-out", path(`${name}.pem`)];
    await run("openssl", ["req", "-x509", "-nodes", ...key, ...files, "-subj", `/CN=${name}`, "-days", "2"]);
    await chmod(path(`${name}.key`), 0o600);
  }
  await writeFile(path("both.pem"), Buffer.concat([await readFile(path("one.pem")), await readFile(path("two.pem"))]));
  const locked = ["pkey", "-in", path("one.key"), "-out", path("locked.key"), "-aes128", "-passout", "pass:hush-hush"];
  await run("openssl", locked);
});
afterAll(() => rm(directory, { recursive: true }));
afterEach(() => rm(path("changed"), { force: true }));

const web = (cert: string, key: string) => `web: { cert: ${cert}, key: ${key} }\n`;
const mqtt = (files: string) => `status: { mqtt: { url: "mqtts://broker.example:8883", ${files} } }\n`;

/** The secrets, or the faults as people see them. */
async function secrets(text: string, options?: SecretOptions): Promise<Secrets | string> {
  await writeFile(path("paxgate.yaml"), `lines: [{ name: tie }]\n${text}`, { mode: 0o600 });
  const loaded = await loadConfig(path("paxgate.yaml"));
  if (!loaded.ok) throw new Error(formatFaults(loaded.error));
  const found = await loadSecrets(loaded.value, options);
  return found.ok ? found.value : formatFaults(found.error);
}

describe("certificates and keys", () => {
  it("are read with the configuration, relative to it, of every kind of key, with their chain", async () => {
    const [one, oneKey, two, both] = await Promise.all(
      ["one.pem", "one.key", "two.pem", "both.pem"].map((name) => readFile(path(name))),
    );
    const found = await secrets(web("both.pem", "one.key") + mqtt("ca: both.pem, cert: one.pem, key: one.key"));
    expect(found).toMatchObject({
      webFiles: { cert: both, key: oneKey },
      brokerFiles: { ca: both, own: { cert: one, key: oneKey } },
    });
    expect(await secrets(web("two.pem", "two.key"))).toMatchObject({ webFiles: { cert: two }, brokerFiles: null });
    expect(await secrets(mqtt("ca: two.pem"))).toMatchObject({ webFiles: null, brokerFiles: { ca: two, own: null } });
    expect(await secrets(mqtt(""))).toMatchObject({ brokerFiles: { ca: null, own: null } });
  });

  it.each([
    ["is missing", "nowhere.pem", "one.key", "web.cert", /there is no file \S+nowhere.pem: write the certificate/],
    ["is a key", "one.key", "one.key", "web.cert", /holds no certificate in PEM/],
    ["is missing", "one.pem", "nowhere.key", "web.key", /there is no file \S+nowhere.key: .*, mode 600/],
    ["is a certificate", "one.pem", "one.pem", "web.key", /every user of this machine can get at .*: chmod 600/],
    ["is another's", "one.pem", "two.key", "web.key", /two.key is not the key of \S+one.pem/],
    ["has a passphrase", "one.pem", "locked.key", "web.key", /locked.key is encrypted: decrypt it/],
    ["is a directory", "one.pem", ".", "web.key", /is not a file/],
  ])("a file that %s is a fault with its place: %s, %s", async (_, cert, key, of, message) => {
    const text = await secrets(web(cert, key));
    expect(text).toMatch(message);
    expect(text).toMatch(new RegExp(`paxgate.yaml:2:[0-9]+: ${of}: `));
  });

  it("a key that others can read, or that is damaged, is a fault, and never shown", async () => {
    const good = await readFile(path("one.key"), "utf8");
    await copyFile(path("one.key"), path("changed"));
    for (const mode of [0o644, 0o604, 0o620]) {
      await chmod(path("changed"), mode);
      expect(await secrets(web("one.pem", "changed"))).toContain("chmod 600 it");
    }
    await chmod(path("changed"), 0o640);
    expect(await secrets(web("one.pem", "changed"))).toHaveProperty("webFiles.key");
    const middle = good.split("\n")[1] ?? "";
    await writeFile(path("changed"), good.replace(middle, middle.slice(8)));
    const text = await secrets(web("one.pem", "changed"));
    expect(text).toContain("changed: the key is damaged");
    expect(text).not.toContain(middle.slice(8, 24));
    await writeFile(path("changed"), "");
    expect(await secrets(web("one.pem", "changed"))).toContain("holds no key in PEM");
  });

  it("a damaged certificate is a fault wherever in the file it stands, and so is one that everybody can write", async () => {
    const both = await readFile(path("both.pem"), "utf8");
    const at = both.lastIndexOf("BEGIN CERTIFICATE-----\n") + 40;
    await writeFile(path("changed"), both.slice(0, at) + both.slice(at + 20));
    expect(await secrets(mqtt("ca: changed"))).toMatch(/status\.mqtt\.ca: .*changed: certificate 2 is damaged/);
    await writeFile(path("changed"), both);
    expect(await secrets(mqtt("ca: changed"))).toHaveProperty("brokerFiles.ca");
    await chmod(path("changed"), 0o666);
    expect(await secrets(mqtt("ca: changed"))).toContain("every user of this machine can write");
  });

  it("are all judged at once", async () => {
    const text = await secrets(web("no.pem", "no.key") + mqtt("ca: no.pem, cert: no.pem, key: no.key"));
    for (const of of ["web.cert", "web.key", "status.mqtt.ca", "status.mqtt.cert", "status.mqtt.key"]) {
      expect(text).toContain(`: ${of}: there is no file`);
    }
  });

  it("of a page that is switched off are not wanted", async () => {
    const off = "web: { enabled: false, cert: no.pem, key: no.key }\n";
    expect(await secrets(off)).toMatchObject({ webFiles: null });
  });

  it("that cannot be had are left out of the last good configuration, all of one connection together", async () => {
    const text = web("one.pem", "no.key") + mqtt("ca: one.pem, cert: one.pem, key: two.key");
    expect(await secrets(text)).toContain("there is no file");
    expect(await secrets(text, { lenient: true })).toMatchObject({ webFiles: null, brokerFiles: null });
    const half = web("one.pem", "one.key") + mqtt("ca: no.pem, cert: one.pem, key: one.key");
    expect(await secrets(half, { lenient: true })).toMatchObject({ webFiles: { key: {} }, brokerFiles: null });
  });
});
