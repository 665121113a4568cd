import { createHash } from "node:crypto";
import { dirname } from "node:path";
import type { Adapter } from "lowdb";
import { GatewayError } from "../base/errors.ts";
import { type FileOperations, machineFiles } from "./file-operations.ts";

/**
 * A state file for lowdb that survives a loss of power at any moment. Invariants:
 * - a write that has resolved is never lost, and a write that was cut leaves the state before it or after it;
 * - the generation before is kept, and is used, with an alert, when the current one is damaged;
 * - a damaged file never replaces a good one, and is kept beside it for examination;
 * - the file is readable by its owner only (0600), at every moment: it holds secrets.
 *
 * How: write a new file, fsync it, link the current one as the previous, rename the new one over the current, fsync
 * the directory. A rename is atomic, but without the two fsyncs it may reach the disk before the data does, or never.
 */
export class StateFileAdapter implements Adapter<unknown> {
  readonly #path: string;
  readonly #files: FileOperations;
  readonly #alert: (alert: StateFileAlert) => void;
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string, alert: (alert: StateFileAlert) => void, files: FileOperations = machineFiles) {
    this.#path = path;
    this.#alert = alert;
    this.#files = files;
  }

  /**
   * What was last written; null when nothing ever was.
   * @throws GatewayError `state-lost` when files are there and none of them is whole. They are left as they are.
   */
  read = async (): Promise<unknown> => {
    const current = await this.#files.read(this.#path);
    const whole = current === null ? null : decode(current);
    if (whole !== null) return whole.data;
    const previous = await this.#files.read(this.#previous);
    const before = previous === null ? null : decode(previous);
    if (before !== null) {
      this.#alert({
        type: "previous-generation-used",
        path: this.#path,
        reason: current === null ? "missing" : "damaged",
      });
      return before.data;
    }
    if (current === null && previous === null) return null;
    throw new GatewayError("state-lost", `${this.#path} is damaged, and so is the generation before it`, {
      details: { path: this.#path },
    });
  };

  /** The generation before the current one; null when there is none, or it is not whole. */
  readPrevious = async (): Promise<unknown> => {
    const previous = await this.#files.read(this.#previous);
    return (previous === null ? null : decode(previous))?.data ?? null;
  };

  /** Puts both generations aside as `.damaged` and `.previous.damaged`, over what was put there before. */
  setAside = (): Promise<void> => {
    const moved = this.#last.then(async () => {
      for (const path of [this.#path, this.#previous]) {
        if ((await this.#files.read(path)) !== null) await this.#files.rename(path, `${path}.damaged`);
      }
      await this.#files.syncDirectory(dirname(this.#path));
    });
    this.#last = moved.catch(() => undefined);
    return moved;
  };

  /** Writes one after the other; each resolves once its data would survive a loss of power. */
  write = (data: unknown): Promise<void> => {
    const bytes = encode(data);
    const written = this.#last.then(() => this.#replace(bytes));
    this.#last = written.catch(() => undefined);
    return written;
  };

  async #replace(bytes: Uint8Array): Promise<void> {
    const directory = dirname(this.#path);
    const fresh = `${this.#path}.new`;
    await this.#files.makeDirectory(directory);
    await this.#files.remove(fresh);
    const file = await this.#files.create(fresh);
    try {
      await file.write(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    const current = await this.#files.read(this.#path);
    if (current !== null && decode(current) === null) {
      await this.#files.rename(this.#path, `${this.#path}.damaged`);
    } else if (current !== null) {
      const link = `${this.#path}.link`;
      await this.#files.remove(link);
      await this.#files.link(this.#path, link);
      // After a cut both may be the same file already: then this does nothing, and the link goes at the next write.
      await this.#files.rename(link, this.#previous);
    }
    await this.#files.rename(fresh, this.#path);
    await this.#files.syncDirectory(directory);
  }

  get #previous(): string {
    return `${this.#path}.previous`;
  }
}

/** Something a person should know of although work goes on. */
export interface StateFileAlert {
  readonly type: "previous-generation-used";
  readonly path: string;
  readonly reason: "missing" | "damaged";
}

/** First line: format and checksum; the rest: the data as JSON. */
function encode(data: unknown): Uint8Array {
  const body = `${JSON.stringify(data, null, 2)}\n`;
  return Buffer.from(`paxgate-state 1 sha256=${sha256(body)}\n${body}`);
}

/** The data, or null when the file is not whole. */
function decode(bytes: Uint8Array): { readonly data: unknown } | null {
  const text = Buffer.from(bytes).toString("utf8");
  const header = /^paxgate-state 1 sha256=([0-9a-f]{64})\n/.exec(text);
  if (header === null) return null;
  const body = text.slice(header[0].length);
  return sha256(body) === header[1] ? { data: JSON.parse(body) as unknown } : null;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
