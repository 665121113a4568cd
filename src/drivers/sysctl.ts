import { GatewayError } from "../base/errors.ts";
import { runTool } from "./gpio-child.ts";

/** A path below /proc/sys/net. No part may be `..`. */
const KEY = /^net(?:\/(?!\.\.?(?:\/|$))[A-Za-z0-9._-]+)+$/;

/** Settings of the kernel's network code, by `sysctl`, which also works in another network namespace. */
export class Sysctls {
  readonly #words: readonly string[];

  /** `words` come before the program, such as `nsenter …`. */
  constructor(words: readonly string[] = []) {
    this.#words = words;
  }

  /** Values of the keys that exist. */
  async read(keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    for (const key of keys) checkKey(key);
    const { stdout, missing } = await this.#sysctl("-e", "--", ...keys);
    if (missing) throw new GatewayError("sysctl-failed", "there is no program sysctl");
    return parseSysctls(stdout, keys);
  }

  async write(key: string, value: string): Promise<void> {
    checkKey(key);
    if (!/^-?[0-9]{1,9}$/.test(value)) throw new GatewayError("sysctl-failed", `${key}: not a value: ${value}`);
    const { ok, stderr } = await this.#sysctl("-q", "-w", "--", `${key}=${value}`);
    if (!ok) throw new GatewayError("sysctl-failed", `${key} could not be set to ${value}: ${stderr}`);
  }

  #sysctl(...args: readonly string[]) {
    const [program = "", ...rest] = [...this.#words, "sysctl", ...args];
    return runTool(program, rest);
  }
}

/** `key = value` lines. The tool prints keys with dots between the parts, and a part's own dots as slashes. */
export function parseSysctls(text: string, keys: readonly string[]): Map<string, string> {
  const printed = new Map(keys.map((key) => [swapped(key), key]));
  const found = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, name = "", value = ""] = /^(\S+) = (.*)$/.exec(line) ?? [];
    const key = printed.get(name);
    if (key !== undefined) found.set(key, value.trim());
  }
  return found;
}

function swapped(key: string): string {
  return key.replace(/[./]/g, (one) => (one === "." ? "/" : "."));
}

function checkKey(key: string): void {
  if (!KEY.test(key)) throw new GatewayError("sysctl-failed", `not a network setting: ${JSON.stringify(key)}`);
}
