import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../../src/config/parse.ts";

/** The device tree overlays, compiled and applied to trees that have what a Pi's have. Needs device-tree-compiler. */

const root = resolve(import.meta.dirname, "../..");
const overlays = join(root, "overlays");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const sources = readdirSync(overlays).filter((name) => name.endsWith(".dts"));
const gpioNames = Array.from({ length: 54 }, (_, at) => `"GPIO${at}"`).join(", ");

/** The labels that Linux's device trees of the Pis give, and nothing else of them. */
const pi = `/dts-v1/;
/ {
  compatible = "brcm,bcm2835"; #address-cells = <1>; #size-cells = <1>;
  gpio: gpio@7e200000 {
    reg = <0x7e200000 0xb4>; gpio-controller; #gpio-cells = <2>; gpio-line-names = ${gpioNames};
    pcm_gpio18: pcm-gpio18 { };
  };
  i2s: i2s@7e203000 { reg = <0x7e203000 0x24>; status = "disabled"; };
  i2c1: i2c@7e804000 { reg = <0x7e804000 0x1000>; #address-cells = <1>; #size-cells = <0>; status = "disabled"; };
};`;
const pi5 = `/dts-v1/;
/ {
  compatible = "brcm,bcm2712"; #address-cells = <2>; #size-cells = <1>;
  rp1_gpio: pinctrl@400d0000 { reg = <0 0x400d0000 0xc000>; gpio-controller; #gpio-cells = <2>; };
};`;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "overlays-"));
  writeFileSync(join(directory, "pi.dts"), pi);
  writeFileSync(join(directory, "pi5.dts"), pi5);
  for (const base of ["pi", "pi5"]) {
    const tree = ["-@", "-I", "dts", "-O", "dtb", "-o", join(directory, `${base}.dtb`), join(directory, `${base}.dts`)];
    expect(run("dtc", tree).stderr).toBe("");
  }
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function run(program: string, args: readonly string[]): { stdout: string; stderr: string } {
  const { error, status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (error !== undefined) throw new Error(`${program} is needed (package device-tree-compiler): ${error.message}`);
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
  return { stdout, stderr };
}

function compile(name: string): string {
  const target = join(directory, `${name}.dtbo`);
  // A warning is a mistake that nobody would see on a Pi without a screen.
  expect(run("dtc", ["-@", "-I", "dts", "-O", "dtb", "-o", target, join(overlays, `${name}.dts`)]).stderr).toBe("");
  return target;
}

/** The tree with overlays applied, and how to ask for a property in it. */
function merged(base: "pi" | "pi5", ...names: string[]) {
  const tree = join(directory, `${base}-merged.dtb`);
  run("fdtoverlay", ["-i", join(directory, `${base}.dtb`), "-o", tree, ...names.map(compile)]);
  const ask = (type: "s" | "u", node: string, property: string) =>
    run("fdtget", [`-t${type}`, tree, node, property])
      .stdout.trim()
      .split(/\s+/);
  const nodes = (node: string) => run("fdtget", ["-l", tree, node]).stdout.trim().split("\n");
  return { ask, nodes };
}

const boards = [
  { base: "pi", overlay: "paxgate-two-line", chip: "/gpio@7e200000" },
  { base: "pi5", overlay: "paxgate-two-line-pi5", chip: "/pinctrl@400d0000" },
] as const;

describe.each(boards)("the two-line board's overlay for $base", ({ base, overlay, chip }) => {
  const tree = () => merged(base, overlay);
  const inputsOf = (board: ReturnType<typeof tree>) =>
    ["paxgate-tie-1-inputs", "paxgate-tie-2-inputs", "paxgate-button-input"].flatMap((node) =>
      board.ask("s", `${chip}/${node}`, "pins").map((pin) => Number(pin.replace("gpio", ""))),
    );
  const ledsOf = (board: ReturnType<typeof tree>) =>
    ["paxgate-tie-1", "paxgate-tie-2", "paxgate-panel"].flatMap((node) =>
      board.nodes(`/${node}`).map((led) => {
        const path = `/${node}/${led}`;
        const [label = ""] = board.ask("s", path, "label");
        const [state = ""] = board.ask("s", path, "default-state");
        return { label, state, pin: Number(board.ask("u", path, "gpios")[1]) };
      }),
    );

  it("has every name that the board's configuration uses", () => {
    const board = tree();
    const parsed = parseConfig(read("overlays/paxgate-two-line.yaml"));
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
    const { lines, button } = parsed.value.config;
    const interfaces = lines.map((line) => line.interface).filter((one) => one !== "sim");
    expect(interfaces).toHaveLength(2);
    const names = board.ask("s", chip, "gpio-line-names");
    const wanted = interfaces.flatMap(({ inputs }) => Object.values(inputs).filter((name) => name !== undefined));
    const pins = wanted.map((name) => names.indexOf(name));
    const buttonPin = names.indexOf(button.gpio ?? "");
    expect(buttonPin).toBe(4);
    expect([...pins, buttonPin].sort()).toEqual([...inputsOf(board)].sort());
    const leds = ledsOf(board).map(({ label }) => label);
    const outputs = interfaces.flatMap((one) => Object.values(one.outputs));
    expect([...outputs, button.led].sort()).toEqual([...leds].sort());
  });

  it("keeps every relay off, on pins that are low at reset and belong to nothing else", () => {
    const board = tree();
    const leds = ledsOf(board);
    const used = [...leds.map(({ pin }) => pin), ...inputsOf(board)];
    expect(new Set(used).size).toBe(14);
    for (const { label, state, pin } of leds) {
      expect(state, label).toBe("off");
      // GPIO 0 to 8 are pulled up at reset, 9 to 27 down (BCM2835 ARM Peripherals, table 6-31; RP1's likewise).
      expect(pin, label).toBeGreaterThanOrEqual(9);
    }
    const reserved = [0, 1, 2, 3, 14, 15, 18, 19, 20, 21]; // identification, I2C, serial line, I2S
    expect(used.filter((pin) => reserved.includes(pin) || pin > 27)).toEqual([]);
  });

  it("has the pins in the state that config.txt gives them before the kernel", () => {
    const board = tree();
    const hardware = read("image/layers/60-hardware/config.txt");
    const pinsOf = (state: string) =>
      hardware
        .match(new RegExp(`^gpio=([0-9,]+)=${state}$`, "m"))?.[1]
        ?.split(",")
        .map(Number);
    const ascending = (pins: readonly number[]) => [...pins].sort((a, b) => a - b);
    expect(pinsOf("ip,pu")).toEqual(ascending(inputsOf(board)));
    expect(pinsOf("op,dl")).toEqual(ascending(ledsOf(board).map(({ pin }) => pin)));
    expect(hardware).toContain(`dtoverlay=${overlay}\n`);
  });
});

it("the two boards' overlays differ by the Pi's words only", () => {
  const body = (name: string) => read(`overlays/${name}.dts`).replace(/^[\s\S]*?\*\/\n/, "");
  const renamed = body("paxgate-two-line").replaceAll("&gpio ", "&rp1_gpio ").replaceAll('"gpio_in"', '"gpio"');
  expect(body("paxgate-two-line-pi5")).toBe(renamed);
});

it("the codec's overlay applies beside the board's, as the card that asound.conf names", () => {
  const { ask } = merged("pi", "paxgate-two-line", "paxgate-codec-wm8960");
  const [card = ""] = ask("s", "/paxgate-sound", "simple-audio-card,name");
  expect(ask("s", "/i2s@7e203000", "status")).toEqual(["okay"]);
  const sound = read("image/layers/60-hardware/overlay/etc/asound.conf");
  for (const side of ["left", "right"]) {
    expect(sound).toMatch(new RegExp(`^pcm\\.paxgate_${side} \\{\n {2}@args [^\n]*\n[^\n]*default "${card}"`, "m"));
  }
});

it("there is no overlay that is not tried here", () => {
  const tried = ["paxgate-codec-wm8960.dts", ...boards.map(({ overlay }) => `${overlay}.dts`)];
  expect([...sources].sort()).toEqual(tried.sort());
});
