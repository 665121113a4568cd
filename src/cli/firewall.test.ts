import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { GatewayError } from "../base/errors.ts";
import { JsonLinesServer } from "../base/json-lines.ts";
import type { Explanation, GuardControl, GuardView } from "../firewall/control.ts";
import { guardRequest, isGuardMethod } from "../firewall/requests.ts";
import type { Ban } from "../firewall/types.ts";
import { firewall } from "./firewall.ts";

const HOUR = 3_600_000;
const now = Date.now();
const counts = { added: 3, known: 2, skipped: 1, refused: 0 };
const ban = (source: string): Ban => ({
  source,
  reason: "logins",
  count: 2,
  sinceMs: now - HOUR,
  untilMs: now + 5 * HOUR,
});

const view: GuardView = {
  atMs: now,
  protect: "host",
  mode: "allowlist",
  inForce: true,
  rulesSinceMs: now - 5 * 60_000,
  repairs: 0,
  faults: [],
  trial: { state: "confirmed" },
  sources: { trusted: 2, registered: 1, allowed: 3, management: 5, blocked: 4_000 },
  lists: [{ name: "apiban", entries: 4_000, updatedMs: now - 2 * HOUR, fault: null, counts }],
  names: [{ name: "sip.example", addresses: ["192.0.2.1"], fault: null }],
  bans: { total: 1, latest: [ban("203.0.113.9")] },
  limited: { total: 1, some: [{ source: "203.0.113.10", expiresS: 590 }] },
  events: { refused: 0, unattributed: 0 },
  counters: [
    { name: "banned", packets: 12, bytes: 5_000 },
    { name: "never", packets: 0, bytes: 0 },
  ],
  scanner: [{ token: "friendly-scanner", packets: 7 }],
};

/** A guard with an answer to everything, which notes what was asked of it. */
function guard(of: Partial<GuardControl> = {}) {
  const asked: unknown[] = [];
  const control: GuardControl = {
    view: async () => view,
    confirm: async () => ({ changes: ["mode", "lists.operators"] }),
    bans: async () => Array.from({ length: 600 }, (_, at) => ban(`198.51.${100 + Math.floor(at / 256)}.${at % 256}`)),
    ban: async (address, minutes) => {
      asked.push([address, minutes]);
      return ban(address);
    },
    release: async (address) => {
      asked.push(address);
      return address === "192.0.2.77" ? 0 : 1;
    },
    refresh: async (list) => {
      asked.push(list);
      return [{ list: "apiban", ok: true, fault: null, counts }];
    },
    explain: async (address) => ({ address, verdict: "dropped", class: "stranger", reasons: [] }),
    ...of,
  };
  return { control, asked };
}

let directory: string;
let config: string;
let server: JsonLinesServer | undefined;
let printed: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "paxgate-cli-"));
  config = join(directory, "paxgate.yaml");
  await mkdir(join(directory, "run"));
  await writeFile(config, "lines: [{ name: tie }]\npaths: { state: state, runtime: run }\n");
  printed = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await server?.stop();
  server = undefined;
  await rm(directory, { recursive: true });
});

async function serve(control: GuardControl): Promise<void> {
  server = new JsonLinesServer(join(directory, "run", "gateway.sock"), (method, params) => {
    if (!isGuardMethod(method)) throw new GatewayError("unknown-method", `there is no method "${method}"`);
    return guardRequest(control, method, params, new AbortController().signal);
  });
  await server.start();
}

const run = (...args: string[]) => firewall.run([...args, "-c", config]);

describe("status", () => {
  it("is what no command means, and says everything in a line each", async () => {
    await serve(guard().control);
    expect(await run()).toBe(0);
    expect(printed.trimEnd().split("\n")).toEqual([
      "protects the host, mode allowlist, rules of 5 min ago",
      "sources: 2 trusted, 1 registered, 3 allowed, 5 for management, 4000 blocked",
      "list apiban: 4000 entries, read 2 h ago (3 added, 2 already there, 1 skipped, 0 refused)",
      "name sip.example: 192.0.2.1",
      "banned: 1",
      "  203.0.113.9              failed logins, 2 times, since 60 min, for 5 h more",
      "limited by the kernel: 1",
      "  203.0.113.10             for 10 min",
      "  banned 12 packets, 5000 bytes: SIP and audio of banned sources, dropped",
      "scanners dropped (packets): friendly-scanner 7",
    ]);
  });

  it.each<[string, Partial<GuardView>, RegExp]>([
    ["a fault", { faults: ["nft is missing"] }, /^FAULT: nft is missing$/m],
    ["rules that are not in force", { inForce: false }, /NOT IN FORCE AS WANTED: the rules of 5 min ago may stand$/m],
    [
      "a change on trial",
      { trial: { state: "on-trial", endsInS: 87, changes: ["mode"] } },
      /^ON TRIAL: mode; taken back in 87 s unless confirmed: paxgate firewall confirm$/m,
    ],
    [
      "a change that was taken back",
      { trial: { state: "reverted", sinceMs: now - HOUR, changes: ["mode"] } },
      /^TAKEN BACK 60 min ago, not confirmed: mode;/m,
    ],
  ])("says %s, for scripts too", async (_, of, expected) => {
    await serve(guard({ view: async () => ({ ...view, ...of }) }).control);
    expect(await run("status")).toBe(1);
    expect(printed).toMatch(expected);
    printed = "";
    expect(await run("status", "--json")).toBe(1);
    expect(JSON.parse(printed)).toMatchObject(of);
  });

  it("of a gateway without a firewall says so, and is no fault", async () => {
    await serve(guard({ view: async () => ({ ...view, protect: "none", inForce: false }) }).control);
    expect(await run()).toBe(0);
    expect(printed).toBe("no firewall (protect: none)\n");
  });

  it("lets nothing steer the terminal, also as JSON and in errors", async () => {
    const evil = "a\u001b[2J\u009b1m\u202e\nFAULT: b";
    const broken = { ...view, faults: [evil], lists: [{ ...view.lists[0], name: evil }] } as GuardView;
    const explain = async (): Promise<Explanation> => {
      throw new GatewayError("no-firewall", evil);
    };
    await serve(guard({ view: async () => broken, explain }).control);
    await run();
    await run("--json");
    expect(printed).toContain("FAULT: a?[2J?1m??FAULT: b\n");
    expect(printed.replaceAll("\n", "")).not.toMatch(/\p{C}/u);
    await expect(run("explain", "192.0.2.1")).rejects.toMatchObject({ message: "a?[2J?1m??FAULT: b" });
  });
});

describe("what is done", () => {
  it.each<[string[], string, number, unknown[]]>([
    [["confirm"], "confirmed: mode, lists.operators", 0, []],
    [["ban", "192.0.2.1"], "192.0.2.1: banned failed logins", 0, [["192.0.2.1", null]]],
    [["ban", "192.0.2.1", "--minutes", "5"], "192.0.2.1: banned", 0, [["192.0.2.1", 5]]],
    [["release", "192.0.2.1"], "192.0.2.1 is released", 0, ["192.0.2.1"]],
    [["release", "192.0.2.77"], "was neither banned nor limited", 1, ["192.0.2.77"]],
    [["release", "--all"], "released: 1", 0, [null]],
    [["refresh"], "apiban: 3 added", 0, [null]],
    [["refresh", "apiban"], "apiban: 3 added", 0, ["apiban"]],
    [["explain", "192.0.2.1"], "192.0.2.1: SIP is dropped: on no list", 0, []],
  ])("%j is asked of the gateway and told", async (args, expected, status, asked) => {
    const one = guard();
    await serve(one.control);
    expect(await run(...args)).toBe(status);
    expect(printed).toContain(expected);
    expect(one.asked).toEqual(asked);
  });

  it("lists every ban, though a line holds no more than some", async () => {
    await serve(guard().control);
    expect(await run("bans", "--json")).toBe(0);
    expect(JSON.parse(printed)).toHaveLength(600);
  });

  it("explains by every kind of reason", async () => {
    const explain = async (address: string): Promise<Explanation> => ({
      address,
      verdict: "accepted",
      class: "trusted",
      reasons: [
        { kind: "configured", class: "trusted", list: "trunks", entry: "sip.example" },
        { kind: "registered" },
        { kind: "banned", ban: ban(address) },
        { kind: "blocked", entry: address },
        { kind: "limited", expiresS: 600 },
        { kind: "management", entry: "192.0.2.0/24" },
      ],
    });
    await serve(guard({ explain }).control);
    await run("explain", "192.0.2.1");
    expect(printed.trimEnd().split("\n")).toEqual([
      "192.0.2.1: SIP is accepted: a trunk or an operator",
      "  trusted by trunks or firewall.lists.trunks: sip.example",
      "  a registered phone",
      "  banned: failed logins, 2 times, since 60 min, for 5 h more",
      "  on a block list: 192.0.2.1",
      "  limited by the kernel, for 10 min if it keeps silent",
      "  may reach the management ports by 192.0.2.0/24",
    ]);
  });

  it("explains who is allowed: by what, and once", async () => {
    const explain = async (address: string): Promise<Explanation> => ({
      address,
      verdict: "limited",
      class: "allowed",
      reasons: [{ kind: "configured", class: "allowed", list: "allowed", entry: "10.42.0.0/16" }],
    });
    await serve(guard({ explain }).control);
    await run("explain", "10.42.0.1");
    expect(printed.trimEnd().split("\n")).toEqual([
      "10.42.0.1: SIP is accepted under limits and bans: allowed by the configuration, not registered",
      "  allowed by firewall.lists.eventNetwork or an account's networks: 10.42.0.0/16",
    ]);
  });

  it.each([
    [["ban", "10.0.0.0/8"], "a network goes into a block list (firewall.blockLists)"],
    [["explain", "10.0.0.0/8"], "this is a network: give one of its addresses"],
    [["explain", "example.org"], 'names are not looked up here; "paxgate firewall" shows the addresses'],
  ])("says what to do instead of %j", async (words, expected) => {
    await serve(guard().control);
    await expect(run(...words)).rejects.toMatchObject({
      code: "bad-address",
      message: expect.stringContaining(expected),
    });
  });

  it("fails when a list cannot be had", async () => {
    const refresh = async () => [{ list: "apiban", ok: false, fault: "429", counts }];
    await serve(guard({ refresh }).control);
    expect(await run("refresh")).toBe(1);
    expect(printed).toBe("apiban: FAILED: 429\n");
  });
});

describe("what is wrong", () => {
  it("is that no gateway runs", async () => {
    await expect(run()).rejects.toMatchObject({
      code: "not-running",
      message: `no gateway runs with ${directory}/run`,
    });
  });

  it("is the gateway's own error, with its code", async () => {
    const confirm = async () => {
      throw new GatewayError("nothing-on-trial", "there is nothing to confirm");
    };
    await serve(guard({ confirm }).control);
    await expect(run("confirm")).rejects.toMatchObject({ code: "nothing-on-trial" });
    await expect(run("ban", "nonsense")).rejects.toMatchObject({ code: "bad-address" });
  });

  it("is a gateway of another version", async () => {
    server = new JsonLinesServer(join(directory, "run", "gateway.sock"), () => {
      throw new GatewayError("unknown-method", "no");
    });
    await server.start();
    await expect(run()).rejects.toMatchObject({ message: expect.stringContaining("restart it") });
  });

  it.each([
    ["bogus"],
    ["release"],
    ["release", "192.0.2.1", "--all"],
    ["ban"],
    ["ban", "192.0.2.1", "--minutes", "0"],
    ["ban", "192.0.2.1", "--minutes", "1e3"],
    ["ban", "192.0.2.1", "--minutes", ""],
    ["explain"],
    ["status", "more"],
    ["--bogus"],
  ])("is how it was called: %s %s %s %s", async (...args) => {
    await serve(guard().control);
    await expect(run(...args)).rejects.toMatchObject({ code: "usage" });
  });

  it("never is that help was asked for", async () => {
    for (const part of ["status", "confirm", "bans", "ban", "release", "refresh", "explain", "render", "static"]) {
      printed = "";
      expect(await firewall.run([part, "--help"])).toBe(0);
      expect(printed).toContain(`Usage: paxgate firewall ${part} `);
      expect(firewall.help).toContain(`  ${part} `);
    }
    for (const asked of ["--help", "-h", "help"]) expect(await firewall.run([asked])).toBe(0);
  });
});

describe("the rules as text", () => {
  it("need no gateway, and say what is not in them", async () => {
    await writeFile(
      config,
      `lines: [{ name: tie }]
trunks: [{ name: emf, server: sip.example, username: "4100", password: x }]
firewall:
  lists: { operators: [192.0.2.7] }
  blockLists: [{ name: mine, file: mine.txt }]
`,
    );
    expect(await run("render")).toBe(0);
    expect(printed).toContain("# Not looked up here: sip.example\n");
    expect(printed).toContain("# Not read here: the block lists mine\n");
    expect(printed).toMatch(/add element inet paxgate trusted4 \{ 192\.0\.2\.7/);
    const running = printed;
    printed = "";
    expect(await run("static")).toBe(0);
    expect(printed.startsWith("add table inet paxgate\ndelete table inet paxgate\n")).toBe(true);
    expect(printed).not.toBe(running);
    expect(printed).toContain("table inet paxgate {");
  });

  it.each([
    ["has faults", "lines: [{ nmae: tie }]\n", "nmae"],
    ["is not there", null, "no such file"],
  ])(
    "for the boot are those of the defaults when the configuration %s, which is told besides",
    async (_, text, told) => {
      let warned = "";
      vi.spyOn(process.stderr, "write").mockImplementation((said) => {
        warned += String(said);
        return true;
      });
      if (text === null) await rm(config);
      else await writeFile(config, text);
      expect(await run("static")).toBe(0);
      expect(warned).toContain(told);
      expect(printed).toContain("add element inet paxgate management4 { 10.0.0.0/8");
      expect(printed).toMatch(/chain input \{ type filter hook input priority filter; policy drop; \}/);
    },
  );

  it("are nothing but the removal of ours where no firewall is wanted", async () => {
    await writeFile(config, "lines: [{ name: tie }]\nfirewall: { protect: none }\n");
    for (const part of ["render", "static"]) {
      printed = "";
      expect(await run(part)).toBe(0);
      expect(printed.split("\n").slice(1)).toEqual(["add table inet paxgate", "delete table inet paxgate", ""]);
    }
  });
});
