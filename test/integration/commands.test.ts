import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { GatewayView } from "../../src/app/status-server.ts";
import { within } from "../../src/base/lifecycle.ts";
import { temporaryDirectory } from "./support/asterisk.ts";
import { freeTcpPort, freeUdpPort } from "./support/free-port.ts";

/** What `npm run build` made, or another build that is to be tested. */
const PROGRAM = process.env["PAXGATE_PROGRAM"] ?? join(import.meta.dirname, "../../dist/paxgate.js");
const COMMANDS = [
  ...["run", "check", "render", "audit", "firewall", "nat", "lines", "line", "block", "unblock", "accounts"],
  ...["start", "dial", "press", "demo"],
];
const START_LIMIT_MS = 45_000;

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Issued {
  readonly accounts: readonly { account: string; username: string; secret: string; port: number }[];
  readonly page: { port: number; password: string } | null;
  readonly broker: ({ port: number } & Record<"viewer" | "operator", { username: string; secret: string }>) | null;
}

/** What of the demonstration's configuration is looked at. */
interface Ports {
  readonly sip: { readonly port: number };
  readonly web: { readonly port: number };
  readonly status: { readonly broker: { readonly port: number } };
}

let place: Awaited<ReturnType<typeof temporaryDirectory>>;
/** $PAXGATE_STATE_DIR of the commands. */
let directory: string;

beforeAll(async () => {
  place = await temporaryDirectory();
  directory = join(place.path, "demonstration");
});
afterAll(() => place.remove());

function launch(args: readonly string[], stateDirectory = directory, inside: readonly string[] = []): ChildProcess {
  const env = { ...process.env, PAXGATE_STATE_DIR: stateDirectory };
  const [program = process.execPath, ...words] = [...inside, process.execPath, PROGRAM, ...args];
  return spawn(program, words, { stdio: ["ignore", "pipe", "pipe"], env });
}

/** As root a demonstration has a firewall: not in this machine's own network. */
const OWN_NETWORK =
  process.getuid?.() === 0 ? ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"] : [];

/** Runs a command to its end. */
async function paxgate(args: readonly string[], stateDirectory?: string): Promise<Ended> {
  const child = launch(args, stateDirectory);
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) child[name]?.on("data", (chunk) => (text[name] += chunk));
  const [status] = (await once(child, "close")) as [number | null];
  return { status, ...text };
}

describe("a command that is called wrongly", () => {
  it.each([
    [["nonsense"], 'there is no command "nonsense"'],
    [["lines", "--nonsense"], "--nonsense"],
    [["check", "one", "two"], "wrong number of arguments"],
    [["dial"], "give either"],
    [["dial", "--from", "21", "9x"], "is not a number"],
    [["demo", "--only", "nonsense"], 'there is no scenario "nonsense"'],
    [["start", "--level", "loud"], "--level is one of"],
  ])("%j ends with 2 and says why", async (args, why) => {
    const { status, stderr } = await paxgate(args);
    expect(stderr).toContain(why);
    expect(status).toBe(2);
  });

  it("has a --help that is no failure, and so has the program", async () => {
    const all = await paxgate(["--help"]);
    expect(all.status).toBe(0);
    for (const name of COMMANDS) {
      expect(all.stdout).toContain(`  ${name} `);
      const { status, stdout } = await paxgate([name, "--help"]);
      expect(stdout).toContain(`Usage: paxgate ${name}`);
      expect(status).toBe(0);
    }
  });
});

describe("where nothing runs", () => {
  it.each([
    [["dial", "--from", "21", "94123"], "no demonstration runs: start one with scripts/start"],
    [["demo"], "no demonstration runs: start one with scripts/start"],
    [["lines"], 'or start a demonstration with "paxgate start"'],
  ])("%j ends with 1 and says how to start one", async (args, how) => {
    const { status, stderr } = await paxgate(args, join(place.path, "nowhere"));
    expect(stderr).toContain(how);
    expect(status).toBe(1);
  });

  it("reports every fault of a configuration with its place, and does not start with it", async () => {
    const file = join(place.path, "faulty.yaml");
    await writeFile(file, "site:\n  nmae: Demo\nlines:\n  - { name: one }\nsip:\n  port: 99999\n");
    for (const name of ["check", "start", "run", "lines", "render", "accounts"]) {
      const { status, stderr } = await paxgate([name, "-c", file]);
      expect(stderr).toContain(`${file}:2:3: site.nmae: unknown key; did you mean "name"?`);
      expect(stderr).toContain(`${file}:6:9: sip.port`);
      expect(stderr).toContain("2 faults");
      expect(status).toBe(1);
    }
    const { status, stdout } = await paxgate(["check", "--json", "-c", file]);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      file,
      faults: [
        { code: "unknown-key", line: 2, column: 3, nearest: "name" },
        { code: "value", line: 6, column: 9 },
      ],
    });
    expect(status).toBe(1);
  });

  it("names the port that another program has, at once", async () => {
    const other = createSocket("udp4").bind(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address();
    const file = join(place.path, "taken.yaml");
    await writeFile(
      file,
      `lines: [{ name: one }]
sip: { port: ${port}, bindAddress: 127.0.0.1 }
asterisk: { ariPort: ${await freeTcpPort()}, managerPort: ${await freeTcpPort()} }
paths: { state: taken/state, runtime: taken/run }
`,
    );
    const { status, stderr } = await paxgate(["start", "-c", file]);
    other.close();
    expect(stderr).toContain(`UDP port ${port} (sip.port) is in use by another program`);
    expect(status).toBe(1);
  });

  it("says that its directory cannot be written to", async () => {
    const file = join(place.path, "no-directory");
    await writeFile(file, "");
    const { status, stderr } = await paxgate(["start"], join(file, "state"));
    expect(stderr).toContain("cannot be written to (ENOTDIR): name another place");
    expect(status).toBe(1);
  });
});

describe("what render shows", () => {
  it("has no secret unless asked, however short one is, and nothing else hidden", async () => {
    const file = join(place.path, "render.yaml");
    await writeFile(
      file,
      `lines:
  - { name: one }
numberPlan: { fromPax: [{ dial: 4XXX, trunk: event }] }
trunks: [{ name: event, server: 127.0.0.1, port: ${await freeUdpPort()}, username: "4100", password: "no" }]
accounts: [{ name: desk }]
paths: { state: render/state, runtime: render/run }
`,
    );
    const hidden = join(place.path, "hidden");
    const shown = join(place.path, "shown");
    expect((await paxgate(["render", "-c", file, hidden])).status).toBe(0);
    expect((await paxgate(["render", "-c", file, "--show-secrets", shown])).status).toBe(0);
    const lines = (name: string) => readFileSync(name, "utf8").split("\n");
    const secrets: string[] = [];
    for (const name of readdirSync(shown)) {
      expect(statSync(join(hidden, name)).mode & 0o777, name).toBe(0o600);
      const masked = lines(join(hidden, name));
      for (const [at, line] of lines(join(shown, name)).entries()) {
        if (line === masked[at]) expect(line, name).not.toMatch(/^(secret|remotesecret|password)\s*=/);
        else {
          expect(masked[at], name).toContain("********");
          secrets.push(line);
        }
      }
    }
    // The trunk's twice (peer and registration), the account's, ARI's and AMI's.
    expect(secrets.length).toBeGreaterThanOrEqual(5);
    expect(secrets.join("\n")).toContain("4100:no:4100@");
    const { stdout } = await paxgate(["render", "-c", file]);
    expect(stdout).toContain("allowguest");
    for (const line of secrets) expect(stdout.split("\n")).not.toContain(line);
  });
});

describe("a demonstration", () => {
  let start: ChildProcess;
  let screen = "";
  const looks = new Set<() => void>();

  /** Resolves when `start` has printed this. */
  function printed(what: string): Promise<void> {
    const found = new Promise<void>((resolve, reject) => {
      const look = () => {
        if (screen.includes(what)) resolve();
        else if (start.exitCode !== null) reject(new Error(`start has ended:\n${screen}`));
      };
      looks.add(look);
      look();
    });
    return within(START_LIMIT_MS, found, `start did not print "${what}":\n${screen}`);
  }

  async function lines(): Promise<GatewayView> {
    const { status, stdout, stderr } = await paxgate(["lines", "--json"]);
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as GatewayView;
  }

  beforeAll(async () => {
    start = launch(["start"], directory, OWN_NETWORK);
    const take = (chunk: Buffer) => {
      screen += chunk;
      for (const look of [...looks]) look();
    };
    start.stdout?.on("data", take);
    start.stderr?.on("data", take);
    start.on("exit", () => take(Buffer.alloc(0)));
    await printed("Ctrl-C stops everything.");
  });
  afterAll(async () => {
    if (start.exitCode !== null) return;
    const gone = once(start, "exit");
    start.kill("SIGINT");
    await within(START_LIMIT_MS, gone, "start did not end").catch(() => start.kill("SIGKILL"));
  });

  it("says what is simulated, and what to try", () => {
    expect(screen).toContain("Ready for calls");
    expect(screen).toMatch(/PAX +SIMULATED/);
    expect(screen).toMatch(/Event +SIMULATED/);
    expect(screen).toMatch(/demo .*rehearse every kind of call/);
  });

  it("is refused a second time", async () => {
    const { status, stderr } = await paxgate(["start"]);
    expect(stderr).toContain(`it runs already with ${join(directory, "paxgate.yaml")} (process ${start.pid})`);
    expect(status).toBe(1);
  });

  it("has a good configuration that only its owner may read", async () => {
    const { status, stdout } = await paxgate(["check"]);
    expect(stdout).toContain("good (3 lines, 2 trunks, 1 accounts)");
    expect(status).toBe(0);
    expect(statSync(join(directory, "paxgate.yaml")).mode & 0o777).toBe(0o600);
  });

  it("shows its lines, for people and for scripts", async () => {
    // A line that was just opened rests before it is idle.
    const idle = ["tie-1", "tie-2", "ext-59"].map((name) => ({ name, status: "idle" }));
    await expect.poll(lines, { timeout: 10_000 }).toMatchObject({ ready: true, fault: null, calls: [], lines: idle });
    const { stdout } = await paxgate(["lines"]);
    expect(stdout).toMatch(/^ready for calls\n/);
    expect(stdout).toMatch(/^tie-1 +tie-line +pax +idle/m);
    const { web, status } = parse(readFileSync(join(directory, "paxgate.yaml"), "utf8")) as Ports;
    expect(stdout).toContain(`\npage: http://127.0.0.1:${web.port}/\n`);
    expect(stdout).toMatch(new RegExp(`^broker mqtt://[^ ]+:${status.broker.port}: our own, runs$`, "m"));
  });

  it("shows what to enter into a phone, the same every time", async () => {
    const { stdout } = await paxgate(["accounts", "--json"]);
    const { accounts, page, broker } = JSON.parse(stdout) as Issued;
    const [desk] = accounts;
    const { sip, web, status } = parse(readFileSync(join(directory, "paxgate.yaml"), "utf8")) as Ports;
    expect(desk).toMatchObject({ account: "desk", port: sip.port });
    expect(desk?.secret).toMatch(/^[A-Za-z0-9]{20,}$/);
    expect(page).toEqual({ port: web.port, password: expect.stringMatching(/^[A-Za-z0-9]{20,}$/) });
    expect(broker?.port).toBe(status.broker.port);
    expect(broker?.viewer.username).not.toBe(broker?.operator.username);
    expect(broker?.viewer.secret).not.toBe(broker?.operator.secret);
    const { stdout: shown } = await paxgate(["accounts"]);
    expect(shown).toContain(`username ${desk?.username}  secret ${desk?.secret}`);
    expect(shown).toContain(`password ${page?.password}  port ${web.port}`);
    for (const role of [broker?.viewer, broker?.operator]) {
      expect(shown).toContain(`username ${role?.username}  secret ${role?.secret}  port ${status.broker.port}`);
    }
  });

  it("ends dial with 0 when the call went as expected, and with 1 when not", async () => {
    const [right, wrong] = await Promise.all([
      paxgate(["dial", "--from", "21", "950"]),
      paxgate(["dial", "--from", "22", "97", "--expect", "busy"]),
    ]);
    expect(right.stdout).toContain("answered, as expected");
    expect(right.status).toBe(0);
    expect(wrong.stdout).toContain("FAILED: unobtainable");
    expect(wrong.stdout).toContain("expected was busy");
    expect(wrong.status).toBe(1);
  });

  it("gives congestion tone for a phone that nobody has registered: an absent phone is not busy", async () => {
    const { status, stdout } = await paxgate(["dial", "--from", "23", "951", "--expect", "congestion", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, expected: "congestion", outcome: "congestion", faults: [] });
    expect(status).toBe(0);
  });

  it("goes well in every scenario of the rehearsal", { timeout: 180_000 }, async () => {
    const { status, stdout } = await paxgate(["demo", "--json"]);
    const report = JSON.parse(stdout) as { ok: boolean; scenarios: { name: string; faults: string[] }[] };
    expect(report.scenarios.filter(({ faults }) => faults.length > 0)).toEqual([]);
    expect(report.scenarios.length).toBeGreaterThanOrEqual(10);
    expect(report.ok).toBe(true);
    expect(status).toBe(0);
  });

  it("starts a gateway again that was killed, and the next call goes through", async () => {
    const pids = readFileSync(join(runtimeOf(directory).runtime, "start.pids"), "utf8").split("\n");
    process.kill(Number(pids.at(-1)), "SIGKILL");
    await printed("gateway ended (SIGKILL); starting it again");
    await expect.poll(async () => (await lines().catch(() => null))?.ready, { timeout: START_LIMIT_MS }).toBe(true);
    const { status, stdout } = await paxgate(["dial", "--from", "24", "950"]);
    expect(stdout).toContain("answered, as expected");
    expect(status).toBe(0);
  });

  it("leaves no process and no socket behind when it is interrupted", async () => {
    const { runtime } = runtimeOf(directory);
    const names = [directory, runtime];
    expect(processesOf(names).length).toBeGreaterThanOrEqual(5); // two simulators' and the gateway's, two of Asterisk's
    const gone = once(start, "exit");
    start.kill("SIGINT");
    const [status] = (await within(START_LIMIT_MS, gone, "start did not end")) as [number | null];
    expect(screen.trimEnd()).toMatch(/stopping \.\.\.\nstopped$/);
    expect(status).toBe(0);
    expect(processesOf(names)).toEqual([]);
    expect(socketsBelow(runtime)).toEqual([]);
  });
});

/** Where a demonstration's sockets are. */
function runtimeOf(stateDirectory: string): { readonly runtime: string } {
  const { paths } = parse(readFileSync(join(stateDirectory, "paxgate.yaml"), "utf8")) as { paths: { runtime: string } };
  return { runtime: paths.runtime.startsWith("/") ? paths.runtime : join(stateDirectory, paths.runtime) };
}

/** Command lines of all processes that have one of the directories in it. */
function processesOf(directories: readonly string[]): string[] {
  const ids = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  const all = ids.map((id) => {
    const file = `/proc/${id}/cmdline`;
    try {
      return existsSync(file) ? readFileSync(file, "utf8").replaceAll("\0", " ") : "";
    } catch {
      return ""; // it has ended meanwhile
    }
  });
  return all.filter((line) => directories.some((each) => line.includes(`${each}/`)));
}

function socketsBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isSocket())
    .map((entry) => join(entry.parentPath, entry.name));
}
