import { chmod, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { temporaryDirectory } from "./support/asterisk.ts";
import { GuardedGateway, MANAGEMENT_PORT, type Section } from "./support/guarded-gateway.ts";

/** What goes wrong around the guard, on the whole gateway: nobody gets in for it, and everybody is told. */

/** The rules are compared with the kernel's every 30 s. */
const CHECK_LIMIT_MS = 33_000;

let place: Awaited<ReturnType<typeof temporaryDirectory>>;
/** The system's programs, of which some can be taken away. */
let programs: string;
let refusing: string;
let blocked: string;
let gateway: GuardedGateway;

beforeAll(async () => {
  place = await temporaryDirectory();
  programs = join(place.path, "sbin");
  refusing = join(place.path, "refuse");
  blocked = join(place.path, "blocked.txt");
  await cp("/usr/sbin", programs, { recursive: true, verbatimSymlinks: true });
  await cp("/usr/sbin/nft", join(place.path, "nft"), { dereference: true });
  await writeFile(join(programs, "nft"), fakeNft(), { mode: 0o755 });
  await writeFile(blocked, "203.0.113.7\n");
  // A mount namespace of its own: it sees these programs in the place of the machine's.
  const bind = `mount --bind ${programs} /usr/sbin && exec "$@"`;
  gateway = await GuardedGateway.create(
    { lists: { eventNetwork: ["198.51.100.42"] }, blockLists: [{ name: "local", file: blocked }] },
    { stopped: true, through: ["unshare", "--mount", "sh", "-c", bind, "sh"] },
  );
}, 40_000);
afterAll(async () => {
  await gateway?.remove();
  await place?.remove();
});
afterEach(async () => {
  for (const file of [refusing, `${refusing}-all`]) await rm(file, { force: true });
  for (const name of ["nft", "iptables-nft-save"]) await install(name);
});

/** The real one, but for the time in which it refuses everything, or only what changes something. */
function fakeNft(): string {
  return `#!/bin/sh
if [ -e ${refusing}-all ]; then echo "Error: Could not process rule: No space left on device" >&2; exit 1; fi
if [ -e ${refusing} ]; then
  case "$*" in *list*|*--check*) ;; *) echo "Error: Could not process rule: No buffer space available" >&2; exit 1;; esac
fi
exec ${place.path}/nft "$@"
`;
}

async function takeAway(name: string): Promise<void> {
  await cp(join(programs, name), join(place.path, `${name}.away`), { verbatimSymlinks: true, force: true });
  await rm(join(programs, name));
}

async function install(name: string): Promise<void> {
  const away = join(place.path, `${name}.away`);
  await cp(away, join(programs, name), { verbatimSymlinks: true, force: true }).catch(() => undefined);
  await rm(away, { force: true });
}

const table = () => gateway.lab.gateway.run(["nft", "list", "table", "inet", "paxgate"]);
const inSbin = (...command: string[]) => gateway.lab.gateway.run(command);
const refuse = () => writeFile(refusing, "");

/** Begins to start the gateway; it is told of its fault, and Asterisk is not there. */
async function startsWithFault(fault: RegExp): Promise<{ readonly started: Promise<void> }> {
  const from = gateway.rig.log.length;
  const started = gateway.rig.startGateway();
  started.catch(() => undefined);
  await gateway.rig.logged((record) => String(record["msg"]).startsWith("the firewall does not come up"), from);
  const view = await gateway.rig.status();
  expect(view.ready).toBe(false);
  expect(view.fault).toMatch(fault);
  expect(gateway.rig.asteriskPid).toBe(0);
  const listening = await gateway.lab.gateway.run(["ss", "-Hlun", "sport", "=", ":5060"]);
  expect(listening).toBe("");
  const { status, stdout } = await gateway.command("firewall", "status");
  expect(stdout).toContain("NOT IN FORCE");
  expect(stdout).toMatch(fault.source.includes("nftables") ? /FAULT: .*nftables/ : /FAULT: /);
  expect(status).toBe(1);
  expect((await gateway.command("lines")).stdout).toMatch(/^not ready\nFAULT: the firewall is not in force/);
  return { started };
}

describe("a gateway whose firewall does not come up", () => {
  it("is not ready and starts no Asterisk while nft is missing, and comes up when it is there", async () => {
    await takeAway("nft");
    const { started } = await startsWithFault(/nftables has to be installed/);
    await install("nft");
    await started;
    expect(await gateway.rig.status()).toMatchObject({ ready: true, fault: null, alerts: [] });
    expect((await gateway.command("firewall", "status")).status).toBe(0);
    // Once is enough for the log.
    const said = gateway.rig.log.filter(({ msg }) => String(msg).startsWith("the firewall does not come up"));
    expect(said).toHaveLength(1);
    await gateway.rig.stopGateway();
  }, 40_000);

  it("is not ready while nft refuses the rules, and lets nothing in that was closed before", async () => {
    const before = await table();
    await refuse();
    const { started } = await startsWithFault(/No buffer space available/);
    expect(await table()).toBe(before);
    await rm(refusing);
    await started;
  }, 40_000);
});

describe("a gateway whose firewall is in force", () => {
  it("keeps its last good rules and its calls when a change is refused, tells it, and makes it good", async () => {
    await refuse();
    await writeFile(blocked, "203.0.113.7\n203.0.113.8\n");
    expect((await gateway.command("firewall", "refresh", "local")).status).toBe(0);
    await gateway.untilGuard(({ faults }) => faults.some((fault) => fault.includes("No buffer space")));
    expect(await table()).toContain("203.0.113.7");
    expect(await table()).not.toContain("203.0.113.8");
    const { ready, fault, alerts } = await gateway.rig.status();
    expect({ ready, fault }).toEqual({ ready: true, fault: null });
    expect(alerts).toEqual([expect.stringContaining("No buffer space available")]);
    const { status, stdout } = await gateway.command("firewall", "status");
    expect(stdout).toContain("NOT IN FORCE AS WANTED: the rules of ");
    expect(status).toBe(1);
    await rm(refusing);
    await writeFile(blocked, "203.0.113.7\n203.0.113.8\n203.0.113.9\n");
    await gateway.command("firewall", "refresh", "local");
    await gateway.untilGuard(({ faults }) => faults.length === 0);
    expect(await table()).toContain("203.0.113.9");
    expect((await gateway.rig.status()).alerts).toEqual([]);
  }, 30_000);

  it("goes on as it is when the rules of a changed configuration are refused", async () => {
    const { asteriskPid, gatewayPid } = gateway.rig;
    await writeFile(`${refusing}-all`, "");
    await gateway.edit((config) => {
      (config["firewall"] as Section)["managementPorts"] = [MANAGEMENT_PORT, 2223];
    });
    process.kill(gatewayPid, "SIGHUP");
    await expect
      .poll(async () => (await gateway.rig.status()).fault)
      .toMatch(/the changed configuration is not taken up, its firewall is refused: .*No space left/);
    expect((await gateway.rig.status()).ready).toBe(true);
    expect(gateway.rig.asteriskPid).toBe(asteriskPid);
    await rm(`${refusing}-all`);
    expect(await table()).not.toContain("2223");
    await gateway.reload();
    expect(await table()).toContain("2223");
    expect((await gateway.rig.status()).fault).toBe(null);
  }, 30_000);

  it("tells that failed logins ban nobody when Asterisk's events are not heard", async () => {
    const { runtime } = gateway.rig.config.paths;
    const found = await inSbin("find", runtime, "-name", "manager.conf");
    const file = found.trim();
    const text = await readFile(file, "utf8");
    const section = text.indexOf("[paxgate-events]");
    expect(section).toBeGreaterThan(0);
    await writeFile(file, text.slice(0, section) + text.slice(section).replace(/^secret *=.*$/m, "secret=other"));
    const asterisk = join(dirname(file), "asterisk.conf");
    await inSbin("asterisk", "-C", asterisk, "-rx", "manager reload");
    await inSbin("ss", "-K", "dport", "=", `:${gateway.rig.config.asterisk.managerPort}`);
    const deaf = "Asterisk's security events are not heard: failed logins ban nobody";
    await gateway.untilGuard(({ faults }) => faults.includes(deaf), 25_000);
    expect(await gateway.rig.status()).toMatchObject({ ready: true, alerts: [deaf] });
    const { status, stdout } = await gateway.command("firewall", "status");
    expect(stdout).toContain(`FAULT: ${deaf}`);
    expect(status).toBe(1);
    await writeFile(file, text);
    await inSbin("asterisk", "-C", asterisk, "-rx", "manager reload");
    await gateway.untilGuard(({ faults }) => faults.length === 0);
  }, 60_000);

  it("tells that the scanner filter is missing, and nothing else, without iptables", async () => {
    await takeAway("iptables-nft-save");
    await gateway.reload();
    expect((await gateway.rig.status()).ready).toBe(true);
    await expect
      .poll(async () => (await gateway.rig.status()).alerts)
      .toEqual([expect.stringMatching(/^the scanner filter is not in force: .*iptables-nft-save/)]);
    expect((await gateway.guard()).inForce).toBe(true);
    await install("iptables-nft-save");
    await gateway.reload();
    await expect.poll(async () => (await gateway.rig.status()).alerts).toEqual([]);
    expect(await inSbin("iptables-nft-save", "-t", "mangle")).toContain("friendly-scanner");
  }, 30_000);

  it("puts its table back, bans and all, when somebody has deleted it", async () => {
    expect((await gateway.command("firewall", "ban", "203.0.113.66")).status).toBe(0);
    const removed = async () => {
      const from = gateway.rig.log.length;
      const before = await gateway.guard();
      await gateway.lab.gateway.run(["nft", "delete", "table", "inet", "paxgate"]);
      const gone = await gateway.command("firewall", "status");
      return { from, before, gone, seen: (await gateway.guard()).repairs === before.repairs };
    };
    // It looks every half a minute. Should that have been just now, there is time until the next look.
    let { from, before, gone, seen } = await removed();
    if (!seen) ({ from, before, gone, seen } = await removed());
    expect(gone.stdout).toContain("NOT IN FORCE");
    expect(gone.status).toBe(1);
    await gateway.rig.logged(({ msg }) => msg === "the firewall's table is not as it was left", from, CHECK_LIMIT_MS);
    const view = await gateway.untilGuard(({ repairs, inForce }) => repairs === before.repairs + 1 && inForce);
    expect(view.faults).toEqual([]);
    expect(await table()).toMatch(/203\.0\.113\.66 timeout/);
    expect(gateway.rig.log).toContainEqual(
      expect.objectContaining({ level: "warn", msg: expect.stringContaining("table is not") }),
    );
  }, 45_000);
});

describe("state of the guard that is damaged", () => {
  it("is begun anew with an alert; the guard works", async () => {
    await gateway.rig.stopGateway();
    const state = join(gateway.rig.config.paths.state, "guard");
    for (const name of ["bans", "lists", "trial", "names"]) {
      await mkdir(state, { recursive: true });
      await rm(join(state, `${name}.json.previous`), { force: true });
      await writeFile(join(state, `${name}.json`), "\0garbage{{{", { mode: 0o600 });
    }
    await gateway.rig.startGateway();
    const { ready, alerts } = await gateway.rig.status();
    expect(ready).toBe(true);
    for (const name of ["bans", "lists", "trial", "names"]) {
      expect(alerts).toContainEqual(expect.stringMatching(new RegExp(`/${name}\\.json is lost; it begins anew`)));
    }
    expect(await gateway.guard()).toMatchObject({
      inForce: true,
      faults: [],
      bans: { total: 0 },
      trial: { state: "confirmed" },
    });
    expect((await gateway.command("firewall", "ban", "203.0.113.67")).status).toBe(0);
    // It is written behind the answer.
    await expect.poll(() => readFile(join(state, "bans.json"), "utf8")).toContain("203.0.113.67");
    await gateway.rig.stopGateway("SIGKILL");
    await gateway.rig.startGateway();
    expect((await gateway.guard()).bans.latest.map(({ source }) => source)).toEqual(["203.0.113.67"]);
    expect((await gateway.rig.status()).alerts).toEqual([]);
    // What was found is kept for whoever wants to know.
    expect(await readFile(join(state, "bans.json.damaged"), "utf8")).toContain("garbage");
  }, 40_000);
});

describe("a configuration without a firewall", () => {
  it("touches nothing, says so, and leaves nothing of an earlier run in the way of calls", async () => {
    const foreign =
      "add table ip theirs; add chain ip theirs c { type filter hook input priority 5; }; add rule ip theirs c tcp dport 99 drop";
    await gateway.lab.gateway.run(["nft", "-f", "-"], { input: `${foreign}\n` });
    const others = async () =>
      (await gateway.lab.gateway.run(["nft", "list", "ruleset"])).replaceAll(/counter packets \d+ bytes \d+/g, "");
    expect(await others()).toContain("table inet paxgate");
    await gateway.edit((config) => {
      (config["firewall"] as Section)["protect"] = "none";
    });
    await gateway.reload();
    const after = await others();
    expect(after).not.toContain("paxgate");
    expect(after).toContain("table ip theirs");
    const { status, stdout } = await gateway.command("firewall", "status");
    expect(stdout).toBe("no firewall (protect: none)\n");
    expect(status).toBe(0);
    expect(JSON.parse((await gateway.command("firewall", "status", "--json")).stdout)).toMatchObject({
      protect: "none",
      inForce: false,
    });
    const refused = await gateway.command("firewall", "ban", "203.0.113.1");
    expect(refused.stderr).toContain("firewall.protect is none");
    expect(refused.status).toBe(1);
    await gateway.rig.stopGateway();
    await gateway.rig.startGateway();
    expect(await others()).toBe(after);
    await gateway.rig.stopGateway();
    expect(await others()).toBe(after);
  }, 40_000);
});

describe("a gateway that guards its own ports only", () => {
  it("leaves everybody else's rules and ports alone, from its start to its end", async () => {
    const inside = (...command: string[]) => gateway.lab.gateway.run(command);
    await inside("iptables-nft", "-A", "INPUT", "-p", "tcp", "--dport", "81", "-j", "DROP");
    await inside("iptables-nft", "-t", "mangle", "-A", "PREROUTING", "-p", "tcp", "--dport", "82", "-j", "DROP");
    const snapshot = async () => [
      await inside("nft", "list", "ruleset"),
      ...(await Promise.all(["iptables-nft-save", "ip6tables-nft-save"].map((save) => inside(save)))).map((text) =>
        text.replaceAll(/^#.*$/gm, ""),
      ),
    ];
    // Counts go on.
    const plain = (texts: readonly string[]) =>
      texts.map((text) => text.replaceAll(/packets \d+ bytes \d+/g, "").replaceAll(/\[\d+:\d+\]/g, ""));
    const before = plain(await snapshot());
    await gateway.edit((config) => {
      (config["firewall"] as Section)["protect"] = "gateway";
    });
    await gateway.rig.startGateway();
    await inside("nft", "list", "table", "inet", "paxgate");
    // The management port and any other are nobody's business here, from wherever.
    await gateway.lab.gateway.agent.listen("tcp", MANAGEMENT_PORT);
    expect(await gateway.managed(gateway.lab.outside)).toBe(true);
    expect(await gateway.guard()).toMatchObject({ protect: "gateway", inForce: true, faults: [] });
    await gateway.rig.stopGateway();
    expect(plain(await snapshot())).toEqual(before);
  }, 40_000);
});

describe("a gateway without the right to change the rules", () => {
  it("says what it takes", async () => {
    const weak = await GuardedGateway.create(
      {},
      { stopped: true, through: ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-all"] },
    );
    try {
      await chmod(weak.rig.directory, 0o755);
      const started = weak.rig.startGateway();
      started.catch(() => undefined);
      const record = await weak.rig.logged(({ msg }) => String(msg).startsWith("the firewall does not come up"));
      expect(record["error"]).toContain("nft has no right to change the rules (that takes root, or CAP_NET_ADMIN)");
      const view = await weak.rig.status();
      expect(view).toMatchObject({ ready: false, fault: expect.stringContaining("that takes root, or CAP_NET_ADMIN") });
      // One fault is told as one.
      const errors = weak.rig.log.filter(({ level }) => level === "error").map(({ msg }) => String(msg));
      expect(errors).toEqual(["the firewall does not come up; trying again"]);
      expect(weak.rig.asteriskPid).toBe(0);
      await weak.rig.stopGateway();
      await expect(started).rejects.toThrow("the gateway ended with 0");
    } finally {
      await weak.remove();
    }
  }, 30_000);
});
