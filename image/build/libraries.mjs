#!/usr/bin/env node
/**
 * Takes out of a finished tree the shared libraries that nothing in it asks for any more, and makes sure that everything
 * finds those that it asks for. See --help.
 *
 * A library is asked for by whoever has its name anywhere in its bytes: the list of what a program is linked with is
 * there, and so are the names of what it loads as it runs. Too much is kept that way, but nothing that is used goes.
 */
import { lstatSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const usage = `Usage: image/build/libraries.mjs ROOT

Removes shared libraries of the tree ROOT that no program and no other library in it names: those directly in usr/lib and in
usr/lib/*-linux-gnu; what lies deeper are plug-ins, whose users look for them by directory. Then every program and library
must find what it is linked with, or this ends with 1 and says who lacks what.`;

/** The end of a library's name, and all of it. No name is longer than this many bytes. */
const [MARK, NAME, LONGEST] = [Buffer.from(".so"), /[\w+-][\w+.-]*\.so(?:\.\d+)*/g, 64];
/** Loaded by a name that is put together from a word in nsswitch.conf; the loader, whose path is in every program. */
const ALWAYS = /^(libnss_|ld-linux)/;
/** Dynamic section's tags (System V ABI, chapter 5). */
const [NEEDED, STRTAB, RPATH, RUNPATH] = [1, 5, 15, 29];

/**
 * What a 64-bit little-endian ELF file is linked with, where it looks for that first, and all libraries that it names;
 * null: it is no such file.
 * @param {Buffer} file
 * @returns {{ needed: string[], paths: string[], names: Set<string> } | null}
 */
export function readElf(file) {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) return null;
  const number = (at) => Number(file.readBigUInt64LE(at));
  const [headers, size, count] = [number(32), file.readUInt16LE(54), file.readUInt16LE(56)];
  const segments = Array.from({ length: count }, (_, index) => {
    const at = headers + index * size;
    return { type: file.readUInt32LE(at), offset: number(at + 8), address: number(at + 16), length: number(at + 32) };
  });
  const entries = [];
  for (const { type, offset, length } of segments) {
    if (type !== 2) continue;
    for (let at = offset; at < offset + length && number(at) !== 0; at += 16)
      entries.push([number(at), number(at + 8)]);
  }
  const table = entries.find(([tag]) => tag === STRTAB)?.[1] ?? 0;
  const home = segments.find(({ type, address, length }) => type === 1 && address <= table && table < address + length);
  const text = (value) => {
    const from = (home?.offset ?? 0) + table - (home?.address ?? 0) + value;
    return file.toString("latin1", from, file.indexOf(0, from));
  };
  const all = (...tags) => entries.filter(([tag]) => tags.includes(tag)).map(([, value]) => text(value));
  return {
    needed: all(NEEDED),
    paths: all(RPATH, RUNPATH).flatMap((each) => each.split(":")),
    names: namesIn(file),
  };
}

/** All that look like the names of shared libraries. By the mark first: files are large, and names are few. */
function namesIn(file) {
  const names = new Set();
  for (let at = file.indexOf(MARK); at >= 0; at = file.indexOf(MARK, at + 1)) {
    const around = file.toString("latin1", Math.max(0, at - LONGEST), at + 16);
    for (const name of around.match(NAME) ?? []) names.add(name);
  }
  return names;
}

/**
 * What is in a tree: its ELF files by path, their other names (links), and the directories that the loader looks into.
 * @param {string} root
 */
function look(root) {
  const names = readdirSync(join(root, "usr/lib"));
  const places = ["usr/lib", ...names.filter((name) => name.endsWith("-linux-gnu")).map((name) => `usr/lib/${name}`)];
  const files = new Map();
  const links = [];
  const walk = (directory) => {
    for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.isSymbolicLink()) links.push(path);
      else if (entry.isFile()) {
        const elf = lstatSync(join(root, path)).size === 0 ? null : readElf(readFileSync(join(root, path)));
        if (elf !== null) files.set(path, elf);
      }
    }
  };
  walk("usr");
  /** Names by which a library is found, and the file that has each. */
  const known = new Map();
  for (const path of files.keys()) if (places.includes(dirname(path))) known.set(basename(path), path);
  const libraryLinks = links.filter((path) => places.includes(dirname(path)) && path.includes(".so"));
  for (const path of libraryLinks) {
    const target = resolve(root, path);
    if (target !== null && files.has(target)) known.set(basename(path), target);
  }
  return { files, known, places, libraryLinks };
}

/** The file below the root that a link there leads to; null: to none. */
function resolve(root, path) {
  try {
    const real = realpathSync(join(root, path));
    return real.startsWith(`${root}/`) ? real.slice(root.length + 1) : null;
  } catch {
    return null;
  }
}

/**
 * Removes what nobody asks for. Returns what went, and what is still linked with something that is not there ("file:
 * library"), sorted both.
 * @param {string} root
 * @returns {{ gone: string[], lacking: string[] }}
 */
export function tidyLibraries(root) {
  const { files, known, places, libraryLinks } = look(root);
  const isLibrary = (path) => places.includes(dirname(path)) && basename(path).includes(".so");
  const kept = [...files.keys()].filter((path) => !isLibrary(path) || ALWAYS.test(basename(path)));
  const reached = new Set(kept);
  for (const path of kept) {
    for (const name of files.get(path).names) {
      const library = known.get(name);
      if (library === undefined || reached.has(library)) continue;
      reached.add(library);
      kept.push(library);
    }
  }
  const gone = [...files.keys()].filter((path) => !reached.has(path)).sort();
  const links = libraryLinks.filter((path) => gone.includes(known.get(basename(path))));
  for (const path of [...gone, ...links]) rmSync(join(root, path));

  /** In the usual places, where the file itself says, or beside it: then somebody has loaded it before. */
  const has = (path, name, paths) =>
    reached.has(known.get(name)) ||
    [...paths.map((each) => each.replace(/^\$\{?ORIGIN\}?/, dirname(path)).replace(/^\//, "")), dirname(path)].some(
      (each) => reached.has(join(each, name)),
    );
  const lacking = kept.flatMap((path) => {
    const { needed, paths } = files.get(path);
    return needed.filter((name) => !has(path, name, paths)).map((name) => `${path}: ${name}`);
  });
  return { gone, lacking: lacking.sort() };
}

function main([given, ...more]) {
  if (given === "--help" || given === "-h") return console.log(usage);
  if (given === undefined || more.length > 0) {
    console.error(usage);
    process.exit(2);
  }
  const { gone, lacking } = tidyLibraries(realpathSync(given));
  console.log(`${gone.length} libraries that nobody asks for: ${gone.map((path) => basename(path)).join(" ")}`);
  for (const fault of lacking) console.error(`not there: ${fault}`);
  if (lacking.length > 0) process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
