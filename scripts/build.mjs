#!/usr/bin/env node
/**
 * Bundles the commands of src/cli/ into dist/, with all that they need, so that the gateway starts quickly and
 * runs without node_modules. Does nothing when neither the sources, the lock file nor this script have changed.
 */
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { buildWeb, weight } from "./build-web.mjs";
import { compiledEpoll, copyEpoll, epollBeside } from "./epoll-beside.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
const stamp = join(dist, ".inputs");
const commands = ["paxgate", "generate", "bench", "pax-sim", "event-sim"];

const usage = `Usage: node scripts/build.mjs [--force]

Bundles src/cli/{${commands.join(",")}}.ts (those that exist) into dist/, and src/dashboard/ into dist/web/.

  --force   build even when nothing has changed
  --help    this text`;

const args = process.argv.slice(2);
if (args.includes("--help")) {
  console.log(usage);
  process.exit(0);
}
const unknown = args.find((arg) => arg !== "--force");
if (unknown !== undefined) {
  console.error(`build: unknown argument ${unknown}\n\n${usage}`);
  process.exit(2);
}

const sources = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !/\.test\.tsx?$/.test(entry.name))
  .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
  .sort();
const hash = createHash("sha256");
for (const path of [
  ...sources,
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "scripts/build.mjs",
  "scripts/build-web.mjs",
  "scripts/epoll-beside.mjs",
]) {
  hash
    .update(`${path}\0`)
    .update(readFileSync(join(root, path)))
    .update("\0");
}
// onoff's compiled part, where scripts/install-modules could compile it.
if (existsSync(compiledEpoll(root))) hash.update(readFileSync(compiledEpoll(root)));
const key = hash.digest("hex");

const built = commands.filter((command) => existsSync(join(root, "src/cli", `${command}.ts`)));
if (built.length === 0) {
  console.error("build: there is no command in src/cli/ to build");
  process.exit(1);
}
const outputs = built.map((command) => join(dist, `${command}.js`));
const web = join(dist, "web");
const current =
  existsSync(stamp) &&
  readFileSync(stamp, "utf8") === key &&
  [...outputs, join(web, "index.html")].every((path) => existsSync(path));
if (current && !args.includes("--force")) {
  console.log("build: up to date");
  process.exit(0);
}

/** zod carries its messages in fifty languages, 300 KB that would be read at each start: ours are English. */
const englishOnly = {
  name: "English only",
  setup: (bundler) =>
    bundler.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
    })),
};

// Loaded only now: a run that has nothing to do stays quick.
const { build } = await import("esbuild");
rmSync(dist, { recursive: true, force: true }); // an interrupted build is not "up to date"
mkdirSync(dist, { recursive: true });
const started = performance.now();
let page;
try {
  page = await buildWeb(web);
  await build({
    absWorkingDir: root,
    entryPoints: built.map((command) => `src/cli/${command}.ts`),
    outdir: dist,
    bundle: true,
    // What only one command needs is loaded with that command: the gateway carries no simulator.
    splitting: true,
    chunkNames: "parts/[name]-[hash]",
    platform: "node",
    target: "node20",
    format: "esm",
    // Node keeps the program's text in memory, two bytes a letter where a comment has one letter beyond Latin-1: without
    // comments and indentation 3.4 MB less. Names stay, and lines short, for the traces of errors.
    minifyWhitespace: true,
    lineLimit: 160,
    legalComments: "linked",
    sourcemap: "linked",
    // The map finds the sources by path; carrying their text as well would double what is shipped.
    sourcesContent: false,
    // Packages in CommonJS (ws, pino's parts) call require() for node's own modules.
    banner: {
      js: 'import { createRequire as createRequireOfBundle } from "node:module";\nconst require = createRequireOfBundle(import.meta.url);',
    },
    plugins: [epollBeside, englishOnly],
    logLevel: "warning",
  });
} catch (error) {
  if (error.errors === undefined) console.error(`build: ${error.message}`); // otherwise esbuild has said why
  process.exit(1);
}
for (const path of outputs) chmodSync(path, 0o755);
copyEpoll(root, dist);
writeFileSync(stamp, key);
console.log(`build: ${built.join(", ")}, page (${weight(page)}) in ${Math.round(performance.now() - started)} ms`);
