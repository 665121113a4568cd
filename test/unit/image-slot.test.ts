import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

// The slot block of config.txt and RAUC's backend, as they stand in the image, run by the machine's own sh.
const LAYERS = join(import.meta.dirname, "../../image/layers");
const LIBRARY = join(LAYERS, "30-boot/overlay/usr/lib/paxgate");
const BACKEND = join(LAYERS, "50-update/overlay/usr/lib/paxgate/rauc-slot");
const SECTOR_BYTES = 512;
/** What follows the slot block: the firmware's settings and the person's own. */
const SETTINGS = "###\n\narm_64bit=1\n";
const DISK = "70617867";
/** Hundreds of short programs, on a machine that may have other things to do. */
const SLOW_MS = 60_000;

type Letter = "a" | "b";
type Health = "good" | "bad";
type Tries = "none" | "0" | "1" | "2";
interface SlotFile {
  readonly slot: Letter;
  readonly tries: Tries;
  readonly other: Health;
}

const LETTERS = ["a", "b"] as const;
const STATES: SlotFile[] = LETTERS.flatMap((slot) =>
  (["none", "0", "1", "2"] as const).flatMap((tries) =>
    (["good", "bad"] as const).map((other) => ({ slot, tries, other })),
  ),
);
const otherOf = (letter: Letter): Letter => (letter === "a" ? "b" : "a");

let place: string;
const firmware = () => join(place, "firmware");
const slotFile = () => join(firmware(), "config.txt");

beforeEach(() => {
  // In memory: the scripts wait for the disk after each write, and other work may keep it busy.
  place = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "paxgate-slot-"));
  mkdirSync(join(place, "state"));
  writeFileSync(join(place, "cmdline"), `root=PARTUUID=${DISK}-02 ro paxgate.slot=a panic=10\n`);
  for (const letter of LETTERS) {
    const boot = join(place, `devices/root-${letter}/usr/lib/paxgate/boot`);
    mkdirSync(join(boot, "overlays"), { recursive: true });
    writeFileSync(join(boot, "vmlinuz"), `kernel ${letter}`.repeat(5_000));
    writeFileSync(join(boot, "initrd"), `initrd ${letter}`.repeat(1_000));
    writeFileSync(join(boot, "board.dtb"), `tree ${letter}`);
    writeFileSync(join(boot, "overlays/lines.dtbo"), `overlay ${letter}`);
    writeFileSync(join(boot, "cmdline.txt"), "root=PARTUUID=@ROOT@ ro paxgate.slot=@SLOT@\n");
  }
  mkdirSync(firmware());
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

/** Runs words of slot-file.sh in `shell`. */
function library(script: string, shell: readonly string[] = ["sh"]): string {
  const [program = "", ...words] = shell;
  return execFileSync(program, [...words, "-euc", `. ${LIBRARY}/slot-file.sh; ${script}`], { encoding: "utf8" });
}

function put({ slot, tries, other }: SlotFile, running: Letter): void {
  const mark = tries === "none" ? "good" : `trial ${tries}`;
  writeFileSync(
    slotFile(),
    `os_prefix=${slot}/\n# ${mark}\n# other ${other}\n`.padEnd(SECTOR_BYTES - 1, "#").concat("\n", SETTINGS),
  );
  writeFileSync(join(place, "state/slot"), `${running}\n`);
}

function seen(): SlotFile {
  const text = readFileSync(slotFile(), "latin1");
  expect(text.slice(SECTOR_BYTES)).toBe(SETTINGS);
  const found = /^os_prefix=([ab])\/\n# (?:good|trial (\d))\n# other (good|bad)\n(?:#.*\n)*$/.exec(
    text.slice(0, SECTOR_BYTES),
  );
  if (found === null) throw new Error(`config.txt can't be understood: ${text}`);
  return { slot: found[1] as Letter, tries: (found[2] ?? "none") as Tries, other: found[3] as Health };
}

function backend(words: readonly string[], path = process.env["PATH"] ?? "") {
  // A session of its own, which a test may kill as a whole.
  return spawnSync("setsid", ["-w", "sh", BACKEND, ...words], {
    encoding: "utf8",
    env: {
      PATH: path,
      PAXGATE_LIBRARY: LIBRARY,
      PAXGATE_FIRMWARE: firmware(),
      PAXGATE_BOOT_STATE: join(place, "state"),
      PAXGATE_DEVICES: join(place, "devices"),
      PAXGATE_CMDLINE: join(place, "cmdline"),
    },
  });
}

/** Whether all the kernel files of a system are on the boot partition, each whole. */
function complete(letter: Letter): boolean {
  const files = ["vmlinuz", "initrd", "board.dtb", "overlays/lines.dtbo"];
  const boot = join(place, `devices/root-${letter}/usr/lib/paxgate/boot`);
  const there = join(firmware(), letter);
  return (
    files.every(
      (name) => existsSync(join(there, name)) && readFileSync(join(there, name)).equals(readFileSync(join(boot, name))),
    ) &&
    existsSync(join(there, "overlays/README")) &&
    existsSync(join(there, "cmdline.txt")) &&
    readFileSync(join(there, "cmdline.txt"), "utf8") ===
      `root=PARTUUID=${DISK}-0${letter === "a" ? 2 : 3} ro paxgate.slot=${letter}\n`
  );
}

function installKernel(letter: Letter): void {
  const from = join(place, `devices/root-${letter}/usr/lib/paxgate/boot`);
  execFileSync("sh", [join(LIBRARY, "install-kernel"), from, join(firmware(), letter), letter, DISK]);
}

describe.each([["sh"], ["busybox sh"]])("the slot block, read and written by %s", (shell) => {
  const words = shell.split(" ");

  it("keeps every state, in one sector of lines short enough for the firmware", () => {
    put({ slot: "a", tries: "none", other: "bad" }, "a");
    for (const state of STATES) {
      library(`slot_write ${slotFile()} ${state.slot} ${state.tries} ${state.other}`, words);
      expect(seen()).toEqual(state);
      for (const line of readFileSync(slotFile(), "latin1").split("\n")) expect(line.length).toBeLessThan(99);
      const read = library(`slot_read ${slotFile()}; echo "$slot $tries $other"`, words);
      expect(read.trim()).toBe(`${state.slot} ${state.tries} ${state.other}`);
    }
  });

  it("understands what a Windows editor has saved, and loses nothing of it", () => {
    put({ slot: "b", tries: "1", other: "good" }, "b");
    writeFileSync(slotFile(), readFileSync(slotFile(), "latin1").replaceAll("\n", "\r\n"));
    const read = library(`slot_read ${slotFile()}; echo "$slot $tries $other"`, words);
    expect(read.trim()).toBe("b 1 good");
    library(`slot_write ${slotFile()} a none bad`, words);
    expect(readFileSync(slotFile(), "latin1").slice(SECTOR_BYTES)).toMatch(/^#*\r\n#*\r\n\r\narm_64bit=1\r\n$/);
  });

  it("understands what a person has put right by hand, and loses nothing of it", () => {
    put({ slot: "b", tries: "1", other: "good" }, "b");
    const corrected = readFileSync(slotFile(), "latin1").replace("=b/", "=a/").replace("trial 1", "good");
    writeFileSync(slotFile(), corrected);
    const read = library(`slot_read ${slotFile()}; echo "$slot $tries $other"`, words);
    expect(read.trim()).toBe("a none good");
    library(`slot_write ${slotFile()} b 2 good`, words);
    expect(readFileSync(slotFile(), "latin1").slice(SECTOR_BYTES)).toBe(
      SETTINGS.slice("=b/trial 1".length - "=a/good".length),
    );
  });

  it.each([
    ["nothing", ""],
    ["no slot", "# good\n# other good\n"],
    ["no mark", "os_prefix=a/\n# other good\n"],
    ["another directory", "os_prefix=../\n# good\n"],
    ["a mark that is no number", "os_prefix=a/\n# trial x\n"],
    ["zeros", "\0".repeat(512)],
    ["a setting of somebody's in the block", "os_prefix=a/\n# good\ndtoverlay=disable-bt\n"],
  ])("does not guess: %s", (_, text) => {
    writeFileSync(slotFile(), text);
    expect(library(`if slot_read ${slotFile()}; then echo yes; else echo no; fi`, words).trim()).toBe("no");
  });

  it("takes the other system for bad when nothing is said of it", () => {
    writeFileSync(slotFile(), "os_prefix=a/\n# good\n");
    expect(library(`slot_read ${slotFile()}; echo "$other"`, words).trim()).toBe("bad");
  });

  it("refuses to write what it could not read", () => {
    put({ slot: "a", tries: "none", other: "good" }, "a");
    for (const bad of ["c none good", "a 10 good", "a none fine", "a '' good"]) {
      expect(library(`slot_write ${slotFile()} ${bad} && echo yes || echo no`, words).trim()).toBe("no");
      expect(seen()).toEqual({ slot: "a", tries: "none", other: "good" });
    }
  });

  it("says that a write has failed", () => {
    const full = library("slot_write /dev/full a none good && echo yes || echo no", words);
    expect(full.trim()).toBe("no");
  });

  it("decides for every state and slot: an attempt is counted before it is made, and never without a way back", () => {
    for (const state of STATES) {
      for (const running of LETTERS) {
        put(state, running);
        const decision = library(`slot_read ${slotFile()}; slot_decide ${running}`, words).trim();
        const onTrial = state.tries !== "none" && state.slot === running;
        if (!onTrial) expect(decision).toBe("boot");
        else if (state.tries !== "0") expect(decision).toBe("count");
        else expect(decision).toBe(state.other === "good" ? "back" : "boot");
      }
    }
  });
});

describe("config.txt in the image", () => {
  const text = readFileSync(join(LAYERS, "30-boot/boot/config.txt"), "latin1");

  it("starts system a, which is good; there is no other yet", () => {
    writeFileSync(slotFile(), text.slice(0, SECTOR_BYTES) + SETTINGS);
    expect(text.slice(0, SECTOR_BYTES)).toBe(library("slot_text a none bad"));
    expect(seen()).toEqual({ slot: "a", tries: "none", other: "bad" });
  });

  it("has nothing but comment after that for a few lines' length, should a person shorten the block", () => {
    expect(text.slice(SECTOR_BYTES)).toMatch(/^#{40,}\n\n#/);
  });

  it("includes nothing: the Pi 5's bootloader would not see it", () => {
    const hardware = readFileSync(join(LAYERS, "60-hardware/config.txt"), "latin1");
    expect(text + hardware).not.toMatch(/^include/m);
  });
});

describe("RAUC's backend, every state and every request", () => {
  const requests = LETTERS.flatMap((letter) => [
    ["set-primary", letter],
    ["set-state", letter, "good"],
    ["set-state", letter, "bad"],
  ]);

  it.each(STATES)("$slot, tries $tries, other $other", { timeout: SLOW_MS }, (state) => {
    for (const running of LETTERS) {
      for (const request of requests) {
        put(state, running);
        const before = readFileSync(slotFile());
        for (const letter of LETTERS) rmSync(join(firmware(), letter), { recursive: true, force: true });
        installKernel(running);
        const { status } = backend(request);
        const after = seen();
        const what = `${running} runs, ${request.join(" ")}: ${JSON.stringify(after)}`;
        if (status !== 0) expect(readFileSync(slotFile()).equals(before), what).toBe(true);
        // The system that runs keeps its files whatever is asked.
        expect(complete(running), what).toBe(true);
        // Another system than the one that runs is newly named only with all of its files, or to go back to it.
        if (after.slot !== state.slot && after.slot !== running) {
          const wentBack = state.other === "good" && after.tries === "none" && request[0] === "set-state";
          expect(wentBack || (complete(after.slot) && after.tries === "2" && after.other === "good"), what).toBe(true);
        }
        // A trial never loses its way back, and ends well only from inside.
        if (state.tries !== "none" && after.slot === state.slot && state.other === "good")
          expect(after.other, what).toBe("good");
        if (state.tries !== "none" && after.slot === state.slot && after.tries === "none")
          expect([running, ...request], what).toEqual([state.slot, "set-state", state.slot, "good"]);
        // A system called bad is never given the next start by a verdict on the other one.
        if (request[0] === "set-state" && after.slot !== state.slot) expect(state.other, what).toBe("good");
      }
    }
  });

  it.each(STATES)("answers what $slot, tries $tries, other $other means", (state) => {
    put(state, "b");
    expect(backend(["get-current"]).stdout).toBe("b\n");
    expect(backend(["get-primary"]).stdout).toBe(`${state.slot}\n`);
    expect(backend(["get-state", state.slot]).stdout).toBe("good\n");
    expect(backend(["get-state", otherOf(state.slot)]).stdout).toBe(`${state.other}\n`);
  });

  it.each([[], ["set-primary"], ["set-primary", "c"], ["set-state", "a"], ["set-state", "a", "fine"], ["destroy"]])(
    "refuses %j %j %j and changes nothing",
    (...words) => {
      put({ slot: "a", tries: "none", other: "good" }, "a");
      const before = readFileSync(slotFile());
      expect(backend(words.filter((word) => word !== undefined)).status).not.toBe(0);
      expect(readFileSync(slotFile()).equals(before)).toBe(true);
    },
  );
});

describe("a trial, from inside the new system", () => {
  const ran = () => join(place, "systemctl-ran");
  const reports = (...names: readonly string[]) => {
    for (const name of names) writeFileSync(join(place, name === "ready" ? name : `state/${name}`), "");
  };
  /** `first`: what RAUC's backend is to do before anything else. */
  function trial(action: string, first = ":") {
    const bin = join(place, "bin");
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, "systemctl"), `#!/bin/sh\necho "$*" >${ran()}\n`, { mode: 0o755 });
    mkdirSync(join(place, "library"), { recursive: true });
    for (const name of ["slot-file.sh", "install-kernel"]) {
      writeFileSync(join(place, "library", name), readFileSync(join(LIBRARY, name)), { mode: 0o755 });
    }
    const backendText = readFileSync(BACKEND, "utf8").replace("#!/bin/sh\n", `#!/bin/sh\n${first}\n`);
    writeFileSync(join(place, "library/rauc-slot"), backendText, { mode: 0o755 });
    return spawnSync("sh", [join(LAYERS, "50-update/overlay/usr/lib/paxgate/trial"), action], {
      encoding: "utf8",
      env: {
        PATH: `${bin}:${process.env["PATH"]}`,
        PAXGATE_LIBRARY: join(place, "library"),
        PAXGATE_FIRMWARE: firmware(),
        PAXGATE_BOOT_STATE: join(place, "state"),
        PAXGATE_READY: join(place, "ready"),
      },
    });
  }
  const onTrial = { slot: "b", tries: "1", other: "good" } as const;
  const failed = () => (existsSync(join(firmware(), "UPDATE-FAILED.txt")) ? "told" : "not told");

  beforeEach(() => {
    put(onTrial, "b");
    writeFileSync(join(place, "state/trial"), "yes\n");
  });

  it("is over when the gateway is ready, and that is shown", () => {
    expect(trial("confirm").status).toBe(0);
    expect(seen()).toEqual({ slot: "b", tries: "none", other: "good" });
    expect(readFileSync(join(place, "state/trial"), "utf8")).toBe("no\n");
  });

  it("is not over for a system that can't use the data partition, ready or not", () => {
    reports("unfit", "ready");
    expect(trial("confirm").status).toBe(0);
    expect(seen()).toEqual(onTrial);
  });

  it.each<[string, string[], Letter, string]>([
    ["never ready", [], "a", "told"],
    ["unfit, though ready", ["unfit", "ready"], "a", "told"],
    ["ready at the last moment", ["ready"], "b", "not told"],
  ])("ends after its time for one that is %s", (_, names, slot, told) => {
    reports(...names);
    expect(trial("end").status).toBe(0);
    expect([seen().slot, seen().tries, failed()]).toEqual([slot, "none", told]);
    expect(existsSync(ran()) ? readFileSync(ran(), "utf8") : "").toBe(slot === "a" ? "reboot\n" : "");
  });

  it("ends after its time also where the boot partition has no room for a word of it", () => {
    mkdirSync(join(firmware(), "UPDATE-FAILED.txt"));
    expect(trial("end").status).toBe(0);
    expect(seen().slot).toBe("a");
    expect(readFileSync(ran(), "utf8")).toBe("reboot\n");
  });

  it.each([
    ["restarts, so that the initrd counts, where the verdict can't be written", onTrial, "reboot\n"],
    ["stays where there is no other system", { ...onTrial, other: "bad" } as const, ""],
  ])("%s", (_, state, did) => {
    put(state, "b");
    const { status } = trial("end", 'case "$*" in *bad) exit 1 ;; esac');
    expect(status).toBe(0);
    expect(seen()).toEqual(state);
    expect(existsSync(ran()) ? readFileSync(ran(), "utf8") : "").toBe(did);
  });

  it("goes on where the verdict can't be written, but calls can be made", () => {
    reports("unfit", "ready");
    expect(trial("end", 'case "$*" in *bad) exit 1 ;; esac').status).toBe(0);
    expect(seen()).toEqual(onTrial);
    expect(existsSync(ran())).toBe(false);
  });

  it("does not take a system that has failed for a good one, ready too late", () => {
    expect(trial("end").status).toBe(0);
    expect(seen()).toEqual({ slot: "a", tries: "none", other: "bad" });
    reports("ready");
    expect(trial("confirm").status).toBe(0);
    expect(seen()).toEqual({ slot: "a", tries: "none", other: "bad" });
  });

  it("leaves a confirmed system alone", () => {
    writeFileSync(join(place, "state/trial"), "no\n");
    put({ ...onTrial, tries: "none" }, "b");
    expect(trial("end").status).toBe(0);
    expect(seen()).toEqual({ ...onTrial, tries: "none" });
  });
});

describe("an update", () => {
  const steps = [
    ["set-state", "b", "bad"],
    ["set-primary", "b"],
  ];
  const install = (path?: string) => steps.every((step) => backend(step, path).status === 0);
  /** What the initrd does with the slot file at a start of the slot that it names; the slot that then runs. */
  const start = (): Letter => {
    const { slot, tries, other } = seen();
    const decision = library(`slot_read ${slotFile()}; slot_decide ${slot}`, ["busybox", "sh"]).trim();
    if (decision === "count") library(`slot_write ${slotFile()} ${slot} ${Number(tries) - 1} ${other}`);
    if (decision === "back") library(`slot_write ${slotFile()} ${otherOf(slot)} none bad`);
    writeFileSync(join(place, "state/slot"), `${seen().slot}\n`);
    return seen().slot;
  };

  beforeEach(() => {
    put({ slot: "a", tries: "none", other: "bad" }, "a");
    installKernel("a");
  });

  it("that is confirmed stays, and the one before it can be gone back to", () => {
    expect(install()).toBe(true);
    expect(seen()).toEqual({ slot: "b", tries: "2", other: "good" });
    expect(start()).toBe("b");
    expect(seen().tries).toBe("1");
    expect(backend(["set-state", "b", "good"]).status).toBe(0);
    expect(seen()).toEqual({ slot: "b", tries: "none", other: "good" });
    expect([start(), start(), start()]).toEqual(["b", "b", "b"]);
    expect(backend(["set-primary", "a"]).status).toBe(0);
    expect(seen()).toEqual({ slot: "a", tries: "2", other: "good" });
  });

  it("that is never confirmed is tried twice; then the one before it runs, and for good", () => {
    expect(install()).toBe(true);
    expect([start(), start(), start(), start(), start()]).toEqual(["b", "b", "a", "a", "a"]);
    expect(seen()).toEqual({ slot: "a", tries: "none", other: "bad" });
    expect(complete("a")).toBe(true);
  });

  it("can't be installed over the way back while it is on trial", () => {
    expect(install()).toBe(true);
    start();
    expect(backend(["set-state", "a", "bad"]).status).not.toBe(0);
    expect(backend(["set-primary", "a"]).status).not.toBe(0);
    expect(seen()).toEqual({ slot: "b", tries: "1", other: "good" });
  });

  it("without a kernel in its root never gets the next start", () => {
    rmSync(join(place, "devices/root-b/usr/lib/paxgate/boot/vmlinuz"));
    expect(install()).toBe(false);
    expect(seen()).toEqual({ slot: "a", tries: "none", other: "bad" });
  });

  it("that does not fit onto the boot partition never gets the next start", () => {
    // cp that copies half and succeeds: a card that lies.
    const bin = join(place, "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "cp"), '#!/bin/sh\n/bin/cp "$@"\nfor last; do :; done\ntruncate -s 7 "$last/initrd"\n', {
      mode: 0o755,
    });
    expect(install(`${bin}:${process.env["PATH"]}`)).toBe(false);
    expect(seen().slot).toBe("a");
  });

  it("survives a loss of power before and after every single step: what starts next is complete", {
    timeout: SLOW_MS,
  }, () => {
    const programs = ["dd", "cp", "rm", "mkdir", "sed", "find", "sync", "cmp", "tr"];
    let cuts = 0;
    for (const when of ["before", "after"]) {
      for (let at = 1; ; at += 1) {
        rmSync(join(place, "bin"), { recursive: true, force: true });
        mkdirSync(join(place, "bin"));
        rmSync(join(firmware(), "b"), { recursive: true, force: true });
        for (const name of readdirSync(place))
          if (name.startsWith("count.")) rmSync(join(place, name), { recursive: true });
        put({ slot: "a", tries: "none", other: "bad" }, "a");
        for (const program of programs)
          writeFileSync(join(place, "bin", program), cutting(program, at, when), { mode: 0o755 });
        const done = install(`${join(place, "bin")}:${process.env["PATH"]}`);
        const { slot, tries } = seen();
        expect(complete("a")).toBe(true);
        if (slot === "b") {
          expect(complete("b")).toBe(true);
          expect(tries).toBe("2");
        }
        if (done) break;
        cuts += 1;
        // The next attempt finds a mess and makes good of it.
        if (slot === "a") expect(install()).toBe(true);
        expect(complete("b")).toBe(true);
        expect(seen()).toEqual({ slot: "b", tries: "2", other: "good" });
      }
    }
    expect(cuts).toBeGreaterThanOrEqual(20);
  });

  /** A program that kills all of the script, itself included, before or after the `at`th call of any such program. */
  function cutting(program: string, at: number, when: string): string {
    const real = execFileSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).trim();
    const count = join(place, "count");
    const kill = "kill -9 0";
    // Programs of a pipe start together: a directory can be made by one of them only, so each has a number of its own.
    return `#!/bin/sh
number=1
until /bin/mkdir ${count}.$number 2>/dev/null; do number=$((number + 1)); done
if [ $number = ${at} ] && [ ${when} = before ]; then ${kill}; fi
${real} "$@"
result=$?
if [ $number = ${at} ] && [ ${when} = after ]; then ${kill}; fi
exit $result
`;
  }
});
