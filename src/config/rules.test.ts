import { describe, expect, it } from "vitest";
import { formatPath } from "./faults.ts";
import { checkRules } from "./rules.ts";
import { type Config, configSchema } from "./schema.ts";

type Json = Record<string, unknown>;
const emf = { name: "emf", server: "sip.example", username: "4100", password: "x" };
const gpio = (inputs: Json, n = 1) => ({ inputs, outputs: { loop: `loop-${n}` }, audio: `hw:${n}` });

function configOf(parts: Json): Config {
  const base = { lines: [{ name: "tie" }], trunks: [emf], accounts: [{ name: "desk" }] };
  return configSchema.parse({ ...base, ...parts });
}

const broken = (parts: Json) => checkRules(configOf(parts)).map(({ path }) => formatPath(path));
const from = (...fromPax: Json[]) => ({ numberPlan: { fromPax } });
const to = (...toPax: Json[]) => ({ numberPlan: { toPax } });

describe("rules", () => {
  it("find nothing wrong with a plain configuration", () => {
    expect(
      broken({ ...from({ dial: "4XXX", trunk: "event" }, { dial: "999", trunk: "emf", emergency: true }) }),
    ).toEqual([]);
  });

  it.each<[string, Json, string[]]>([
    ["lines of one name", { lines: [{ name: "a" }, { name: "a" }] }, ["lines[1].name"]],
    ["a trunk and an account of one name", { accounts: [{ name: "emf" }] }, ["accounts[0].name"]],
    ["a name that Asterisk's files use", { accounts: [{ name: "general" }] }, ["accounts[0].name"]],
    [
      "one username twice at a server",
      { trunks: [emf, { ...emf, name: "b", server: "SIP.example" }] },
      ["trunks[1].username"],
    ],
    ["a trunk named as a group", { trunks: [emf, { ...emf, name: "event", username: "1" }] }, ["trunks[1].name"]],
    ["a hotline on a tie line", { lines: [{ name: "a", hotline: { account: "desk" } }] }, ["lines[0].hotline"]],
    [
      "a tie line without its loop input",
      { lines: [{ name: "a", interface: gpio({}) }] },
      ["lines[0].interface.inputs"],
    ],
    [
      "a subscriber line without its ring input",
      { lines: [{ name: "a", type: "subscriber", interface: gpio({ loop: "x" }) }] },
      ["lines[0].interface.inputs"],
    ],
    [
      "one GPIO line, output or audio device twice",
      {
        lines: [
          { name: "a", interface: gpio({ loop: "x" }) },
          { name: "b", interface: gpio({ loop: "x" }) },
        ],
      },
      ["lines[1].interface.inputs.loop", "lines[1].interface.outputs.loop", "lines[1].interface.audio"],
    ],
    ["no destination", from({ dial: "1" }), ["numberPlan.fromPax[0]"]],
    ["two destinations", from({ dial: "1", account: "desk", service: "echo" }), ["numberPlan.fromPax[0]"]],
    ["a trunk that is not there", from({ dial: "4XXX", trunk: "moon" }), ["numberPlan.fromPax[0].trunk"]],
    ["an account that is not there", from({ dial: "1", account: "moon" }), ["numberPlan.fromPax[0].account"]],
    ["a number for a service", from({ dial: "1", service: "echo", number: "4111" }), ["numberPlan.fromPax[0].number"]],
    [
      "a number and a prefix",
      from({ dial: "1", trunk: "emf", number: "4111", prefix: "1" }),
      ["numberPlan.fromPax[0].number"],
    ],
    ["three digits without emergency", from({ dial: "999", trunk: "emf" }), ["numberPlan.fromPax[0]"]],
    ["nine digits in all", from({ dial: "4XXX", trunk: "emf", prefix: "12345" }), ["numberPlan.fromPax[0]"]],
    ["more stripped than dialled", from({ dial: "4X", trunk: "emf", strip: 3 }), ["numberPlan.fromPax[0].strip"]],
    ["a set that runs backwards", from({ dial: "[5-2]", service: "echo" }), ["numberPlan.fromPax[0].dial"]],
    [
      "a number that begins another",
      from({ dial: "1", service: "echo" }, { dial: "1X", service: "echo" }),
      ["numberPlan.fromPax[1].dial"],
    ],
    [
      "an extension and second stage",
      to({ number: "4123", extension: "1", secondStage: true }),
      ["numberPlan.toPax[0]"],
    ],
    ["a group without lines", to({ number: "4123", extension: "1", group: "x" }), ["numberPlan.toPax[0].group"]],
    ["more X's than wildcards", to({ number: "412X", extension: "XX" }), ["numberPlan.toPax[0].extension"]],
    [
      "an undecidable overlap",
      to({ number: "41X1", extension: "1" }, { number: "411X", extension: "2" }),
      ["numberPlan.toPax[1].number"],
    ],
    [
      "second-stage digits of which one number begins another, or that run backwards",
      to({ number: "4123", secondStage: true, secondStageDigits: ["2X", "21X", "[5-2]"] }),
      ["numberPlan.toPax[0].secondStageDigits[2]", "numberPlan.toPax[0].secondStageDigits[1]"],
    ],
    ["odd audio ports", { sip: { rtpPorts: { from: 10001, to: 10100 } } }, ["sip.rtpPorts.from"]],
    ["too few audio ports", { sip: { rtpPorts: { from: 10000, to: 10010 } } }, ["sip.rtpPorts.to"]],
    ["audio ports backwards", { sip: { rtpPorts: { from: 10002, to: 10000 } } }, ["sip.rtpPorts.to"]],
    ["the SIP port among the audio ports", { sip: { port: 10010 } }, ["sip.port"]],
    ["a codec twice", { sip: { codecs: ["ulaw", "ulaw"] } }, ["sip.codecs[1]"]],
    [
      "nowhere to register from, and a public address alone",
      { sip: { localNetworks: [], externalAddress: "192.0.2.1" } },
      ["sip.externalAddress", "accounts[0]"],
    ],
    [
      "a debounce that eats impulses",
      { pax: { overrides: { debounceMs: 10, breakMinMs: 9 } } },
      ["pax.overrides.debounceMs"],
    ],
    [
      "impulses too slow to follow",
      { pax: { overrides: { sendBreakMs: 90, sendMakeMs: 70 } } },
      ["pax.overrides.sendBreakMs"],
    ],
  ])("refuse %s", (_, parts, expected) => {
    expect(broken(parts)).toEqual(expected);
  });

  it("accept just enough audio ports and refuse two fewer", () => {
    expect(broken({ sip: { rtpPorts: { from: 10000, to: 10011 } } })).toEqual([]);
    expect(broken({ sip: { rtpPorts: { from: 10000, to: 10009 } } })).toEqual(["sip.rtpPorts.to"]);
  });

  it("refuse a hotline to a trunk without a number", () => {
    expect(broken({ lines: [{ name: "a", type: "subscriber", hotline: { trunk: "emf" } }] })).toEqual([
      "lines[0].hotline",
    ]);
  });
});
