import { appendFileSync } from "node:fs";
import type { Readable } from "node:stream";

/** What the machine says on its serial line, kept in a file too. */
export class SerialConsole {
  readonly file: string;
  #text = "";
  readonly #waiting = new Set<() => void>();

  constructor(stream: Readable, file: string) {
    this.file = file;
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      this.#text += chunk.replaceAll("\r", "");
      appendFileSync(file, chunk);
      for (const look of [...this.#waiting]) look();
    });
  }

  get text(): string {
    return this.#text;
  }

  /** The end of it, for a message about what went wrong. */
  tail(lines = 40): string {
    return `the console (${this.file}) ends with:\n${legible(this.#text).slice(-lines).join("\n")}`;
  }

  /** Resolves with the match once the text fits. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve) => {
      const look = () => {
        const match = pattern.exec(this.#text);
        if (match === null) return;
        this.#waiting.delete(look);
        resolve(match);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** Without the service manager's animations of what it waits for. */
const legible = (text: string) => text.split("\n").filter((line) => !/Job \S+ running \(/.test(line));
