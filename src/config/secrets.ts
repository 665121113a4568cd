import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { resolve } from "node:path";
import { fail, ok, type Result } from "../base/result.ts";
import { type ConfigFault, type ConfigFaults, sortFaults } from "./faults.ts";
import type { LoadedConfig } from "./load.ts";
import type { SecretReference } from "./schema.ts";

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
}

/** Reads every secret that the configuration gives by file. Reports all that cannot be had. */
export async function loadSecrets(loaded: LoadedConfig): Promise<Result<Secrets, ConfigFaults>> {
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
  return faults.length > 0
    ? fail({ file: loaded.file, faults: sortFaults(faults) })
    : ok({ trunks: passwords, apibanKey, mqttPassword, fleetKey });
}

/**
 * A secret itself: as written, or the first line of its file without blanks around it. The file must not be
 * accessible to other users, nor writable by its group.
 */
export async function resolveSecret(reference: SecretReference, directory: string): Promise<Result<string, string>> {
  if (typeof reference === "string") return ok(reference);
  const path = resolve(directory, reference.file);
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    // Asked of the opened file, not of the path, so that it cannot be exchanged in between.
    const { mode, size } = await handle.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) return fail(`${path} is not a file`);
    if ((mode & 0o007) !== 0) return fail(`every user of this machine can get at ${path}: chmod 600 it`);
    if ((mode & 0o020) !== 0) return fail(`${path} can be written by its group: chmod 600 it`);
    if (size > LARGEST_SECRET_FILE) return fail(`${path} is too large to hold a secret`);
    const secret =
      (await handle.readFile("utf8"))
        .replace(/^\uFEFF/, "")
        .split(/\r?\n/, 1)[0]
        ?.trim() ?? "";
    if (secret === "") return fail(`the first line of ${path} is empty`);
    if (secret.length > LONGEST_SECRET)
      return fail(`the first line of ${path} is longer than ${LONGEST_SECRET} characters`);
    if (/\p{Cc}|\uFFFD/u.test(secret)) return fail(`the first line of ${path} is not text`);
    return ok(secret);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR")
      return fail(`there is no file ${path}: write the secret into it, mode 600`);
    if (code === "EACCES" || code === "EPERM") return fail(`${path} may not be read by this user`);
    return fail(`${path} cannot be read (${code ?? "unknown error"})`);
  } finally {
    await handle?.close();
  }
}
