import type { z } from "zod";
import { fail, ok, type Result } from "../base/result.ts";
import { readYaml, type YamlDocument } from "./document.ts";
import { type ConfigFault, type Path, sortFaults } from "./faults.ts";
import { schemaFaults } from "./issues.ts";
import { nearest } from "./nearest.ts";
import { checkRules, type RuleFault } from "./rules.ts";
import { type Config, configSchema } from "./schema.ts";
import { findSetting } from "./settings.ts";

/** A larger file is no configuration, bytes. */
export const LARGEST_FILE = 256 * 1024;

/** Longest line, characters. */
const LONGEST_LINE = 8192;
/** Most brackets open at a time. */
const MOST_OPEN = 100;

export interface ParsedConfig {
  readonly config: Config;
  /** Makes a fault at a value's place in the text, for checks that need the world outside (files of secrets). */
  faultAt(path: Path, fault: Pick<ConfigFault, "code" | "message" | "allowed">): ConfigFault;
}

/** Text or bytes of a `paxgate.yaml` to a configuration, or everything that is wrong with it in the order of the file. */
export function parseConfig(source: string | Uint8Array): Result<ParsedConfig, readonly ConfigFault[]> {
  const text = decode(source);
  if (!text.ok) return fail([text.error]);
  const tangled = tangle(text.value);
  if (tangled !== null) return fail([tangled]);
  const yaml = readYaml(text.value);
  if (yaml.value === undefined) return fail(sortFaults(yaml.faults));
  if (yaml.value === null) {
    const message = "the file holds no configuration";
    return fail([yaml.fault("value", [], { code: "missing", message, allowed: "at least one entry under lines" })]);
  }
  const parsed = configSchema.safeParse(yaml.value);
  const faults = [...yaml.faults];
  if (parsed.success) {
    faults.push(...ruleFaults(yaml, parsed.data, []));
  } else {
    const wrong = schemaFaults(yaml, parsed.error.issues);
    faults.push(...wrong);
    const rest = withoutFaults(yaml.value, parsed.error);
    if (rest !== null) faults.push(...ruleFaults(yaml, rest, wrong));
  }
  if (faults.length > 0 || !parsed.success) return fail(sortFaults(faults));
  return ok({ config: parsed.data, faultAt: (path, fault) => yaml.fault("value", path, fault) });
}

function decode(source: string | Uint8Array): Result<string, ConfigFault> {
  const refuse = (message: string) => fail<ConfigFault>({ code: "file", path: [], line: 0, column: 0, message });
  const bytes = typeof source === "string" ? new TextEncoder().encode(source) : source;
  if (bytes.length > LARGEST_FILE) return refuse(`is larger than ${LARGEST_FILE / 1024} kB: no configuration is`);
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return refuse("is saved as UTF-16: save it as UTF-8");
  }
  try {
    // A byte order mark, which some editors write, is taken off here.
    return ok(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return refuse("is not UTF-8 text: save it as UTF-8");
  }
}

/**
 * What the parser must not be given: its time grows with the square of the nesting and of a line's length (256 kB of
 * brackets took it 50 s). Brackets in quotes are counted too, hence the generous limit.
 */
function tangle(text: string): ConfigFault | null {
  let open = 0;
  let line = 1;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === 10) {
      line++;
      start = at + 1;
    } else if (character === 91 || character === 123) open++;
    else if (character === 93 || character === 125) open = Math.max(0, open - 1);
    const message =
      open > MOST_OPEN
        ? "nested too deeply"
        : at - start >= LONGEST_LINE
          ? "this line is too long for a configuration"
          : null;
    if (message !== null) return { code: "syntax", path: [], line, column: at - start + 1, message };
  }
  return null;
}

function ruleFaults(yaml: YamlDocument, config: Config, wrong: readonly ConfigFault[]): ConfigFault[] {
  const concerns = (rule: RuleFault) =>
    wrong.some((fault) => isWithin(fault.path, rule.path) || isWithin(rule.path, fault.path) || hides(fault, rule));
  return checkRules(config)
    .filter((rule) => !concerns(rule))
    .map((rule) => {
      const other = rule.other === undefined ? "" : ` (line ${yaml.lineOf(rule.other)})`;
      const written = rule.known === undefined ? undefined : yaml.writtenAs(rule.path);
      const near = written === undefined ? undefined : nearest(written, rule.known ?? []);
      const known = rule.known !== undefined && rule.known.length > 0 ? { allowed: rule.known.join(", ") } : {};
      return yaml.fault("value", rule.path, {
        code: "rule",
        message: rule.message + other,
        ...known,
        ...(near === undefined ? {} : { nearest: near }),
      });
    });
}

/** Whether the name that a rule misses may be the very one that has a fault of its own. */
function hides({ path, nearest: meant }: ConfigFault, { refersTo }: RuleFault): boolean {
  if (path[0] !== refersTo) return false;
  const key = meant ?? path[2];
  return path.length < 3 || key === "group" || (key === "name" && refersTo !== "lines");
}

function isWithin(path: Path, above: Path): boolean {
  return above.length <= path.length && above.every((step, at) => path[at] === step);
}

/**
 * The configuration with what is wrong taken out or replaced by an example, so that the rules can be checked for the
 * rest and all faults come in one go. Null when too little is left. Never used for anything else.
 */
function withoutFaults(value: unknown, error: z.ZodError): Config | null {
  const copy: unknown = structuredClone(value);
  for (const issue of error.issues) {
    const path = issue.path.filter((step) => typeof step !== "symbol");
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) put(copy, [...path, key], undefined);
      continue;
    }
    // A fault inside a list of plain values takes the whole list out, so that the others keep their places.
    const target = typeof path.at(-1) === "number" ? path.slice(0, -1) : path;
    const setting = findSetting(target);
    const unique =
      setting?.key === "name"
        ? `x${path
            .join("-")
            .toLowerCase()
            .replace(/[^a-z0-9-]/g, "")}`
        : undefined;
    put(copy, target, setting?.required ? (unique ?? setting.example) : undefined);
  }
  const again = configSchema.safeParse(copy);
  return again.success ? again.data : null;
}

function put(root: unknown, path: Path, value: unknown): void {
  let at = root;
  for (const step of path.slice(0, -1)) at = (at as Record<string | number, unknown> | null | undefined)?.[step];
  const last = path.at(-1);
  if (at === null || typeof at !== "object" || last === undefined) return;
  if (value === undefined) delete (at as Record<string | number, unknown>)[last];
  else (at as Record<string | number, unknown>)[last] = value;
}
