import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { renderProfile } from "../render.ts";
import { exampleModel, exampleTrunk } from "../test-model.ts";
import { audit } from "./audit.ts";
import { renderSarif } from "./report-sarif.ts";
import { renderText } from "./report-text.ts";
import { RULES } from "./rules.ts";
import { shortly, treeOf } from "./test-tree.ts";
import { SEVERITIES } from "./types.ts";

const NAIVE = {
  "sip.conf": `[general]
context=default
call-limit=1

[4101]
type=friend
host=dynamic
secret=1234
context=default

[4102]
type=friend
host=dynamic
secret=1234
context=default

[provider]
type=peer
host=sip.example.net
secret=whatever
context=from-provider
`,
  "extensions.conf": `[default]
exten => _X.,1,System(echo "\${CALLERID(name)} called" >> /tmp/calls)
 same => n,Exec(NoOp(\${CALLERID(name)}))
 same => n,Dial(SIP/provider/\${EXTEN},,tT)

[from-provider]
exten => _X.,1,Dial(SIP/4101)
`,
  "manager.conf": "[general]\nenabled=yes\n[admin]\nsecret=amp111\nwrite=all\n",
};

describe("a naive configuration", () => {
  it("is told all of its faults, the worst first", () => {
    expect(shortly(audit(treeOf(NAIVE)))).toEqual([
      "critical open-pattern-trunk extensions.conf:4",
      "critical secret-weak manager.conf:4",
      "critical secret-weak sip.conf:8",
      "critical secret-weak sip.conf:14",
      "critical sip-default-context sip.conf:2",
      "critical sip-guest sip.conf:1",
      "critical taint-application extensions.conf:3",
      "critical taint-dial extensions.conf:4",
      "critical taint-shell extensions.conf:2",
      "high dial-transfer extensions.conf:4",
      "high manager-exposed manager.conf:1",
      "high manager-rights manager.conf:5",
      "high secret-repeated sip.conf:14",
      "medium manager-no-acl manager.conf:3",
      "medium sip-call-limit-general sip.conf:3",
      "medium sip-no-call-limit sip.conf:5",
      "medium sip-no-call-limit sip.conf:11",
      "medium sip-no-call-limit sip.conf:17",
      "medium sip-numeric-username sip.conf:5",
      "medium sip-numeric-username sip.conf:11",
      "medium sip-transfer sip.conf:1",
      "low sip-direct-media sip.conf:1",
      "low sip-overlap sip.conf:1",
      "info sip-no-tls sip.conf:1",
    ]);
  });

  it("is told the same in every order of its files", () => {
    const reversed = Object.fromEntries(Object.entries(NAIVE).reverse());
    expect(audit(treeOf(reversed))).toEqual(audit(treeOf(NAIVE)));
  });
});

describe("what this gateway renders", () => {
  const secrets = { http: "Xb4kQm92xLt7RwPq", manager: "Yb4kQm92xLt7RwPq", account: "Zb4kQm92xLt7RwPq" };
  const model = exampleModel();
  const account = (name: string) => ({
    name,
    username: `${name}-qwertz`,
    secret: `${name}${secrets.account}`.split("").reverse().join(""),
    networks: ["192.168.0.0/16"],
    callLimit: 2,
  });
  const strong = exampleModel({
    http: { ...model.http, secret: secrets.http },
    manager: { ...model.manager, secret: secrets.manager },
    accounts: ["kitchen", "hall"].map(account),
  });

  it.each([
    ["one of everything", strong],
    [
      "several trunks at one server",
      { ...strong, trunks: ["a", "b"].map((name) => ({ ...exampleTrunk, name, peer: `trunk-${name}`, shared: true })) },
    ],
    [
      "TCP, and a trunk with a weak password that its server gave",
      { ...strong, tcp: true, trunks: [{ ...exampleTrunk, transport: "tcp" as const, secret: "4100" }] },
    ],
    ["no trunk, no account", { ...strong, trunks: [], accounts: [] }],
  ])("has no finding at all: %s", (_, one) => {
    const report = audit({ ...treeOf({}), files: renderProfile(one) });
    expect(report.findings).toEqual([]);
    expect(renderText(report)).toMatch(/ files, nothing found$/);
  });

  it("would have one if a password that stands in it were weak", () => {
    const weak = { ...strong, manager: { ...strong.manager, secret: "s3cret" } };
    expect(audit({ ...treeOf({}), files: renderProfile(weak) }).findings.map(({ id }) => id)).toEqual(["secret-weak"]);
  });
});

describe("any text", () => {
  const names = [
    "sip.conf",
    "extensions.conf",
    "pjsip.conf",
    "manager.conf",
    "modules.conf",
    "iax.conf",
    "users.conf",
    "http.conf",
    "ari.conf",
    "features.conf",
  ];
  const words = fc.constantFrom(
    "[general]",
    "[a](!)",
    "[b](a)",
    "[b](+)",
    "[default]",
    "[macro-a]",
    "type=friend",
    "host=dynamic",
    "secret=x",
    "exten => _X.,1,",
    "same => n,",
    "same => n(l),",
    "exten => h,1,",
    "Dial(",
    "SIP/",
    "$",
    `\${`,
    "}",
    "$[",
    "]",
    "(",
    ")",
    '"',
    ",",
    ":",
    "?",
    "&",
    "=",
    "EXTEN",
    "CALLERID(num)",
    "FILTER(",
    "Gosub(",
    "default,s,1",
    "Goto(",
    "GotoIf(",
    "Macro(a,",
    "Set(A=",
    "While(",
    "EndWhile()",
    "REGEX(",
    "include => default",
    "#include sip.conf",
    "#include *",
    ";--",
    "--;",
    "\n",
    "\n",
    "\n",
    "\\",
    " ",
  );
  const line = fc.oneof(
    fc.array(words, { maxLength: 40 }).map((all) => all.join("")),
    fc.string({ unit: "binary", maxLength: 60 }),
  );

  it("is audited without an exception, and every finding can be told", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), line), (files) => {
        const report = audit(treeOf(files));
        for (const { place, id } of report.findings) {
          expect(RULES[id]).toBeDefined();
          expect(place.line).toBeGreaterThan(0);
          expect(place.column).toBeGreaterThan(0);
        }
        expect(renderText(report)).not.toMatch(/(?!\n)\p{Cc}/u);
        expect(() => JSON.stringify(renderSarif(report))).not.toThrow();
      }),
      { numRuns: 1_500 },
    );
  });

  it("is audited in bounded time, however deep, wide or circular it is", () => {
    const many = Array.from(
      { length: 400 },
      (_, at) =>
        `[c${at}]\ninclude => c${(at + 1) % 400}\nexten => _X.,1,Set(V${at}=\${EXTEN})\n same => n,Gosub(c${(at * 7) % 400},\${EXTEN},1(\${V${at}}))\n same => n,Goto(c${(at * 3) % 400},\${EXTEN},1)`,
    );
    const hostile = {
      nested: `[default]\nexten => _X.,1,Dial(${"${".repeat(4_000)}`,
      closed: `[default]\nexten => _X.,1,Dial(${"${A(".repeat(1_500)}${")}".repeat(1_500)})`,
      filters: `[default]\nexten => _X.,1,Dial(${"${FILTER(0-9,".repeat(60)}x${")}".repeat(60)})`,
      cuts: `[default]\nexten => _X.,1,Dial(${"${CUT(".repeat(60)}x${",a,1)}".repeat(60)})`,
      conditions: `[default]\nexten => _X.,1,GotoIf($[${"(".repeat(3_000)}a${")".repeat(3_000)}]?1:2)`,
      negations: `[default]\nexten => _X.,1,GotoIf($[${"!".repeat(8_000)}a]?1:2)`,
      web: many.join("\n"),
      long: `[default]\nexten => _${"X".repeat(8_000)},1,Dial(SIP/x)`,
    };
    for (const [name, text] of Object.entries(hostile)) {
      const before = performance.now();
      audit(treeOf({ "sip.conf": "[general]\n", "extensions.conf": text }));
      expect(performance.now() - before, name).toBeLessThan(10_000);
    }
  }, 60_000);
});

describe("what could not be read", () => {
  it.each([
    [{ name: "sip.conf", reason: "EACCES" }, "high"],
    [{ name: "keys.inc", reason: "EACCES" }, "info"],
    [{ name: "archive/sip.conf", reason: "it lies too deep" }, "info"],
    [{ name: "a.txt", reason: "too many", andRest: true }, "high"],
    [{ name: "archive/a.txt", reason: "too many", andRest: true }, "info"],
  ])("is a fault where Asterisk would read it: %j is %s", (skipped, severity) => {
    const { findings } = audit(treeOf({ "modules.conf": "[modules]\nautoload=no\n" }, { skipped: [skipped] }));
    expect(findings.find(({ id }) => id === "not-analysed-file")).toMatchObject({
      severity,
      place: { file: skipped.name },
    });
  });
});

describe("the reports", () => {
  const report = audit(treeOf(NAIVE));

  it("as text holds every place once, the fix, the sum, and no password", () => {
    const text = renderText(report);
    expect(text).toContain("CRITICAL\n");
    expect(text).toContain("extensions.conf:2:1: The caller ID, CALLERID(), comes to a shell");
    expect(text).toContain(`Fix: ${RULES["sip-guest"].fix}`);
    expect(text.endsWith("/etc/asterisk: 3 files, 9 critical, 4 high, 8 medium, 2 low, 1 info")).toBe(true);
    for (const secret of ["1234", "amp111", "whatever"]) expect(text).not.toContain(secret);
  });

  it("as SARIF has what the standard asks for: rules with help, and results that point to them", () => {
    const { version, runs } = JSON.parse(JSON.stringify(renderSarif(report)));
    expect(version).toBe("2.1.0");
    const [{ tool, results, originalUriBaseIds }] = runs;
    expect(tool.driver.name).toBe("paxgate audit");
    const ids = tool.driver.rules.map(({ id }: { id: string }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const rule of tool.driver.rules) {
      expect(rule.help.text.length).toBeGreaterThan(10);
      expect(rule.shortDescription.text.length).toBeGreaterThan(5);
      expect(["error", "warning", "note"]).toContain(rule.defaultConfiguration.level);
    }
    expect(results).toHaveLength(report.findings.length);
    for (const result of results) {
      expect(ids[result.ruleIndex]).toBe(result.ruleId);
      expect(result.message.text).not.toBe("");
      const [{ physicalLocation }] = result.locations;
      expect(physicalLocation.region.startLine).toBeGreaterThan(0);
      expect(originalUriBaseIds).toHaveProperty(physicalLocation.artifactLocation.uriBaseId);
    }
    expect(originalUriBaseIds.CONFIGURATION.uri).toBe("file:///etc/asterisk/");
  });

  it("count what they hold", () => {
    const sum = SEVERITIES.reduce((total, severity) => total + report.counts[severity], 0);
    expect(sum).toBe(report.findings.length);
  });
});
