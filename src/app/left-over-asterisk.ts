import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { silentLog } from "../base/log.ts";
import { findAsterisk } from "../drivers/asterisk-files.ts";
import { AsteriskProcess } from "../drivers/asterisk-process.ts";
import type { Directories } from "../sip/port.ts";

/**
 * Ends the Asterisk that a killed supervisor left on these directories. Answers whether there was one. What else may
 * have its process id by now is left alone.
 */
export async function endLeftOverAsterisk(directories: Directories): Promise<boolean> {
  const configFile = join(directories.config, "asterisk.conf");
  const pid = Number(await readFile(join(directories.run, "asterisk.pid"), "utf8").catch(() => ""));
  if (!Number.isInteger(pid) || pid < 2) return false;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  if (!commandLine.split("\0").includes(configFile)) return false;
  const { program } = findAsterisk();
  const { run, log } = directories;
  const asterisk = new AsteriskProcess(
    { program, configFile, runDirectory: run, logDirectory: log, user: null },
    silentLog,
  );
  await asterisk.start(); // attaches
  await asterisk.stop();
  return true;
}
