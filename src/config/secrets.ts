import { resolve } from "node:path";
import { fail, ok, type Result } from "../base/result.ts";
import { type BrokerFiles, type KeyPair, readCertificates, readKeyPair } from "./certificates.ts";
import { type ConfigFault, type ConfigFaults, sortFaults } from "./faults.ts";
import { readGuarded } from "./guarded-file.ts";
import type { LoadedConfig } from "./load.ts";
import type { Config, SecretReference } from "./schema.ts";

/** A secret is at most this long, characters; its file at most `LARGEST_SECRET_FILE` bytes. */
const LONGEST_SECRET = 128;
const LARGEST_SECRET_FILE = 4096;

/** What Asterisk's registration line can carry. */
const TRUNK_PASSWORD = /^[A-Za-z0-9._~+=*!%^@-]+$/;
const UNUSABLE = "holds a character that chan_sip cannot be given: letters, digits and . _ ~ + = * ! % ^ @ - will do";

/** Bans that are signed with less could be forged by trying (RFC 2104 section 3 wants the hash's length). */
const SHORTEST_FLEET_KEY = 16;

/** A bearer token (RFC 6750 section 2.1, b64token): it is sent in a header. */
const API_KEY = /^[A-Za-z0-9._~+/-]{1,128}=*$/;
const NO_KEY = "holds a character that no API key has: letters, digits and . _ ~ + / - = will do";

/** Passwords of the trunks, by trunk. Never logged, never part of an error. */
export type TrunkPasswords = ReadonlyMap<string, string>;

/** Every secret that the configuration gives. Never logged, never part of an error. */
export interface Secrets {
  readonly trunks: TrunkPasswords;
  /** Null without `firewall.apiban.key`. */
  readonly apibanKey: string | null;
  /** Null without `status.mqtt.password`. */
  readonly mqttPassword: string | null;
  /** Null without `status.fleet.key`. */
  readonly fleetKey: string | null;
  /** Null without `status.mqtt`, or where `SecretOptions.lenient` found a fault. */
  readonly brokerFiles: BrokerFiles | null;
  /** Null without `web.cert`, or where `SecretOptions.lenient` found a fault. */
  readonly webFiles: KeyPair | null;
}

export interface SecretOptions {
  /** Certificates and their keys that cannot be had are left out: calls need none. */
  readonly lenient?: boolean;
}

/** Reads every secret that the configuration gives by file. Reports all that cannot be had. */
export async function loadSecrets(
  loaded: LoadedConfig,
  { lenient = false }: SecretOptions = {},
): Promise<Result<Secrets, ConfigFaults>> {
  const passwords = new Map<string, string>();
  const faults: ConfigFault[] = [];
  for (const [at, trunk] of loaded.config.trunks.entries()) {
    const secret = await resolveSecret(trunk.password, loaded.directory);
    const message = !secret.ok ? secret.error : TRUNK_PASSWORD.test(secret.value) ? null : UNUSABLE;
    if (secret.ok && message === null) passwords.set(trunk.name, secret.value);
    else faults.push(loaded.faultAt(["trunks", at, "password"], { code: "secret", message: message ?? "" }));
  }
  const optional = async (
    reference: SecretReference | undefined,
    path: readonly string[],
    faultOf: (secret: string) => string | null,
  ): Promise<string | null> => {
    if (reference === undefined) return null;
    const secret = await resolveSecret(reference, loaded.directory);
    const message = secret.ok ? faultOf(secret.value) : secret.error;
    if (secret.ok && message === null) return secret.value;
    faults.push(loaded.faultAt([...path], { code: "secret", message: message ?? "" }));
    return null;
  };
  const { firewall, status } = loaded.config;
  const apibanKey = await optional(firewall.apiban.key, ["firewall", "apiban", "key"], (key) =>
    API_KEY.test(key) ? null : NO_KEY,
  );
  const mqttPassword = await optional(status.mqtt?.password, ["status", "mqtt", "password"], () => null);
  const fleetKey = await optional(status.fleet.key, ["status", "fleet", "key"], (key) =>
    key.length < SHORTEST_FLEET_KEY ? `is shorter than ${SHORTEST_FLEET_KEY} characters` : null,
  );
  const certificates = await loadCertificates(loaded.config);
  if (!lenient) faults.push(...certificates.faults.map((fault) => loaded.faultAt(fault.path, fault)));
  const { brokerFiles, webFiles } = certificates;
  return faults.length > 0
    ? fail({ file: loaded.file, faults: sortFaults(faults) })
    : ok({ trunks: passwords, apibanKey, mqttPassword, fleetKey, brokerFiles, webFiles });
}

interface Certificates extends Pick<Secrets, "brokerFiles" | "webFiles"> {
  readonly faults: readonly { readonly path: string[]; readonly code: "secret"; readonly message: string }[];
}

/** Those that are in use: of what is switched off nothing is wanted. */
async function loadCertificates({ status: { mqtt }, web }: Config): Promise<Certificates> {
  const faults: Certificates["faults"][number][] = [];
  const note = (path: string[], message: string) => {
    faults.push({ path, code: "secret", message });
    return null;
  };
  const pair = async ({ cert, key }: { cert?: string | undefined; key?: string | undefined }, path: string[]) => {
    if (cert === undefined || key === undefined) return null;
    const read = await readKeyPair(cert, key);
    if (read.ok) return read.value;
    for (const { of, message } of read.error) note([...path, of], message);
    return null;
  };
  const webFiles = web.enabled ? await pair(web, ["web"]) : null;
  if (mqtt === undefined) return { brokerFiles: null, webFiles, faults };
  const path = ["status", "mqtt"];
  const ca = mqtt.ca === undefined ? null : await readCertificates(mqtt.ca);
  const authorities = ca === null ? null : ca.ok ? ca.value : note([...path, "ca"], ca.error);
  const before = faults.length;
  const own = await pair(mqtt, path);
  // Without what it is to be checked by, or to show, there must be no connection at all.
  const whole = (ca === null || ca.ok) && faults.length === before;
  return { brokerFiles: whole ? { ca: authorities, own } : null, webFiles, faults };
}

/**
 * A secret itself: as written, or the first line of its file without blanks around it. The file must not be
 * accessible to other users, nor writable by its group.
 */
export async function resolveSecret(reference: SecretReference, directory: string): Promise<Result<string, string>> {
  if (typeof reference === "string") return ok(reference);
  const path = resolve(directory, reference.file);
  const read = await readGuarded(path, { largest: LARGEST_SECRET_FILE, what: "the secret", secret: true });
  if (!read.ok) return read;
  const first =
    read.value
      .toString("utf8")
      .replace(/^\uFEFF/, "")
      .split(/\r?\n/, 1)[0] ?? "";
  const secret = first.trim();
  if (secret === "") return fail(`the first line of ${path} is empty`);
  if (secret.length > LONGEST_SECRET)
    return fail(`the first line of ${path} is longer than ${LONGEST_SECRET} characters`);
  if (/\p{Cc}|\uFFFD/u.test(secret)) return fail(`the first line of ${path} is not text`);
  return ok(secret);
}
