import { describeError } from "../base/errors.ts";
import type { Dispose } from "../base/events.ts";
import type { Log } from "../base/log.ts";
import type { AsteriskPorts } from "./port.ts";
import { every } from "./timing-service.ts";

const CHECK_MS = 2_000;
/** Each of the two logs, and its predecessor, is at most about this large: bytes. */
const LIMIT_BYTES = 1_000_000;

/** Keeps Asterisk's logs from filling the disk, until disposed. */
export function boundLogs(ports: AsteriskPorts, up: () => boolean, log: Log): Dispose {
  const look = async () => {
    const moved = await ports.files.boundLogs(LIMIT_BYTES);
    if (moved && up()) await ports.commands.command("logger reload");
  };
  return every(CHECK_MS, () => {
    void look().catch((error: unknown) => log.warn("bounding the logs failed", { error: describeError(error) }));
  });
}
