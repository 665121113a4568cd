#!/usr/bin/env node
/**
 * Bundles src/dashboard/ into a directory of static files, as the page's server reads it: minified, names that carry a
 * hash of the contents, pages that name them, and everything compressed beforehand (.gz, .br).
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = "src/dashboard";
const pages = ["index.html", "login.html", "handout.html"];
const entries = ["main.tsx", "login.tsx", "handout.tsx", "first.ts", "app.css"];
const icons = ["icon.svg"];

/** A page's words for its files: `{{main.js}}`. */
const PLACE = /\{\{([a-z.-]+)\}\}/g;
/** As esbuild writes its hashes: eight characters of base32. */
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/**
 * Builds into `outdir`, which is emptied first. Answers the files' sizes in bytes, and the sum of what a browser gets
 * for all pages: the brotli forms, and the gzip forms.
 */
export async function buildWeb(outdir) {
  const { build } = await import("esbuild");
  rmSync(outdir, { recursive: true, force: true });
  mkdirSync(outdir, { recursive: true });
  const result = await build({
    absWorkingDir: root,
    entryPoints: entries.map((entry) => join(source, entry)),
    outdir,
    tsconfig: join(root, source, "tsconfig.json"),
    bundle: true,
    minify: true,
    splitting: true,
    format: "esm",
    target: ["chrome100", "firefox100", "safari15.4"],
    entryNames: "[name]-[hash]",
    chunkNames: "shared-[hash]",
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  });
  const names = new Map();
  for (const [path, { entryPoint }] of Object.entries(result.metafile.outputs)) {
    if (entryPoint === undefined) continue;
    names.set(basename(entryPoint).replace(/\.tsx?$/, ".js"), basename(path));
  }
  for (const icon of icons) {
    const text = readFileSync(join(root, source, icon));
    const hash = [...createHash("sha256").update(text).digest().subarray(0, 8)]
      .map((byte) => BASE32[byte % 32])
      .join("");
    const name = icon.replace(/(?=\.[a-z]+$)/, `-${hash}`);
    writeFileSync(join(outdir, name), text);
    names.set(icon, name);
  }
  for (const page of pages) {
    const text = readFileSync(join(root, source, page), "utf8").replace(PLACE, (_, name) => {
      const file = names.get(name);
      if (file === undefined) throw new Error(`${page} names ${name}, which is not built`);
      return file;
    });
    writeFileSync(join(outdir, page), text.replace(/\n\s*/g, "\n"));
  }
  return compressed(outdir);
}

function compressed(outdir) {
  const files = [];
  for (const name of readdirSync(outdir).sort()) {
    const text = readFileSync(join(outdir, name));
    const br = brotliCompressSync(text, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: text.length },
    });
    const gzip = gzipSync(text, { level: 9 });
    writeFileSync(join(outdir, `${name}.br`), br);
    writeFileSync(join(outdir, `${name}.gz`), gzip);
    files.push({ name, plain: text.length, br: br.length, gzip: gzip.length });
  }
  const sum = (key) => files.reduce((total, file) => total + file[key], 0);
  return { files, br: sum("br"), gzip: sum("gzip") };
}

/** `51.2 kB br, 58.9 kB gz`. */
export const weight = ({ br, gzip }) => `${(br / 1_000).toFixed(1)} kB br, ${(gzip / 1_000).toFixed(1)} kB gz`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [outdir] = process.argv.slice(2);
  if (outdir === undefined || outdir.startsWith("-")) {
    console.log(
      "Usage: node scripts/build-web.mjs DIRECTORY\n\nBundles src/dashboard/ into DIRECTORY, which is emptied first.",
    );
    process.exit(outdir === "--help" ? 0 : 2);
  }
  const built = await buildWeb(resolve(outdir));
  for (const file of built.files)
    console.log(`${String(file.br).padStart(7)} br ${String(file.gzip).padStart(7)} gz  ${file.name}`);
  console.log(`build: page ${weight(built)}`);
}
