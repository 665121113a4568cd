#!/usr/bin/env node
/**
 * `npm run bench`: the gateway's benches (dist/bench.js), then those of guard and status (test/bench/), which need root
 * and network namespaces. One command line, one exit status.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
const { values } = parseArgs({
  strict: false,
  options: {
    only: { type: "string", multiple: true },
    json: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  },
});
/** Names of the benches of guard and status begin so. */
const ofSecond = (name) => /^(?:guard|status|page)-/.test(String(name));
const only = values.only ?? [];
const first = join(root, "dist/bench.js");

// Inside node_modules: what is bundled finds its packages from there.
const cache = join(root, "node_modules/.cache");
mkdirSync(cache, { recursive: true });
const directory = mkdtempSync(join(cache, "paxgate-bench-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
for (const [at, signal] of ["SIGHUP", "SIGINT", "SIGTERM"].entries()) {
  // The parts get it as well, and end first: spawnSync returns only then.
  process.on(signal, () => process.exit(129 + at));
}
const second = await bundle(directory);
if (values.help) {
  run(first, ["--help"]);
  console.log(
    "And of guard and status, in network namespaces (these need root and the packages of install-packages --test):\n",
  );
  run(second, ["--list"]);
} else {
  const parts = [
    ...(only.length === 0 || !only.every(ofSecond) ? [[first, without(args, ofSecond)]] : []),
    ...(only.length === 0 || only.some(ofSecond) ? [[second, without(args, (name) => !ofSecond(name))]] : []),
  ];
  const ends = parts.map(([program, words]) => run(program, words, values.json));
  if (values.json) {
    const reports = ends.flatMap(({ stdout }) => (stdout === "" ? [] : [JSON.parse(stdout)]));
    const findings = reports.flatMap((report) => report.findings);
    console.log(JSON.stringify({ machine: reports[0]?.machine, findings }, null, 2));
  }
  process.exitCode = Math.max(...ends.map(({ status }) => status));
}

function run(program, words, keep = false) {
  const { status, stdout } = spawnSync(process.execPath, [program, ...words], {
    stdio: ["inherit", keep ? "pipe" : "inherit", "inherit"],
    encoding: "utf8",
    maxBuffer: 64 << 20,
    env: { PAXGATE_PROGRAM: join(root, "dist/paxgate.js"), ...process.env },
  });
  return { status: status ?? 1, stdout: stdout ?? "" };
}

/** The arguments, but for `--only NAME` with a name that fits. */
function without(words, fits) {
  const kept = [];
  for (let at = 0; at < words.length; at++) {
    const named = words[at] === "--only" ? words[at + 1] : /^--only=(.*)$/.exec(words[at])?.[1];
    if (named !== undefined && fits(named)) at += words[at] === "--only" ? 1 : 0;
    else kept.push(words[at]);
  }
  return kept;
}

/** Files beside a source are found by its own place, also when it has been bundled. */
async function bundle(outdir) {
  await build({
    absWorkingDir: root,
    entryPoints: ["test/bench/main.ts"],
    outfile: join(outdir, "second-bench.mjs"),
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "warning",
    external: ["esbuild"],
    banner: {
      js: 'import { createRequire as createRequireOfBundle } from "node:module";\nconst require = createRequireOfBundle(import.meta.url);',
    },
    plugins: [
      {
        name: "own place",
        setup: (bundler) =>
          bundler.onLoad({ filter: /\/test\/.*\.ts$/ }, ({ path }) => ({
            loader: "ts",
            contents: readFileSync(path, "utf8")
              .replaceAll("import.meta.dirname", JSON.stringify(dirname(path)))
              .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)),
          })),
      },
    ],
  });
  return join(outdir, "second-bench.mjs");
}
