import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build, type Plugin } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";

/**
 * The real onoff with its real compiled part, in a bundle as it is shipped, told of changes by the kernel. There is no
 * GPIO in most machines that test; but a file of /proc that tells of its changes as a GPIO's `value` does (EPOLLPRI and
 * EPOLLERR to whoever polls it) is in every one: the host's name, which is "0" or "1" here, in a namespace of its own.
 */

const root = process.cwd();
/** What scripts/build.mjs bundles with: a script, which has no types. */
const { epollBeside, copyEpoll }: { epollBeside: Plugin; copyEpoll: (root: string, dist: string) => void } =
  await import(join(root, "scripts/epoll-beside.mjs"));

let directory: string;
let child: ChildProcess | undefined;

const program = `
  import { writeFileSync } from "node:fs";
  import { createInterface } from "node:readline";
  import { OnoffContact } from "${root}/src/drivers/onoff-contact.ts";
  const contact = new OnoffContact({ gpio: process.argv[2], activeLow: false });
  const say = (what) => console.log(JSON.stringify(what));
  contact.onChange((active) => say({ active }));
  contact.onLost((error) => say({ lost: error.message }));
  const commands = {
    open: () => contact.open(),
    close: () => contact.close(),
    active: () => contact.active(),
    "1": () => writeFileSync("/proc/sys/kernel/hostname", "1"),
    "0": () => writeFileSync("/proc/sys/kernel/hostname", "0"),
  };
  for await (const line of createInterface({ input: process.stdin })) {
    await Promise.resolve(commands[line]()).then((answer) => say({ done: line, answer }), (error) => say({ failed: error.message + ": " + error.cause?.message }));
  }`;

/** A chip with one exported line in a /sys/class of its own; the line's value is the host's name. */
const scene = `
  set -e
  mount -t tmpfs none /sys/class
  mkdir -p /sys/class/gpio/gpiochip512/device/gpiochip0 /sys/class/gpio/gpio517
  cd /sys/class/gpio
  echo pinctrl > gpiochip512/label; echo 512 > gpiochip512/base; echo 54 > gpiochip512/ngpio
  touch export unexport gpio517/value gpio517/edge; echo out > gpio517/direction; echo 0 > gpio517/active_low
  printf 0 > /proc/sys/kernel/hostname
  mount --bind /proc/sys/kernel/hostname gpio517/value
  exec "$@"`;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "onoff-"));
  await build({
    stdin: { contents: program, resolveDir: root, loader: "ts" },
    outfile: join(directory, "program.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
    plugins: [epollBeside],
    banner: { js: 'import { createRequire as make } from "node:module"; const require = make(import.meta.url);' },
  });
  // What libgpiod's tools print of that chip, with the line in use already, as after a restart.
  const tool = (name: string, says: string) =>
    writeFile(join(directory, name), `#!/bin/sh\nprintf '${says}\\n'\n`, { mode: 0o755 });
  await tool("gpiodetect", "gpiochip0 [pinctrl] (54 lines)");
  await tool("gpioinfo", 'gpiochip0 5\\t"paxgate-button"\\tinput consumer="sysfs"');
});

afterAll(async () => {
  child?.kill("SIGKILL");
  await rm(directory, { recursive: true });
});

/** Runs the program in its scene, with the contact at a place; `next` is what it says next. */
function run(place: string) {
  const command = ["--uts", "--mount", "--propagation", "private", "sh", "-c", scene, "sh", process.execPath];
  const started = spawn("unshare", [...command, join(directory, "program.mjs"), place], {
    env: { ...process.env, PATH: `${directory}:${process.env["PATH"]}` },
    stdio: ["pipe", "pipe", "inherit"],
  });
  child = started;
  const lines = createInterface({ input: started.stdout })[Symbol.asyncIterator]();
  return {
    say: (line: string) => started.stdin.write(`${line}\n`),
    next: async (): Promise<unknown> => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error("the program has ended");
      return JSON.parse(value);
    },
  };
}

it("says what is missing when the bundle has no compiled part beside it", async () => {
  const { say, next } = run("pinctrl:5");
  say("open");
  expect(await next()).toEqual({
    failed: expect.stringMatching(/^pinctrl:5: onoff's compiled part.*this build has no native\/epoll-/),
  });
  child?.kill("SIGKILL");
});

it("finds the line by its name, and tells the changes of which the kernel tells, until it is closed, and again when it is opened again", async () => {
  copyEpoll(root, directory);
  const { say, next } = run("paxgate-button");
  say("open");
  expect(await next()).toEqual({ done: "open" });
  for (const active of [true, false, true]) {
    say(active ? "1" : "0");
    const said = [await next(), await next()];
    expect(said).toContainEqual({ active });
  }
  say("active");
  expect(await next()).toEqual({ done: "active", answer: true });
  say("close");
  expect(await next()).toEqual({ done: "close" });
  say("0");
  expect(await next()).toEqual({ done: "0" });
  say("open");
  expect(await next()).toEqual({ done: "open" });
  say("active");
  expect(await next()).toEqual({ done: "active", answer: false });
  say("1");
  expect([await next(), await next()]).toContainEqual({ active: true });
});
