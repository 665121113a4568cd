import { join } from "node:path";
import type { Log } from "../base/log.ts";
import { AsteriskProcess, type AsteriskProcessOptions } from "../drivers/asterisk-process.ts";
import type { FoundAsterisk } from "../drivers/asterisk-process-found.ts";
import { AsteriskUnit } from "../drivers/asterisk-process-unit.ts";
import type { FilesPort } from "../sip/port.ts";
import type { Prepared } from "./prepare.ts";
import type { Watched } from "./progress.ts";

/** Name of the file, in the runtime directory, by which Asterisk's unit is asked for. */
export const ASTERISK_REQUEST = "asterisk-start";

/**
 * Our Asterisk: a child of ours, or, when `unit` is the list of its processes, a unit that the service manager starts as
 * `user`.
 */
export function asteriskProcess(
  { loaded, model, program }: Pick<Prepared, "loaded" | "model" | "program">,
  {
    unit,
    user,
  }: { readonly unit: string | null; readonly user: { readonly uid: number; readonly gid: number } | null },
  names: NonNullable<AsteriskProcessOptions["names"]>,
  log: Log,
): FoundAsterisk {
  if (unit !== null && user !== null) {
    const requestFile = join(loaded.config.paths.runtime, ASTERISK_REQUEST);
    return new AsteriskUnit({ user, requestFile, membersFile: unit }, log);
  }
  const { config, run } = model.directories;
  const configFile = join(config, "asterisk.conf");
  return new AsteriskProcess({ program, configFile, runDirectory: run, user, names }, log);
}

/** The files, which are looked at at each check of Asterisk and written at each of its starts: then `watched` beats. */
export function watchedFiles(files: FilesPort, watched: () => Watched | null): FilesPort {
  return {
    write: (profile) => files.write(profile).finally(() => watched()?.beat()),
    differing: (profile) => files.differing(profile).finally(() => watched()?.beat()),
    boundLogs: (maxBytes) => files.boundLogs(maxBytes),
  };
}
