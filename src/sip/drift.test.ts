import { describe, expect, it } from "vitest";
import { desiredState } from "./desired.ts";
import { type Finding, findDrift, planForFiles, planRepair } from "./drift.ts";
import { type Observed, parseDialplan, parseModules, parsePeerNames, parseReadout } from "./observed.ts";
import { exampleModel } from "./test-model.ts";

const desired = desiredState(exampleModel());

/** Observes exactly what is desired, then a difference. */
function observed(differences: Partial<Observed> = {}): Observed {
  const readout = (values: ReadonlyMap<string, string>) => ({ values, repeated: new Set<string>() });
  return {
    udpPorts: new Set([5060]),
    tcpListeners: new Map([
      [5038, "ours"],
      [8088, "ours"],
    ]),
    settings: readout(desired.settings),
    peers: new Map([...desired.peers].map(([name, values]) => [name, readout(values)])),
    modules: desired.modules,
    dialplan: desired.dialplan,
    ...differences,
  };
}

const finding = (kind: Finding["kind"], subject: string, wanted = "absent", found = "present"): Finding => ({
  kind,
  subject,
  wanted,
  found,
});

describe("drift", () => {
  it("is nothing when everything is as rendered", () => {
    expect(findDrift(desired, observed())).toEqual([]);
    expect(planRepair([], false)).toEqual([]);
    expect(planRepair([], true)).toEqual([]);
  });

  it("is not the context that Asterisk makes for a connected application, unless something was added to it", () => {
    const shown = (extra: string) =>
      parseDialplan([
        "[ Context 'stasis-paxgate' created by 'res_stasis' ]",
        "  'h' =>            1. NoOp()                                     [res_stasis]",
        `  '_.' =>           1. Stasis(paxgate)                            [res_stasis]${extra}`,
      ]);
    const drift = (context: ReturnType<typeof parseDialplan>) =>
      findDrift(desired, observed({ dialplan: new Map([...desired.dialplan, ...context]) }));
    expect(drift(shown(""))).toEqual([]);
    expect(drift(shown(" and more"))).toHaveLength(1);
  });

  it.each([...desired.settings.keys()])("of the setting %s is found, also when the line is missing or twice", (key) => {
    const values = new Map(desired.settings);
    values.set(key, "something else");
    const kinds = (settings: Observed["settings"]) => findDrift(desired, observed({ settings })).map((f) => f.subject);
    expect(kinds({ values, repeated: new Set() })).toEqual([key]);
    values.delete(key);
    expect(kinds({ values, repeated: new Set() })).toEqual([key]);
    expect(kinds({ values: desired.settings, repeated: new Set([key]) })).toEqual([key]);
  });

  it("of a port that somebody else holds is found, although chan_sip claims it", () => {
    expect(findDrift(desired, observed({ udpPorts: new Set([5061]) })).map((each) => each.subject)).toEqual([
      "UDP 5060",
    ]);
  });

  it("of ARI's or AMI's port is found, whoever holds it, and nothing but a restart gets it back", () => {
    const findings = findDrift(desired, observed({ tcpListeners: new Map([[8088, "other"]]) }));
    expect(findings.map(({ subject, found }) => [subject, found])).toEqual([
      ["TCP 5038 of 127.0.0.1", "not open"],
      ["TCP 8088 of 127.0.0.1", "used by another program"],
    ]);
    expect(planRepair(findings, false)).toEqual([{ kind: "restart" }]);
  });

  it("of peers is found: changed, missing, unknown", () => {
    const peers = new Map(observed().peers);
    peers.delete("trunk-event");
    peers.set("back-door", { values: new Map(), repeated: new Set() });
    const kitchen = new Map(desired.peers.get("kitchen-qwertz"));
    kitchen.set("Call limit", "0");
    peers.set("kitchen-qwertz", { values: kitchen, repeated: new Set() });
    expect(findDrift(desired, observed({ peers })).map((each) => `${each.kind} ${each.subject}`)).toEqual([
      "peer-missing trunk-event",
      "peer kitchen-qwertz: Call limit",
      "peer-unknown back-door",
    ]);
  });

  it("is repaired gently at first, and by a restart when that did not help", () => {
    expect(planRepair([finding("setting", "User Agent"), finding("peer-unknown", "x")], false)).toEqual([
      { kind: "command", command: "sip reload" },
    ]);
    expect(planRepair([finding("module", "app_system.so")], false)).toEqual([
      { kind: "module", what: "unload", file: "app_system.so" },
    ]);
    expect(planRepair([finding("dialplan", "hidden (CLI)")], false)).toEqual([
      { kind: "command", command: "dialplan remove context hidden" },
      { kind: "command", command: "dialplan reload" },
    ]);
    expect(planRepair([finding("module", "app_system.so")], true)).toEqual([{ kind: "restart" }]);
  });

  it("never restarts for a trunk whose server's name does not resolve", () => {
    expect(planRepair([finding("peer-missing", "trunk-event")], true)).toEqual([
      { kind: "command", command: "sip reload" },
    ]);
  });

  it("writes no strange context name into a command", () => {
    expect(planRepair([finding("dialplan", "a b; core stop")], false)).toEqual([{ kind: "restart" }]);
  });

  it("takes changed files by reload where Asterisk can", () => {
    expect(planForFiles([])).toEqual([]);
    expect(planForFiles(["sip.conf", "extensions.conf"])).toEqual([
      { kind: "command", command: "sip reload" },
      { kind: "command", command: "dialplan reload" },
    ]);
    expect(planForFiles(["sip.conf", "modules.conf"])).toEqual([{ kind: "restart" }]);
  });
});

describe("what Asterisk's command line says", () => {
  it("is read as settings, the realm without its colon too, and repeated keys are marked", () => {
    const lines = [
      "Global Settings:",
      "----",
      "  UDP Bindaddress:        127.0.0.1:25060",
      "  Our auth realm          PBX",
    ];
    const readout = parseReadout([...lines, "  * Name       : x", "  Name : y", "    Include CID:          No"]);
    expect(Object.fromEntries(readout.values)).toEqual({
      "UDP Bindaddress": "127.0.0.1:25060",
      "Our auth realm": "PBX",
      Name: "y",
    });
    expect([...readout.repeated]).toEqual(["Name"]);
  });

  it("is read as peers and modules", () => {
    const peers = [
      "Name/username             Host  ",
      "kitchen-abc   (Unspecified)   D",
      "trunk-ev/1001   127.0.0.1  N",
    ];
    expect(parsePeerNames([...peers, "2 sip peers [Monitored: 0 online]"])).toEqual(["kitchen-abc", "trunk-ev"]);
    const modules = [
      "Module    Description  Use Count  Status",
      "app_dial.so  Dialing  0  Running  core",
      "acl  x  1  Running core",
    ];
    expect([...parseModules(modules)]).toEqual(["app_dial.so"]);
  });

  it("is read as a dialplan, in which what was added by hand stands out", () => {
    const contexts = parseDialplan([
      "[ Context 'services' created by 'pbx_config' ]",
      "  'clock' =>        1. Answer()                                   [extensions.conf:176]",
      "                    2. Wait(3600)                                 [extensions.conf:178]",
      "",
      "[ Context 'hidden' created by 'CLI' ]",
      "  Include =>        'services'                                    [CLI]",
      "-= 1 extensions (2 priorities) in 2 contexts. =-",
    ]);
    expect([...(contexts.get("services") ?? [])]).toEqual(["clock,1,Answer()", "clock,2,Wait(3600)"]);
    expect([...(contexts.get("hidden (CLI)") ?? [])]).toHaveLength(1);
  });
});
