import { type ChildProcess, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { within } from "../../src/base/lifecycle.ts";
import type { Packet } from "./support/capture.ts";
import { GATEWAY, GuardRig, tool } from "./support/guard-rig.ts";
import { bundle } from "./support/router-probe.ts";
import { quick } from "./support/scenes.ts";

/** The whole gateway in mode `open`, where everybody may register: what scanners find, and what a phone has of it. */

const APIBAN_PORT = 8_181;
const PHONE = "203.0.113.200";
/** An account's own networks are a matter of Asterisk's: the usual ones are private. */
const rest = { pax: { overrides: quick }, accounts: [{ name: "desk", networks: ["203.0.113.0/24"] }] };

const isGuess = (packet: Packet) => /\r\n(?:Proxy-)?Authorization:/i.test(packet.payload);
const idOf = ({ payload }: Packet) =>
  `${/^Call-ID: *(.*?)\r$/im.exec(payload)?.[1]} ${/^CSeq: *(.*?)\r$/im.exec(payload)?.[1]}`;

let next = 1;
const fresh = () => `203.0.113.${next++}`;

describe.each([true, false])("in mode open, the scanner filter on: %s", (enabled) => {
  let rig: GuardRig;
  beforeAll(async () => {
    rig = await GuardRig.start({ firewall: { mode: "open", scanner: { enabled } }, config: rest });
    await rig.gateway.pax.setPhone("21", { autoAnswerMs: 100 });
  });
  afterAll(() => rig?.stop());
  afterEach(() => rig.release());

  /** From where the tools send, which do not all heed what they are told to bind to. */
  const sendFrom = (source: string) =>
    rig.lab.outside.ip(`addr replace ${source}/32 dev eth0`, `route replace ${GATEWAY}/32 dev eth0 src ${source}`);

  /** What went to the source and what it guessed while its tool ran, and what the tool printed. */
  async function run(seconds: number, ...words: readonly string[]) {
    const source = fresh();
    await sendFrom(source);
    const capture = await rig.capture(`host ${source} and port 5060`);
    const text = await tool(rig.lab.outside, seconds, ...words);
    expect((await capture.stop()).dropped).toBe(0);
    const sent = capture.packets.filter(({ from }) => from === source);
    const answers = capture.packets.filter(({ from, to }) => from === GATEWAY && to === source);
    const guesses = new Set(sent.filter(isGuess).map(idOf));
    const answered = new Set(answers.map(idOf).filter((id) => guesses.has(id))).size;
    return { text, sent: sent.length, answers: answers.length, guesses: guesses.size, answered };
  }

  it("nmap and svmap find nothing that answers", async () => {
    const probes = ["-n", "-Pn", "--max-retries", "0", "--host-timeout", "15s", "-sU", "-p", "5060", GATEWAY];
    const nmap = await run(20, "nmap", ...probes);
    expect(nmap.sent).toBeGreaterThan(0);
    expect(nmap).toMatchObject({ answers: 0, text: expect.stringContaining("5060/udp open|filtered") });
    const svmap = await run(6, "svmap", GATEWAY);
    expect(svmap.sent).toBeGreaterThan(0);
    expect(svmap).toMatchObject({ answers: 0, text: expect.not.stringContaining(`${GATEWAY}:`) });
  });

  it.each([
    ["svmap", ["-m", "REGISTER"]],
    ["svwar", ["-m", "REGISTER", "-e100-140"]],
    ["svwar", ["-m", "INVITE", "-e100-140"]],
    ["svcrack", ["-u100", "-r1-200"]],
  ])(`%s %j ${enabled ? "gets no answer" : "has three guesses answered at the most"}`, async (program, options) => {
    const { text, sent, answers, guesses, answered } = await run(6, program, ...options, GATEWAY);
    expect(sent).toBeGreaterThan(0);
    expect(answered).toBeLessThanOrEqual(3);
    expect(text).not.toMatch(/The password for|noauth/);
    if (enabled) expect(answers).toBe(0);
    // The first requests of a stranger are answered, else no phone could register from anywhere.
    else expect(answers).toBeGreaterThan(0);
    if (!enabled && program === "svcrack") expect(guesses).toBeGreaterThan(0);
  });

  it("a phone from anywhere registers and calls while they scan", async () => {
    await sendFrom(fresh());
    const scans = [
      ["svwar", "-m", "REGISTER", "-e100-9999"],
      ["svcrack", "-u100", "-r1-9999"],
    ].map((words) => tool(rig.lab.outside, 8, ...words, GATEWAY));
    const account = await rig.account();
    const phone = async () => {
      await rig.register(rig.lab.outside, PHONE, 5062, account);
      await rig.call(rig.lab.outside, PHONE, 5062, "4121", account);
      await rig.gateway.pax.hangup("21");
      await rig.gateway.quiet();
    };
    await Promise.all([phone(), ...scans]);
  });
});

describe("APIBAN over the death of the gateway", () => {
  let rig: GuardRig;
  let apiban: ChildProcess;
  const lines: string[] = [];
  let arrived = () => {};

  const asked = () => lines.filter((line) => line.endsWith(" given-key")).map((line) => line.split(" ")[0]);
  const blocked = async () => {
    const text = await rig.lab.gateway.run(["nft", "list", "set", "inet", "paxgate", "blocked4"]);
    return [...text.matchAll(/\b45(?:\.\d+){3}/g)].map(([address]) => address).sort();
  };

  beforeAll(async () => {
    rig = await GuardRig.start({ firewall: { mode: "open" }, config: rest });
    const program = await bundle("apiban-program.ts", rig.gateway.directory);
    const [command = "", ...inside] = rig.lab.gateway.inside;
    apiban = spawn(command, [...inside, process.execPath, program, String(APIBAN_PORT)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const ready = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    createInterface({ input: apiban.stdout as NonNullable<ChildProcess["stdout"]> }).on("line", (line) => {
      lines.push(line);
      if (line === "ready") arrived();
    });
    await within(5_000, ready, "APIBAN is not ready");
    // It lives in the gateway's network, which is there only now.
    const config = parse(await readFile(rig.gateway.configFile, "utf8"));
    config.firewall.apiban = { url: `http://127.0.0.1:${APIBAN_PORT}`, key: "given-key" };
    await writeFile(rig.gateway.configFile, stringify(config), { mode: 0o600 });
    await rig.gateway.stopGateway();
  });
  afterAll(async () => {
    apiban?.kill("SIGKILL");
    await rig?.stop();
  });

  const add = async (address: string) => {
    apiban.stdin?.write(`${address}\n`);
    await expect.poll(() => lines).toContain(`has ${address}`);
  };

  it("kill -9: the next one blocks the same before it asks, and asks from where the last one ended", async () => {
    const first = ["45.0.0.1", "45.0.0.2", "45.0.0.3"];
    for (const address of first) await add(address);
    await rig.gateway.startGateway();
    await expect.poll(() => asked().length, { timeout: 15_000 }).toBe(2);
    const cursor = asked()[1] ?? "";
    expect(asked()[0]).toBe("100");
    expect(cursor).not.toBe("100");
    await expect.poll(blocked, { timeout: 15_000 }).toEqual(first);
    await expect.poll(() => rig.stored("lists"), { timeout: 15_000 }).toContain(cursor);

    await add("45.0.0.4");
    lines.length = 0;
    await rig.gateway.stopGateway("SIGKILL");
    // As after a power cut: the kernel has nothing either.
    await rig.lab.gateway.run(["nft", "delete", "table", "inet", "paxgate"]);
    apiban.kill("SIGSTOP");
    await rig.gateway.startGateway();
    expect(await blocked()).toEqual(first);
    apiban.kill("SIGCONT");
    await expect.poll(blocked, { timeout: 15_000 }).toEqual([...first, "45.0.0.4"]);
    expect(asked()[0]).toBe(cursor);
    expect(asked()).not.toContain("100");
  });
});
