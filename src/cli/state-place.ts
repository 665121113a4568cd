import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { access, constants, lstat, mkdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { GatewayError } from "../base/errors.ts";
import { asteriskUser } from "../drivers/asterisk-files.ts";

/** Longest path of a local socket, bytes (the kernel's sun_path), and of what we put below the runtime directory. */
const LONGEST_SOCKET = 107;
const LONGEST_BELOW = "/event/asterisk/run/asterisk.ctl.tmp".length;

/** Where `start` keeps everything: $PAXGATE_STATE_DIR, or `.paxgate` beside the folder that holds the program. */
export function stateDirectory(): string {
  const given = process.env["PAXGATE_STATE_DIR"];
  if (given !== undefined && given !== "") return resolve(given);
  return join(dirname(dirname(realpathSync(process.argv[1] ?? "."))), ".paxgate");
}

/** The configuration that `start` writes, and that the other demonstration commands look for. */
export const demonstrationConfig = (): string => join(stateDirectory(), "paxgate.yaml");

/** Directories for the demonstration's configuration, and why they are elsewhere when they are. */
export interface Place {
  readonly state: string;
  readonly runtime: string;
  readonly because: string | null;
}

/**
 * Normally both lie in the state directory. Sockets need a short path, and as root Asterisk runs as a user of its own
 * who must be able to pass through every directory above: a checkout in /root or deep down can't hold them.
 */
export async function choosePlace(directory: string): Promise<Place> {
  const inside = { state: join(directory, "state"), runtime: join(directory, "run"), because: null };
  const tag = createHash("sha256").update(directory).digest("hex").slice(0, 8);
  const root = process.getuid?.() === 0;
  if (root && (await asteriskUser()) !== null) {
    const closed = await closedAbove(directory);
    if (closed !== null) {
      const because = `Asterisk's own user cannot pass through ${closed}`;
      return { state: `/var/lib/paxgate-${tag}`, runtime: `/run/paxgate-${tag}`, because };
    }
  }
  if (Buffer.byteLength(inside.runtime) + LONGEST_BELOW <= LONGEST_SOCKET) return inside;
  const runtime = root ? `/run/paxgate-${tag}` : `/tmp/paxgate-${process.getuid?.() ?? 0}-${tag}`;
  return { ...inside, runtime, because: `${directory} is too long for the sockets in it` };
}

/**
 * Makes a directory of ours that others may pass through but not read.
 * @throws GatewayError `directory-closed` when it cannot be made or written to, `foreign-directory` when somebody else has made it, `path-too-long` for a runtime directory
 * whose sockets would have too long a path
 */
export async function makeOwn(directory: string, holdsSockets: boolean): Promise<void> {
  if (holdsSockets && Buffer.byteLength(directory) + LONGEST_BELOW > LONGEST_SOCKET) {
    const most = LONGEST_SOCKET - LONGEST_BELOW;
    const message = `${directory} is too long for the sockets in it: paths.runtime may have ${most} bytes`;
    throw new GatewayError("path-too-long", message);
  }
  try {
    await mkdir(directory, { recursive: true, mode: 0o711 });
    await access(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = `${directory} cannot be written to (${code}): name another place (PAXGATE_STATE_DIR, or paths in the configuration)`;
    throw new GatewayError("directory-closed", message, { details: { directory } });
  }
  const found = await lstat(directory);
  if (found.isDirectory() && found.uid === process.getuid?.()) return;
  throw new GatewayError("foreign-directory", `${directory} belongs to another user: remove it`);
}

/** The first directory above that other users cannot pass through; null when there is none. */
async function closedAbove(directory: string): Promise<string | null> {
  for (let above = directory; above !== dirname(above); above = dirname(above)) {
    const found = await stat(above).catch(() => null);
    if (found !== null && (found.mode & 0o001) === 0) return above;
  }
  return null;
}
