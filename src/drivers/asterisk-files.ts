import { existsSync, readdirSync } from "node:fs";
import { chmod, lstat, mkdir, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GatewayError } from "../base/errors.ts";
import type { Directories, FilesPort, Profile } from "../sip/port.ts";
import { type Owner, ownDirectory, readOrdinary, replaceFile } from "./guarded-files.ts";

/** Far above any profile: bytes of one file. */
const FILE_LIMIT_BYTES = 8_000_000;

/**
 * Writes the profile where Asterisk reads it and keeps its logs bounded. When Asterisk is another user than we, the
 * configuration stays ours: Asterisk may read it as its group, and can neither change it nor put a link in our way.
 * What Asterisk writes to, root gives to it. Who is not root cannot: those directories stay his, and Asterisk writes to
 * them as its group, in which he has to be too.
 */
export class AsteriskFiles implements FilesPort {
  readonly #directories: Directories;
  readonly #user: Owner;

  /** `user`: who Asterisk runs as, when that is not ourselves. */
  constructor(directories: Directories, user: Owner) {
    this.#directories = directories;
    this.#user = user;
  }

  async write(profile: Profile): Promise<readonly string[]> {
    const { config, run, log, spool, database, keys } = this.#directories;
    const readable = this.#user === null ? null : { uid: ourUid(), gid: this.#user.gid };
    const writable = this.#user !== null && ourUid() !== 0 ? readable : this.#user;
    const writableMode = writable !== this.#user ? 0o770 : 0o700;
    for (const directory of [config, run, log, spool, database, keys]) {
      await makePassable(dirname(directory));
      await this.#requireSafe(directory);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      if (directory === config) await ownDirectory(directory, readable !== null ? 0o750 : 0o700, readable);
      else await ownDirectory(directory, writableMode, writable);
    }
    const changed = await this.differing(profile);
    for (const name of changed) {
      const mode = readable === null ? 0o600 : 0o640;
      await replaceFile(join(config, name), profile.get(name) ?? "", mode, readable);
    }
    return changed;
  }

  async differing(profile: Profile): Promise<readonly string[]> {
    // A file that somebody else owns is not ours, whatever it says now.
    const now = (name: string) => readOrdinary(join(this.#directories.config, name), FILE_LIMIT_BYTES, ourUid());
    return [...profile].filter(([name, text]) => now(name) !== text).map(([name]) => name);
  }

  async boundLogs(maxBytes: number): Promise<boolean> {
    let moved = false;
    for (const name of ["messages", "security"]) {
      // In Asterisk's own directory: looked at and renamed by name only, neither of which follows a link.
      const path = join(this.#directories.log, name);
      const found = await lstat(path).catch(() => null);
      if (found === null || !found.isFile() || found.size <= maxBytes) continue;
      await rename(path, `${path}.old`);
      moved = true;
    }
    return moved;
  }

  /**
   * Asterisk's user must be able to pass through every directory above, and to change none; error `asterisk-directory`.
   */
  async #requireSafe(directory: string): Promise<void> {
    const user = this.#user;
    if (user === null) return;
    for (let above = dirname(directory); ; above = dirname(above)) {
      const { mode, uid, gid } = await lstat(above);
      const writes = uid === user.uid || (gid === user.gid && (mode & 0o020) !== 0) || (mode & 0o1002) === 0o002;
      const [fault, remedy] = writes
        ? ["can change", "give it to root and take away the others' write permission"]
        : ["cannot pass through", "its mode needs o+x"];
      if (writes || (mode & 0o001) === 0) {
        const message = `Asterisk's user ${fault} ${above}: ${remedy}`;
        throw new GatewayError("asterisk-directory", message, { details: { directory: above } });
      }
      if (above === dirname(above)) return;
    }
  }
}

const ourUid = (): number => process.getuid?.() ?? 0;

/** Makes a directory and, whatever the umask, lets others pass through what was made (and see nothing there). */
async function makePassable(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o711 });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = dirname(made)) await chmod(made, 0o711);
}

/** Asterisk as this machine's package installed it: the program and its modules. Error `asterisk-missing`. */
export function findAsterisk(): { readonly program: string; readonly modules: string } {
  const places = ["/usr/lib/asterisk/modules"];
  for (const entry of readdirSync("/usr/lib")) places.push(`/usr/lib/${entry}/asterisk/modules`);
  const modules = places.find((place) => existsSync(join(place, "chan_sip.so")));
  const program = "/usr/sbin/asterisk";
  if (modules !== undefined && existsSync(program)) return { program, modules };
  throw new GatewayError(
    "asterisk-missing",
    "Asterisk with chan_sip is not installed on this machine: scripts/install-packages installs it",
  );
}

/**
 * The packaged user that Asterisk runs as when we are root, or where it is a unit of its own (`unit`); null otherwise:
 * then it runs as ourselves.
 * @throws GatewayError `asterisk-user-missing`: it is never run as root, which would give a stranger on the network,
 * who finds a fault in it, the whole machine
 */
export async function asteriskUser(unit = false): Promise<{ uid: number; gid: number } | null> {
  if (ourUid() !== 0 && !unit) return null;
  const user = userIn(await readFile("/etc/passwd", "utf8"), "asterisk");
  if (user !== null) return user;
  throw new GatewayError(
    "asterisk-user-missing",
    "there is no user asterisk (with an id above 0) to run Asterisk as: adduser --system --group --no-create-home asterisk",
  );
}

/** A user and his group in the text of passwd(5); null when he is not there, or is root. */
export function userIn(accounts: string, name: string): { uid: number; gid: number } | null {
  const [, , uid = "", gid = ""] =
    accounts
      .split("\n")
      .find((line) => line.startsWith(`${name}:`))
      ?.split(":") ?? [];
  const isId = (text: string) => /^[1-9][0-9]{0,9}$/.test(text);
  return isId(uid) && isId(gid) ? { uid: Number(uid), gid: Number(gid) } : null;
}
