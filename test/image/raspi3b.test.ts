import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { Fat } from "./support/fat.ts";
import { figure } from "./support/figures.ts";
import { findImage, flash } from "./support/image.ts";
import { Inspection } from "./support/inspection.ts";
import { Outside } from "./support/outside.ts";
import { RaspberryPi } from "./support/raspi.ts";
import { Ssh } from "./support/ssh.ts";

/** The same image on an emulated Raspberry Pi 3B, with its own device tree: as near to a Pi as it gets without one. */

const LIMIT_MS = 600_000;

const undo: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

it("boots on a Pi 3B's device tree without a failed unit, with its watchdog, and lets root in by key", async () => {
  const directory = await mkdtemp(join(tmpdir(), "pxi-"));
  undo.push(() => rm(directory, { recursive: true, force: true }));
  const card = join(directory, "card.img");
  await flash(await findImage(), card);
  const outside = await Outside.create(directory);
  undo.push(() => outside.remove());
  const ssh = await Ssh.create(outside);
  const fat = await Fat.of(card);
  await fat.write("ssh-authorized-keys", await ssh.publicKey());
  const started = performance.now();
  const pi = await RaspberryPi.start(card, fat, outside);
  undo.push(() => pi.kill());
  undo.push(() => ssh.forget());
  await pi.expect("ssh", LIMIT_MS, ssh.connect(LIMIT_MS));
  figure("raspi3b: power-on to ssh", (performance.now() - started) / 1_000, "s");
  await ssh.run("systemctl is-system-running --wait || true", { timeoutMs: LIMIT_MS });
  expect(await new Inspection(ssh).failedUnits()).toEqual([]);
  expect(await ssh.run("cat /proc/device-tree/model")).toMatch(/Raspberry Pi 3 Model B/);
  expect(await ssh.run("ls /dev/watchdog0")).toContain("watchdog0");
  expect(await ssh.run("cat /sys/class/gpio/gpiochip*/label")).toContain("pinctrl-bcm2835");
});
