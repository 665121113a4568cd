#!/usr/bin/env node
/**
 * Enforces the house (src/README.md): which room may import what, which files are pure, how long a file may be, and
 * that nothing silences the other checks. Biome sees only the text of an import, not the file it leads to, and knows
 * no "type imports of that room only"; hence this checker.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const usage = `Usage: node scripts/check-rooms.mjs [DIRECTORY]

Checks the import rules between the rooms of DIRECTORY/src (by default this checkout), purity, length of files and
suppressed checks. Prints one line per fault and ends with 1 if there is any.`;

const port = (file) => basename(file) === "port.ts";
/** A room's words: types, and the schemas from which types are inferred. */
const types = (file) => basename(file) === "types.ts" || schema(file);
const schema = (file) => basename(file) === "schema.ts";
const service = (file) => /^(?:.+-)?service\.ts$/.test(basename(file));
const test = (file) => file.endsWith(".test.ts");
const any = () => true;

/** Rooms built alike: pure files, `port.ts`, `service.ts`; they know base, and config's types. */
const plainRooms = ["line", "calls", "sip", "firewall", "nat", "credentials", "status"];
const plain = { base: any, config: { typesOnly: any } };
/** A room's outside: its port, and its words as types. */
const outside = { values: port, typesOnly: types };
const outsides = Object.fromEntries(plainRooms.map((room) => [room, outside]));

/**
 * For each room what it may import of the others: a predicate on the file imported, or one for values (and types)
 * and one for types alone. What is not named here is refused.
 */
const rules = {
  base: {},
  config: { base: any },
  ...Object.fromEntries(plainRooms.map((room) => [room, plain])),
  web: { base: any, status: { typesOnly: any } },
  dashboard: { base: any, status: { typesOnly: any } },
  store: { base: any },
  drivers: {
    base: any,
    ...outsides,
    sim: outside,
    // The companding law is part of RTP's wire format, which a driver speaks.
    line: { values: (file) => port(file) || file === "line/g711.ts", typesOnly: types },
  },
  sim: { base: any, ...outsides, line: (file) => !service(file) },
  app: "everything",
  cli: "everything",
};

const MAX_LINES = 300;
/** A test is a list of cases: it may be longer. */
const MAX_TEST_LINES = 700;
/** Files that may be longer, with the reason. */
const longFiles = {
  "src/config/schema.ts": "one schema in one place: every setting with its default, range and meaning",
};

const isPure = (room, file) => plainRooms.includes(room) && !service(file) && !port(file) && !test(file);

/** Every import, re-export and import() of a source text: its specifier, line, and whether only types come of it. */
function importsOf(text) {
  const found = [];
  const statement = /^[ \t]*(?:import|export)\s+(?:(type)\s)?(?:([^;"'`()=]*?)\sfrom\s*)?["']([^"'\n]+)["']/gm;
  for (const match of text.matchAll(statement)) {
    const [whole, type, names = "", specifier] = match;
    const braces = /^\{([^}]*)\}$/.exec(names.trim());
    const members = braces?.[1].split(",").flatMap((name) => name.trim() || []) ?? [];
    const typesOnly = type === "type" || (members.length > 0 && members.every((name) => name.startsWith("type ")));
    found.push({ specifier, typesOnly, index: match.index + whole.length - specifier.length });
  }
  const call = /\b(typeof\s+)?(?:import|require)\s*\(\s*["'`]([^"'`\n]+)["'`]/g;
  for (const match of text.matchAll(call)) {
    found.push({ specifier: match[2], typesOnly: match[1] !== undefined, index: match.index });
  }
  return found.map(({ index, ...rest }) => ({ ...rest, line: text.slice(0, index).split("\n").length }));
}

/** The fault of one import, or null. `file` is relative to src/. */
function faultOf(file, { specifier, typesOnly }) {
  const room = file.split("/")[0];
  if (!specifier.startsWith(".")) {
    const schemas = schema(file) && specifier === "zod";
    if (isPure(room, file) && !schemas) return `is pure and may not import ${specifier}`;
    return null;
  }
  const target = join(dirname(file), specifier);
  const targetRoom = target.split("/")[0];
  if (targetRoom === "..") return `imports ${specifier}, outside src/`;
  if (target.endsWith(".test.ts")) return `imports a test, ${target}`;
  if (targetRoom === room) {
    return isPure(room, file) && service(target) && !typesOnly ? `is pure and may not import ${target}` : null;
  }
  if (rules[room] === "everything") return null;
  const rule = rules[room][targetRoom];
  if (rule === undefined) return `room ${room}/ may not import ${target}`;
  const values = typeof rule === "function" ? rule : (rule.values ?? (() => false));
  const onlyTypes = typeof rule === "function" ? rule : (rule.typesOnly ?? (() => false));
  if (values(target) || (typesOnly && onlyTypes(target))) return null;
  // Tests may take values from the configuration: its defaults are what they test against.
  if (test(file) && targetRoom === "config" && onlyTypes(target)) return null;
  return onlyTypes(target)
    ? `room ${room}/ may import only types from ${target}`
    : `room ${room}/ may not import ${target}`;
}

/** Words that silence a check or put work off. Spelt so that this file doesn't find itself. */
const forbidden = [
  [/biome-ignor[e]/, "suppresses a check"],
  [/@ts-(?:ignor[e]|nochec[k])/, "suppresses the compiler"],
  [/\b(?:TOD[O]|FIXM[E])\b/, "puts work off: do it, or open an issue"],
];

function faultsOf(root) {
  const faults = [];
  const listed = ["src", "test", "scripts"].flatMap((top) =>
    existsSync(join(root, top))
      ? readdirSync(join(root, top), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile() && /(?:\.tsx?|\.mjs|\.bash|^[^.]+)$/.test(entry.name))
          .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
      : [],
  );
  for (const path of listed.sort()) {
    const text = readFileSync(join(root, path), "utf8");
    const lines = text.trimEnd().split("\n");
    const limit = test(path) || path.startsWith("test/") ? MAX_TEST_LINES : MAX_LINES;
    if (lines.length > limit && longFiles[path] === undefined) {
      faults.push(`${path}: ${lines.length} lines; ${limit} is the limit`);
    }
    for (const [at, line] of lines.entries()) {
      for (const [word, why] of forbidden) if (word.test(line)) faults.push(`${path}:${at + 1}: ${why}`);
    }
    if (!path.startsWith("src/") || !/\.tsx?$/.test(path)) continue;
    const file = path.slice("src/".length);
    if (!file.includes("/") || rules[file.split("/")[0]] === undefined) {
      faults.push(`${path}: is in no room of src/README.md`);
      continue;
    }
    for (const one of importsOf(text)) {
      const fault = faultOf(file, one);
      if (fault !== null) faults.push(`${path}:${one.line}: ${fault}`);
    }
  }
  return faults;
}

const args = process.argv.slice(2);
if (args.includes("--help")) {
  console.log(usage);
  process.exit(0);
}
if (args.length > 1 || args[0]?.startsWith("-")) {
  console.error(usage);
  process.exit(2);
}
const faults = faultsOf(args[0] ?? dirname(dirname(fileURLToPath(import.meta.url))));
for (const fault of faults) console.error(fault);
console.log(`rooms: ${faults.length === 0 ? "in order" : `${faults.length} faults`}`);
process.exitCode = faults.length === 0 ? 0 : 1;
