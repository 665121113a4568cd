import { randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { chmod, chown, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GatewayError } from "../base/errors.ts";
import type { Directories, FilesPort, Profile } from "../sip/port.ts";

/** Writes the profile into Asterisk's own directories and keeps its logs bounded. */
export class AsteriskFiles implements FilesPort {
  readonly #directories: Directories;
  readonly #user: { readonly uid: number; readonly gid: number } | null;

  /** `user`: who Asterisk runs as, when we are root; otherwise it runs as ourselves. */
  constructor(directories: Directories, user: { readonly uid: number; readonly gid: number } | null) {
    this.#directories = directories;
    this.#user = user;
  }

  async write(profile: Profile): Promise<readonly string[]> {
    const { config, run, log, spool, database, keys } = this.#directories;
    for (const directory of [config, run, log, spool, database, keys]) {
      await makePassable(dirname(directory));
      await mkdir(directory, { recursive: true });
      await chmod(directory, 0o700);
      await this.#give(directory);
      await this.#requireReachable(directory);
    }
    const changed = await this.differing(profile);
    for (const name of changed) {
      const path = join(config, name);
      const temporary = `${path}.${randomBytes(4).toString("hex")}`;
      await writeFile(temporary, profile.get(name) ?? "", { mode: 0o600, flush: true });
      await this.#give(temporary);
      await rename(temporary, path);
    }
    return changed;
  }

  async differing(profile: Profile): Promise<readonly string[]> {
    const names: string[] = [];
    for (const [name, text] of profile) {
      const now = await readFile(join(this.#directories.config, name), "utf8").catch(() => null);
      if (now !== text) names.push(name);
    }
    return names;
  }

  async boundLogs(maxBytes: number): Promise<boolean> {
    let moved = false;
    for (const name of ["messages", "security"]) {
      const path = join(this.#directories.log, name);
      const found = await stat(path).catch(() => null);
      if (found === null || found.size <= maxBytes) continue;
      await rename(path, `${path}.old`);
      moved = true;
    }
    return moved;
  }

  /** Asterisk's user must be able to pass through every directory above; error `asterisk-directory`. */
  async #requireReachable(directory: string): Promise<void> {
    if (this.#user === null) return;
    for (let above = dirname(directory); above !== dirname(above); above = dirname(above)) {
      if (((await stat(above)).mode & 0o001) !== 0) continue;
      const message = `Asterisk's user cannot pass through ${above}: its mode needs o+x`;
      throw new GatewayError("asterisk-directory", message, { details: { directory: above } });
    }
  }

  async #give(path: string): Promise<void> {
    if (this.#user !== null) await chown(path, this.#user.uid, this.#user.gid);
  }
}

/** Makes a directory and, whatever the umask, lets others pass through what was made (and see nothing there). */
async function makePassable(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true });
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
  throw new GatewayError("asterisk-missing", "Asterisk with chan_sip is not installed on this machine: scripts/install-packages installs it");
}

/** The packaged user that Asterisk runs as when we are root; null when we are not root or there is none. */
export async function asteriskUser(): Promise<{ uid: number; gid: number } | null> {
  if (process.getuid?.() !== 0) return null;
  const accounts = await readFile("/etc/passwd", "utf8");
  const [, , uid, gid] =
    accounts
      .split("\n")
      .find((line) => line.startsWith("asterisk:"))
      ?.split(":") ?? [];
  return uid === undefined || gid === undefined ? null : { uid: Number(uid), gid: Number(gid) };
}
