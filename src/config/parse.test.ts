import { describe, expect, it } from "vitest";
import { type ConfigFault, formatFaults, formatPath } from "./faults.ts";
import { LARGEST_FILE, parseConfig } from "./parse.ts";

function faultsOf(source: string | Uint8Array): readonly ConfigFault[] {
  const parsed = parseConfig(source);
  return parsed.ok ? [] : parsed.error;
}

/** `line:column path code` of each fault. */
const places = (source: string) =>
  faultsOf(source).map(({ line, column, path, code }) => `${line}:${column} ${formatPath(path)} ${code}`);

const textOf = (source: string | Uint8Array) => formatFaults({ file: "paxgate.yaml", faults: faultsOf(source) });

const LINES = "lines: [{ name: tie-1 }]\n";

describe("a good file", () => {
  it.each([
    ["with little in it", LINES],
    ["with a byte order mark and Windows line ends", `\uFEFF${LINES}site:\r\n  name: "x"\r\n`],
    ["with comments and a document mark", `# x\n---\n${LINES}`],
  ])("%s is read, with defaults", (_, source) => {
    const parsed = parseConfig(new TextEncoder().encode(source));
    expect(parsed).toMatchObject({ ok: true, value: { config: { sip: { port: 5060 }, lines: [{ group: "pax" }] } } });
  });
});

describe("a file with several faults", () => {
  const source = `site: { nmae: x }
lines:
  - name: tie-1
  - name: tie-1
    type: tieline
  - group: pax
numberPlan:
  fromPax:
    - { dial: "4XXX", service: echo }
    - { dial: "41", service: clock }
    - { dial: 01, service: echo }
  toPax:
    - { number: "4123", extension: 01 }
sip: { port: 80, codecs: [ulaw, opus] }
`;

  it("reports all of them, of every kind, in the order of the file", () => {
    expect(places(source)).toEqual([
      "1:9 site.nmae unknown-key",
      "4:11 lines[1].name rule",
      "5:11 lines[1].type value",
      "6:5 lines[2].name missing",
      "10:15 numberPlan.fromPax[1].dial rule",
      "11:15 numberPlan.fromPax[2].dial type",
      "13:36 numberPlan.toPax[0].extension type",
      "14:14 sip.port value",
      "14:33 sip.codecs[1] value",
    ]);
  });

  it("is explained with the line, a caret, what is allowed, and what was probably meant", () => {
    const text = textOf(source);
    expect(text).toContain('paxgate.yaml:1:9: site.nmae: unknown key; did you mean "name"?');
    expect(text).toContain("  1 | site: { nmae: x }\n    |         ^\n  allowed: name, id\n");
    expect(text).toContain('lines[1].type: is not allowed; did you mean "tie-line"?');
    expect(text).toContain("allowed: a whole number from 1024 to 65535");
    expect(text).toContain('numberPlan.fromPax[1].dial: "41" collides with "4XXX": 41 belongs to both');
    expect(text).toContain("(line 9)");
    expect(text.trimEnd()).toMatch(/9 faults in paxgate\.yaml$/);
  });

  it("says that digits need quotes, and how they were written", () => {
    expect(textOf(source)).toContain('write it in quotes: "01"');
  });
});

describe("a fault's message", () => {
  it.each([
    ["sip:\n", "sip: has no value"],
    ['sip: { port: "5061" }\n', "is text; write it without quotes"],
    ["sip: [1]\n", "must be a group of keys"],
    ["trunks: { name: x }\n", "must be a list"],
    ["sip: { call_limit: 1 }\n", "sip.call_limit: unknown key"],
    ["trunks: [{ name: emf, server: x, username: 4100, password: y }]\n", 'write it in quotes: "4100"'],
    ["accounts: [{ name: on-2 }, { name: true }]\n", 'write it in quotes: "true"'],
    ["site: { name: x }\nsite: { name: y }\n", "the same key stands here a second time"],
  ])("for %j says: %s", (extra, message) => {
    expect(textOf(LINES + extra)).toContain(message);
  });

  it("reports a duplicate key at its second place, together with other faults", () => {
    expect(places(`${LINES}site: { name: x }\nsite: { name: y }\nsipp: {}\n`)).toEqual([
      "3:1  duplicate-key",
      "4:1 sipp unknown-key",
    ]);
  });

  it("looks into the alternative that was meant", () => {
    const gpio = "lines: [{ name: a, interface: { inputs: { lop: x }, outputs: { loop: y }, audio: 'hw:0' } }]\n";
    expect(textOf(gpio)).toContain('lines[0].interface.inputs.lop: unknown key; did you mean "loop"?');
  });
});

describe("a hostile or broken file", () => {
  const bomb = `a: &a [x,x,x]\n${[..."bcdefgh"].map((k, i) => `${k}: &${k} [${`*${"abcdefg"[i]},`.repeat(9)}]\n`).join("")}`;
  it.each<[string, string | Uint8Array, string]>([
    ["a bomb of aliases", bomb, "aliases (*) cannot be used here"],
    ["a tag", `${LINES}site: !!js/function x\n`, "tags (!) cannot be used here"],
    ["a known tag", `${LINES}site: { name: !!str 12 }\n`, "tags (!) cannot be used here"],
    ["an alias to nothing", `${LINES}site: *x\n`, "aliases (*)"],
    ["a tab", "lines:\n\t- name: x\n", "a tab cannot indent"],
    ["an open bracket", "lines: [\n", "is not closed"],
    ["a second document", `${LINES}---\n${LINES}`, "a second document begins here"],
    ["deep brackets", `lines: ${"[".repeat(20_000)}`, "nested too deeply"],
    ["deep brackets over many lines", "[\n".repeat(80_000), "paxgate.yaml:101:1: nested too deeply"],
    ["an endless line", `a: ${"x".repeat(200_000)}`, "this line is too long"],
    ["deep closed brackets", `lines: ${"[".repeat(60)}${"]".repeat(60)}\n`, "nested too deeply"],
    ["a map as a key", `${LINES}? { a: b }\n: c\n`, "a key must be a word"],
    ["a prototype", `${LINES}__proto__: { site: 1 }\n`, "__proto__: unknown key"],
    ["a huge file", new Uint8Array(LARGEST_FILE + 1).fill(35), "is larger than 256 kB"],
    ["Latin-1", Uint8Array.of(...new TextEncoder().encode(LINES), 0xe4), "is not UTF-8"],
    ["UTF-16", Uint8Array.of(0xff, 0xfe, 0x6c, 0), "is saved as UTF-16"],
    ["nothing", "", "the file holds no configuration"],
    ["one word", "hello", "must be a group of keys"],
    ["a control character", `${LINES}site: { name: "a\\nb" }\n`, "site.name: is not allowed"],
    ["an infinite number", `${LINES}limits: { callMinutes: .inf }\n`, "limits.callMinutes: is not allowed"],
  ])("%s is refused with a clear message", (_, source, message) => {
    expect(textOf(source)).toContain(message);
  });

  it("does not steer the terminal on which its faults are shown", () => {
    expect(textOf(`${LINES}"\u001b[2J": 1\n`)).not.toContain("\u001b");
  });
});

describe("a secret", () => {
  const trunk = (rest: string) => `${LINES}trunks:\n  - { name: emf, server: x, username: "41", ${rest} }\n`;
  it.each([
    ["as a number", trunk("password: 8675309")],
    ["under a mistyped key", trunk("pasword: 8675309")],
    ["under another mistyped key", trunk("passwrd: 8675309, port: x")],
    ["on a line that is not YAML", trunk("password: 8675309, [")],
    ["in quotes that never end", trunk('password: "8675309')],
    ["beside another fault", trunk("password: 8675309, port: 99999999")],
    ["over two lines", `${LINES}trunks:\n  - password: "\n      8675309\u0001"\n    port: x\n`],
    ["as an alias", trunk("password: *8675309")],
    ["with a tag", trunk("password: !8675309 x")],
    ["as a list", trunk("password: [8675309]")],
    ["under its own name as a key", `${LINES}trunks:\n  - password:\n      8675309: x\n`],
  ])("%s is never shown", (_, source) => {
    const faults = faultsOf(source);
    expect(faults.length).toBeGreaterThan(0);
    expect(JSON.stringify(faults) + textOf(source)).not.toContain("8675309");
  });
});
