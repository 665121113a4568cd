import { execFile } from "node:child_process";

export interface CommandOptions {
  readonly input?: string | Uint8Array;
  /** Longest run, ms; a minute unless told. */
  readonly timeoutMs?: number;
}

/** Runs a program to its end; its output. Throws with the program's own words when it fails or takes too long. */
export function run(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const [program = "", ...args] = command;
  const { input, timeoutMs = 60_000 } = options;
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: timeoutMs, maxBuffer: 256 << 20 }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const how = error.killed === true ? `not done within ${timeoutMs} ms` : error.message.split("\n")[0];
      reject(new Error(`${command.join(" ").slice(0, 400)}: ${how}\n${`${stdout}\n${stderr}`.trim().slice(-3_000)}`));
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

/**
 * Tries again and again, once the try before has failed, until one succeeds: for what tells nobody when it is ready.
 * Throws the last try's error, with what was waited for.
 */
export async function eventually<T>(what: string, limitMs: number, attempt: () => Promise<T>): Promise<T> {
  const until = performance.now() + limitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (cause) {
      if (performance.now() > until) {
        throw new Error(`${what}: not within ${limitMs} ms; last: ${String(cause)}`, { cause });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
