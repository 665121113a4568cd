import { closeSync, constants, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { BootPort, BootTexts } from "../status/port.ts";

/** Where the start leaves its files, on the appliance. Elsewhere there is no such directory. */
export const BOOT_STATE = "/run/paxgate-boot";

/** Of a file that is longer the beginning counts, bytes. Not refused: what was wrong must not be hidden by its length. */
const HEAD_BYTES = 8_192;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The files that the appliance's start leaves in RAM (the image's 30-boot): root writes them, everybody may read. */
export class BootState implements BootPort {
  readonly #directory: string;

  constructor(directory: string = BOOT_STATE) {
    this.#directory = directory;
  }

  /** Never throws: what can't be read is not there. */
  read(): BootTexts {
    return { slot: this.#head("slot"), trial: this.#head("trial"), problem: this.#head("problem") };
  }

  #head(name: string): string | null {
    let descriptor: number;
    try {
      descriptor = openSync(join(this.#directory, name), READ);
    } catch {
      return null;
    }
    try {
      const bytes = Buffer.alloc(HEAD_BYTES);
      return bytes.toString("utf8", 0, readSync(descriptor, bytes, 0, HEAD_BYTES, 0));
    } catch {
      return null;
    } finally {
      closeSync(descriptor);
    }
  }
}
