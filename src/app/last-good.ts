import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { describeError, GatewayError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type Prepared, type PrepareOptions, prepare, warningsAbout } from "./prepare.ts";

/** What a gateway runs on, and what is wrong with the configuration if that is not the configuration as it stands. */
export interface Chosen {
  readonly prepared: Prepared;
  readonly fault: string | null;
  /** To be called once calls can be made on it: from then on it is the last good one. */
  confirm(): Promise<void>;
}

/**
 * Prepares the configuration; when it cannot be used, the last one that could. A slip of the pen in a field must not
 * take the telephones away, and must not go unnoticed either: `fault` says it, and the log. `lastGood` is where that
 * one is kept; null keeps none.
 * @throws GatewayError of `prepare` when there is no last good configuration either
 */
export async function chooseConfig(
  file: string,
  lastGood: string | null,
  options: PrepareOptions,
  log: Log,
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
    return { prepared, fault: null, confirm };
  } catch (error) {
    if (!isConfigFault(error) || lastGood === null) throw error;
    const fault = describeError(error);
    log.error("the configuration cannot be used; looking for the last good one", { fault });
    try {
      // What it names may be what is wrong: without its certificates there are still calls.
      const prepared = await prepare(lastGood, { ...options, base: dirname(resolve(file)), lenient: true });
      log.warn("running on the last good configuration", { file: lastGood });
      return { prepared, fault, confirm: async () => undefined };
    } catch (worse) {
      log.error("there is no last good configuration", { error: describeError(worse) });
      throw error;
    }
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
