#!/usr/bin/env node
/**
 * Writes what describes an image: the manifest (for people and for comparing builds), the bill of materials (CycloneDX
 * 1.5) and the entry for Raspberry Pi Imager. Called by scripts/build-image; everything comes from the environment.
 */
import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const env = (name) => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: this is called by scripts/build-image`);
  return value;
};
const lines = (path) =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "");

const version = env("VERSION");
const date = new Date(Number(env("SOURCE_DATE_EPOCH")) * 1000).toISOString();

/** "name_1%3a2.3_arm64.deb hash", as apt resolved and fetched it. */
const packages = lines(env("RESOLVED")).map((line) => {
  const [file, hash] = line.split(" ");
  const [name, escaped, architecture] = file.replace(/\.deb$/, "").split("_");
  return { name, version: decodeURIComponent(escaped), architecture, sha256: hash };
});

/** The npm packages that the program is bundled from. */
const lock = JSON.parse(readFileSync(join(env("CHECKOUT"), "package-lock.json"), "utf8"));
const modules = Object.entries(lock.packages)
  .filter(([path, { dev, optional }]) => path !== "" && dev !== true && optional !== true)
  .map(([path, { version, license, integrity, name }]) => ({
    name: name ?? path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
    version,
    license,
    sha512: integrity?.startsWith("sha512-") ? Buffer.from(integrity.slice(7), "base64").toString("hex") : undefined,
  }));

/** The states of Debian's suites that were resolved from. */
const releases = env("RELEASES")
  .split(" ")
  .map((path) => {
    const text = readFileSync(path, "utf8");
    const field = (name) => text.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1] ?? "?";
    return `${field("Codename")} ${field("Date")}`;
  })
  .sort();
const passedOver = lines(env("PASSED_OVER"));

async function sha256(path) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

const asterisk = packages.find(({ name }) => name === "asterisk")?.version ?? "none";
writeFileSync(
  env("MANIFEST"),
  [
    `paxgate ${version} for arm64, ${date}`,
    `asterisk ${asterisk}`,
    ...passedOver.map((entry) => `listed by the mirror, but not to be had: ${entry}`),
    `layers ${env("LAYERS")}`,
    ...releases.map((release) => `suite ${release}`),
    ...env("MAKERS")
      .split(",")
      .map((maker) => `made by ${maker}`),
    `card ${env("CARD_SHA256")}`,
    "what the image was made from follows; of the packages a part is not on the card (the layers' lists, unused libraries)",
    "",
    ...packages.map((entry) => `deb ${entry.name} ${entry.version} ${entry.architecture} ${entry.sha256}`),
    ...modules.map((entry) => `npm ${entry.name} ${entry.version}`),
    "",
  ].join("\n"),
);

const components = [
  ...packages.map((entry) => ({
    type: /^(linux-binary|linux-modules)/.test(entry.name) ? "operating-system" : "library",
    name: entry.name,
    version: entry.version,
    purl: `pkg:deb/debian/${entry.name}@${encodeURIComponent(entry.version)}?arch=${entry.architecture}`,
    hashes: [{ alg: "SHA-256", content: entry.sha256 }],
  })),
  ...modules.map((entry) => ({
    type: "library",
    name: entry.name,
    version: entry.version,
    purl: `pkg:npm/${entry.name.replace("@", "%40")}@${entry.version}`,
    ...(entry.license === undefined ? {} : { licenses: [{ expression: entry.license }] }),
    ...(entry.sha512 === undefined ? {} : { hashes: [{ alg: "SHA-512", content: entry.sha512 }] }),
  })),
].map((component) => ({ ...component, "bom-ref": component.purl }));
// A name for this very content, made of it: two builds of the same have the same.
const digest = createHash("sha256").update(JSON.stringify(components)).update(version).digest("hex");
const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
const bill = {
  bomFormat: "CycloneDX",
  specVersion: "1.5",
  serialNumber: `urn:uuid:${uuid}`,
  version: 1,
  metadata: { timestamp: date, component: { type: "firmware", name: "paxgate", version, "bom-ref": "paxgate" } },
  components,
};
writeFileSync(env("SBOM"), `${JSON.stringify(bill, null, 1)}\n`);

const archive = env("ARCHIVE");
const entry = {
  name: `paxgate ${version}`,
  description:
    "Gateway between a Strowger PAX and an event's SIP phone network. Its settings: paxgate.yaml on the card.",
  // Where the archive will be got from; without it, the file beside this one.
  url: `${env("DOWNLOAD")}${basename(archive)}`,
  release_date: date.slice(0, 10),
  extract_size: statSync(env("CARD")).size,
  extract_sha256: env("CARD_SHA256"),
  image_download_size: statSync(archive).size,
  image_download_sha256: await sha256(archive),
  devices: ["pi5-64bit", "pi4-64bit", "pi3-64bit"],
  // Imager's own settings are another system's: ours are in paxgate.yaml.
  init_format: "none",
};
writeFileSync(env("IMAGER"), `${JSON.stringify({ os_list: [entry] }, null, 2)}\n`);
