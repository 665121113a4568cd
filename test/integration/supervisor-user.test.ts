import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, statSync, watch, writeFileSync } from "node:fs";
import { chmod, chown, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ASTERISK_REQUEST } from "../../src/app/asterisk-parts.ts";
import { SIM_HARDWARE_SOCKET } from "../../src/app/line-ports.ts";
import { READY_MARKER } from "../../src/app/supervision.ts";
import { asteriskUser } from "../../src/drivers/asterisk-files.ts";
import { temporaryDirectory } from "./support/asterisk.ts";
import { GatewayRig } from "./support/gateway-rig.ts";

/**
 * The gateway as the appliance runs it: a user of its own with two capabilities, and Asterisk as a unit of another user,
 * which the service manager starts when it is asked to. The test is the service manager.
 */

const run = promisify(execFile);
const NAMESPACE = `paxgate-user-${process.pid}`;
/** Any user that nobody is; no account is needed. */
const USER = 54_321;
const HIDE = 'mount -t proc -o hidepid=invisible proc /proc && exec "$@"';
const CAPABILITIES = "-all,+net_admin,+kill";

let rig: GatewayRig;
let manager: UnitManager;
let listener: ChildProcess;
let unit: Awaited<ReturnType<typeof temporaryDirectory>>;
const told: string[] = [];

/** What `OpenFile=` in the unit does: the manager's socket, connected, as the third descriptor. */
const HAND_OVER = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(sys.argv[1])
if s.fileno() != 3: os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="notify")
os.execvp(sys.argv[2], sys.argv[2:])
`;

/** Starts Asterisk whenever the request file is written and it does not run, as the unit and its path unit do. */
class UnitManager {
  asterisk: ChildProcess | null = null;
  starts = 0;
  /** Stands for the unit's cgroup.procs. */
  readonly #members: string;
  readonly #runtime: string;
  readonly #user: { readonly uid: number; readonly gid: number };
  readonly #stop: () => void;

  constructor(runtime: string, members: string, user: { readonly uid: number; readonly gid: number }) {
    this.#runtime = runtime;
    this.#members = members;
    this.#user = user;
    const watcher = watch(runtime, (_, name) => {
      if (name === ASTERISK_REQUEST && this.asterisk === null) this.#start();
    });
    this.#stop = () => watcher.close();
  }

  #start(): void {
    const at = (name: string) => join(this.#runtime, name);
    const { uid, gid } = this.#user;
    const script =
      'umask 0007; mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/nsswitch.conf && shift 2 && exec "$@"';
    const child = spawn(
      "ip",
      ["netns", "exec", NAMESPACE, "unshare", "--mount", "sh", "-c", script, "unit"].concat(
        [at("names/hosts"), at("names/nsswitch.conf"), "setpriv", `--reuid=${uid}`, `--regid=${gid}`],
        ["--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"],
        ["/usr/sbin/asterisk", "-f", "-C", at("asterisk/etc/asterisk.conf")],
      ),
      { stdio: "ignore", cwd: "/" },
    );
    this.starts++;
    this.asterisk = child;
    // `ip`, `unshare`, the shell and `setpriv` each become the next: it is Asterisk's number from the beginning.
    writeFileSync(this.#members, `${child.pid}\n`);
    child.once("exit", () => {
      this.asterisk = null;
      rmSync(this.#members, { force: true });
    });
  }

  async end(): Promise<void> {
    this.#stop();
    const child = this.asterisk;
    if (child === null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }
}

/** What systemd would hear: its socket is a datagram socket, which Node has none of. */
async function listenAsManager(path: string): Promise<ChildProcess> {
  const program = `
import os, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
print("listening", flush=True)
while True:
    data, control, _, _ = s.recvmsg(4096, socket.CMSG_SPACE(12))
    pid = next(struct.unpack("3i", part)[0] for _, kind, part in control if kind == socket.SCM_CREDENTIALS)
    print(pid, data.decode(), flush=True)
`;
  const child = spawn("python3", ["-c", program, path], { stdio: ["ignore", "pipe", "inherit"] });
  let rest = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    told.push(...lines);
  });
  if (child.stdout !== null) await once(child.stdout, "data");
  return child;
}

beforeAll(async () => {
  const user = await asteriskUser(true);
  if (user === null) throw new Error("there is no user asterisk");
  await run("ip", ["netns", "add", NAMESPACE]);
  await run("ip", ["-n", NAMESPACE, "link", "set", "lo", "up"]);
  unit = await temporaryDirectory();
  const members = join(unit.path, "cgroup.procs");
  const notify = join(unit.path, "notify");
  listener = await listenAsManager(notify);
  const as = [`--reuid=${USER}`, `--regid=${user.gid}`, "--clear-groups", "--no-new-privs"];
  const caps = [`--inh-caps=${CAPABILITIES}`, `--ambient-caps=${CAPABILITIES}`, `--bounding-set=${CAPABILITIES}`];
  rig = await GatewayRig.start({
    namespace: NAMESPACE,
    stopped: true,
    withoutEvent: true,
    trunks: 0,
    config: { numberPlan: {}, firewall: { protect: "gateway" } },
    // As with ProtectProc=invisible: it sees no process of another user.
    through: [
      "python3",
      "-c",
      HAND_OVER,
      notify,
      "unshare",
      "--mount",
      "sh",
      "-c",
      HIDE,
      "hide",
      "setpriv",
      ...as,
      ...caps,
      "--",
    ],
    runWith: ["--asterisk-unit", members],
  });
  const { directory, config, configFile } = rig;
  await mkdir(config.paths.state);
  await chmod(directory, 0o711);
  await chmod(config.paths.runtime, 0o711);
  const sockets = [join(config.paths.runtime, SIM_HARDWARE_SOCKET)];
  for (const path of [directory, config.paths.runtime, config.paths.state, configFile, ...sockets]) {
    await chown(path, USER, user.gid);
  }
  process.env["NOTIFY_SOCKET"] = notify;
  process.env["WATCHDOG_USEC"] = "3000000";
  manager = new UnitManager(config.paths.runtime, members, user);
  await rig.startGateway();
}, 60_000);

afterAll(async () => {
  delete process.env["NOTIFY_SOCKET"];
  delete process.env["WATCHDOG_USEC"];
  await rig?.stop();
  await manager?.end();
  listener?.kill();
  await unit?.remove();
  await run("ip", ["netns", "delete", NAMESPACE]);
});

const statusOf = (pid: number, field: string) =>
  new RegExp(`^${field}:\\s+(\\S+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];

describe("a supervisor that is not root, with Asterisk as a unit of another user", () => {
  it("has no more rights than it was given, and Asterisk none", () => {
    // CAP_KILL is 5, CAP_NET_ADMIN 12 (capability.h).
    const capabilities = ((1n << 5n) | (1n << 12n)).toString(16).padStart(16, "0");
    expect(statusOf(rig.gatewayPid, "Uid")).toBe(String(USER));
    expect(statusOf(rig.gatewayPid, "CapEff")).toBe(capabilities);
    expect(statusOf(rig.asteriskPid, "CapEff")).toBe("0".repeat(16));
    expect(statusOf(rig.asteriskPid, "Uid")).not.toBe(String(USER));
  });

  it("has the firewall in force in its network namespace", async () => {
    const { stdout } = await run("ip", ["netns", "exec", NAMESPACE, "nft", "list", "table", "inet", "paxgate"]);
    expect(stdout).toContain("hook input");
    expect(await rig.status()).toMatchObject({ ready: true, fault: null });
  });

  it("gives Asterisk its files to read, and to nobody else; Asterisk can change none of them", async () => {
    const etc = join(rig.config.paths.runtime, "asterisk/etc");
    const gid = (await asteriskUser(true))?.gid;
    expect(statSync(etc)).toMatchObject({ uid: USER, gid, mode: 0o040750 });
    for (const name of await readdir(etc)) {
      if (name.endsWith(".conf")) expect(statSync(join(etc, name))).toMatchObject({ uid: USER, gid, mode: 0o100640 });
    }
    expect(statSync(join(rig.config.paths.state, "state.json")).mode & 0o077).toBe(0);
  });

  it("tells the service manager by its own number when it serves, and that it goes on", async () => {
    // NotifyAccess=main: what anybody else says is not heard.
    const says = (what: string) => told.filter((text) => text.startsWith(`${rig.gatewayPid} ${what}`)).length;
    await expect.poll(() => says("READY=1")).toBe(1);
    const before = says("WATCHDOG=1");
    await expect.poll(() => says("WATCHDOG=1"), { timeout: 5_000 }).toBeGreaterThan(before + 1);
    await expect.poll(() => says("STATUS=ready for calls; 2 of 2 lines"), { timeout: 5_000 }).toBe(1);
  });

  it("notices that Asterisk was killed, says so, and has it started again", async () => {
    const marker = join(rig.config.paths.runtime, READY_MARKER);
    expect(existsSync(marker)).toBe(true);
    const before = rig.asteriskPid;
    const { starts } = manager;
    const from = rig.log.length;
    process.kill(before, "SIGKILL");
    await rig.logged((record) => record["msg"] === "Asterisk is down", from);
    await expect.poll(() => existsSync(marker)).toBe(false);
    await rig.until((view) => view.ready);
    expect(manager.starts).toBe(starts + 1);
    expect(rig.asteriskPid).not.toBe(before);
    await expect.poll(() => existsSync(marker)).toBe(true);
  });

  it("finds the Asterisk that it left when it was killed itself, with the same firewall", async () => {
    const before = rig.asteriskPid;
    await rig.stopGateway("SIGKILL");
    await rig.startGateway();
    expect(rig.asteriskPid).toBe(before);
  });

  it("ends Asterisk, which only CAP_KILL lets it, and takes its marker away when it is told to stop", async () => {
    const child = manager.asterisk;
    if (child === null) throw new Error("Asterisk does not run");
    const gone = once(child, "exit");
    await rig.stopGateway();
    await gone;
    expect(existsSync(join(rig.config.paths.runtime, READY_MARKER))).toBe(false);
    expect(told.at(-1)).toMatch(/ STOPPING=1$/);
  });
});
