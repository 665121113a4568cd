import { constants } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { readOrdinary } from "./guarded-files.ts";

/** Far above any text of ours, bytes. */
const LIMIT_BYTES = 1_000_000;

/**
 * A text for whoever holds the card that is there as a whole or not at all, wherever power is lost. It may be meant for
 * a FAT, which knows neither owners nor modes: none are set.
 */
export class ProblemFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** What it says; null when it is not there. */
  read(): string | null {
    return readOrdinary(this.#path, LIMIT_BYTES);
  }

  /** Replaces it; null takes it away. Rejects with the system's error. */
  async write(text: string | null): Promise<void> {
    const temporary = `${this.#path}.new`;
    await rm(temporary, { force: true });
    if (text === null) await rm(this.#path, { force: true });
    else {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      const file = await open(temporary, flags, 0o644);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.#path);
    }
    // The names are the directory's: without this a loss of power would bring the old ones back.
    const directory = await open(dirname(this.#path), constants.O_RDONLY | constants.O_DIRECTORY);
    await directory.sync().finally(() => directory.close());
  }
}
