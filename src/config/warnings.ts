import { stat } from "node:fs/promises";
import type { LoadedConfig } from "./load.ts";
import type { Config } from "./schema.ts";

/** What is no fault, as the file can be used, but hardly meant so: texts for people, without secrets. */
export async function configWarnings({ config, file }: Pick<LoadedConfig, "config" | "file">): Promise<string[]> {
  return [...withoutEffect(config), ...(await missingLists(config)), ...(await readableKey(config, file))];
}

/** What is written and does nothing. */
function withoutEffect({ firewall, nat }: Config): string[] {
  const idle = [
    ...(firewall.apiban.key === undefined ? [] : ["firewall.apiban"]),
    ...(firewall.blockLists.length === 0 ? [] : ["firewall.blockLists"]),
    ...(firewall.mode === "open" ? ["firewall.mode: open"] : []),
  ];
  return [
    ...(firewall.protect === "none" && idle.length > 0
      ? [`without a firewall (firewall.protect: none) these do nothing: ${idle.join(", ")}`]
      : []),
    ...(nat.router !== undefined && nat.mode !== "router"
      ? [`nat.router does nothing with nat.mode: ${nat.mode}; it counts with nat.mode: router`]
      : []),
  ];
}

/** A file that is not there yet is read when it comes: until then the list is empty. */
async function missingLists({ firewall }: Config): Promise<string[]> {
  const found: string[] = [];
  for (const { name, file } of firewall.blockLists) {
    if (file === undefined) continue;
    try {
      if (!(await stat(file)).isFile()) found.push(`the block list ${name}: ${file} is not a file`);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      const missing = code === "ENOENT" || code === "ENOTDIR";
      const what = missing ? "is not there" : `cannot be read (${code ?? "unknown error"})`;
      found.push(`the block list ${name}: ${file} ${what}`);
    }
  }
  return found;
}

async function readableKey({ firewall }: Config, file: string): Promise<string[]> {
  if (typeof firewall.apiban.key !== "string" || ((await stat(file)).mode & 0o007) === 0) return [];
  const remedy = "chmod 600 it, or put the key into a file of its own and write {file: PATH}";
  return [`${file} holds the key of firewall.apiban and every user of this machine can read it: ${remedy}`];
}
