import { join } from "node:path";
import { silentLog } from "../base/log.ts";
import { asteriskUser, findAsterisk } from "../drivers/asterisk-files.ts";
import { AsteriskProcess } from "../drivers/asterisk-process.ts";
import type { Directories } from "../sip/port.ts";

/**
 * Ends the Asterisk that a killed supervisor left on these directories. Answers whether there was one. What else may
 * have its process id by now is left alone.
 */
export async function endLeftOverAsterisk({ config, run }: Directories): Promise<boolean> {
  const { program } = findAsterisk();
  const configFile = join(config, "asterisk.conf");
  const user = await asteriskUser();
  const asterisk = new AsteriskProcess({ program, configFile, runDirectory: run, user }, silentLog);
  if (!asterisk.attach()) return false;
  await asterisk.stop();
  return true;
}
