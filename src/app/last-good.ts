import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { describeError, GatewayError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type Prepared, type PrepareOptions, prepare, warningsAbout } from "./prepare.ts";

/** What a gateway runs on, and what is wrong with the configuration if that is not the configuration as it stands. */
export interface Chosen {
  readonly prepared: Prepared;
  readonly fault: string | null;
  /** The configuration as it stands, or what is in its place. */
  readonly runsOn: "file" | "last-good" | "safe-default";
  /** To be called once calls can be made on it: from then on it is the last good one. */
  confirm(): Promise<void>;
}

/**
 * Prepares the configuration; when it cannot be used, the last one that could. A slip of the pen in a field must not
 * take the telephones away, and must not go unnoticed either: `fault` says it, and the log. `lastGood` is where that
 * one is kept; null keeps none. `safeDefault`: one that is used when there is no other; null: none is.
 * @throws GatewayError of `prepare` when there is none of these
 */
export async function chooseConfig(
  file: string,
  lastGood: string | null,
  options: PrepareOptions,
  log: Log,
  safeDefault: string | null = null,
): Promise<Chosen> {
  try {
    // Read before it is prepared: if it changes in between, what is kept is no newer than what is used.
    const text = lastGood === null ? null : await readFile(file).catch(() => null);
    const prepared = await prepare(file, options);
    for (const warning of await warningsAbout(prepared.loaded)) log.warn(warning);
    const confirm = async () => {
      if (lastGood === null || text === null) return;
      await keep(text, lastGood).catch((error: unknown) =>
        log.warn("the configuration could not be kept as the last good one", { error: describeError(error) }),
      );
    };
    return { prepared, fault: null, runsOn: "file", confirm };
  } catch (error) {
    if (!isConfigFault(error) || (lastGood === null && safeDefault === null)) throw error;
    const fault = describeError(error);
    log.error("the configuration cannot be used; looking for the last good one", { fault });
    const others = { "last-good": lastGood, "safe-default": safeDefault } as const;
    for (const [runsOn, other] of Object.entries(others) as ["last-good" | "safe-default", string | null][]) {
      if (other === null) continue;
      const prepared = await standIn(other, dirname(resolve(file)), options, log);
      if (prepared === null) continue;
      log.warn("running on another configuration", { file: other });
      return { prepared, fault, runsOn, confirm: async () => undefined };
    }
    throw error;
  }
}

/** A configuration in the place of one that cannot be used; null when it cannot be used either. */
async function standIn(file: string, base: string, options: PrepareOptions, log: Log): Promise<Prepared | null> {
  try {
    // What it names may be what is wrong: without its certificates there are still calls.
    return await prepare(file, { ...options, base, lenient: true });
  } catch (error) {
    log.error("this configuration cannot be used either", { file, error: describeError(error) });
    return null;
  }
}

/** Whether an error is the configuration's, so that another configuration may do better. */
function isConfigFault(error: unknown): boolean {
  return error instanceof GatewayError && (error.code === "config-invalid" || error.code.startsWith("sip-"));
}

/** Writes atomically, for nobody else to read: the file may hold a password. */
async function keep(text: Uint8Array, lastGood: string): Promise<void> {
  await mkdir(dirname(lastGood), { recursive: true, mode: 0o711 });
  const temporary = `${lastGood}.new`;
  await rm(temporary, { force: true });
  await writeFile(temporary, text, { mode: 0o600, flag: "wx", flush: true });
  await rename(temporary, lastGood);
}
