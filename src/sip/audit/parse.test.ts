import { describe, expect, it } from "vitest";
import { assemble } from "./assemble.ts";
import { readDialplan } from "./dialplan.ts";
import { parseConfig } from "./parse.ts";
import { treeOf } from "./test-tree.ts";
import type { Skipped } from "./types.ts";

const entries = (text: string) =>
  parseConfig("f", text).flatMap((item) =>
    item.kind === "entry" ? [`${item.place.line}:${item.place.column} ${item.key}=${item.value}`] : [],
  );

describe("one file", () => {
  it("has entries with = and =>, with their lines and columns", () => {
    expect(entries("a=1\n  b => 2 ; c\n\nc =\r\n")).toEqual(["1:1 a=1", "2:3 b=2", "4:1 c="]);
  });

  it("has comments to the line's end, escaped semicolons, and blocks over lines, within blocks too", () => {
    expect(entries("a=1;x\nb=x\\;y\n;--\nc=1\n;-- d=2 --;\ne=3\n--; f=4\n;--- no block\ng=5\nh=6 ;-- x --; 7")).toEqual(
      ["1:1 a=1", "2:1 b=x;y", "7:5 f=4", "9:1 g=5", "10:1 h=6           7"],
    );
  });

  it("has sections with templates, includes and programs", () => {
    expect(
      parseConfig("f", '[a](!,b)\n[c](+)\n#include "x/*.conf"\n#tryinclude <y>\n#exec /bin/z').map(
        ({ place, ...rest }) => rest,
      ),
    ).toEqual([
      { kind: "section", name: "a", options: ["!", "b"] },
      { kind: "section", name: "c", options: ["+"] },
      { kind: "include", path: "x/*.conf", optional: false },
      { kind: "include", path: "y", optional: true },
      { kind: "exec" },
    ]);
  });

  it("loses only what is no line of a configuration", () => {
    expect(entries("nonsense\n=x\n[open\n\0\na=1")).toEqual(["5:1 a=1"]);
  });
});

describe("a file with what it includes", () => {
  const look = (files: Readonly<Record<string, string>>, skipped: readonly Skipped[] = []) => {
    const reports: string[] = [];
    const tree = treeOf(files, { skipped });
    const file = assemble(tree, "a.conf", (id, place) => reports.push(`${id} ${place.file}:${place.line}`));
    const sections = file?.sections.map((one) => `${one.name}:${one.entries.map(({ key, value }) => key + value)}`);
    return { sections, reports };
  };

  it("follows names, globs in order, and absolute names within the directory", () => {
    const files = { "d/2.conf": "b=2", "d/1.conf": "a=1", "d/x/3.conf": "z=1", "e.conf": "[e]\ne=3" };
    const main = "[s]\n#include d/*.conf\n#include /etc/asterisk/d/../e.conf\nf=4";
    expect(look({ "a.conf": main, ...files })).toEqual({ sections: ["s:a1,b2", "e:e3,f4"], reports: [] });
  });

  it("says of an included file or directory that it was not read", () => {
    const main = "#include sub/a.conf\n#include dir/*.conf\n#tryinclude x/*.conf\n[s]\na=1";
    const skipped = ["sub/a.conf", "dir", "x/1.conf", "x/1.txt"].map((name) => ({ name, reason: "EACCES" }));
    expect(look({ "a.conf": main }, skipped)).toEqual({
      sections: ["s:a1"],
      reports: ["not-analysed-file a.conf:1", "not-analysed-file a.conf:2", "not-analysed-file a.conf:3"],
    });
  });

  it("says what is missing, outside, circular, or a program, and goes on", () => {
    const main =
      "[s]\n#include gone.conf\n#tryinclude gone.conf\n#include none/*.conf\n#include ../x.conf\n#include /etc/passwd\n#include b.conf\n#exec /bin/date\na=1";
    expect(look({ "a.conf": main, "b.conf": "#include a.conf\nb=2" })).toEqual({
      sections: ["s:b2,a1"],
      reports: [
        "include-missing a.conf:2",
        "include-outside a.conf:5",
        "include-outside a.conf:6",
        "include-loop b.conf:1",
        "include-exec a.conf:8",
      ],
    });
  });

  it("puts templates in front, and adds with (+)", () => {
    expect(look({ "a.conf": "[t](!)\na=1\n[u](!,t)\nb=2\n[x](u)\na=3\n[x](+)\nc=4\n[x]\nd=5" }).sections).toEqual([
      "t:a1",
      "u:a1,b2",
      "x:a1,b2,a3,c4",
      "x:d5",
    ]);
  });

  it("stays bounded when templates double themselves", () => {
    const doubling = Array.from({ length: 60 }, (_, at) => `[t${at + 1}](t${at},t${at})\nx=1`).join("\n");
    const before = performance.now();
    expect(look({ "a.conf": `[t0]\na=1\n${doubling}` }).sections?.length).toBeGreaterThan(10);
    expect(performance.now() - before).toBeLessThan(5_000);
  });
});

describe("a dialplan", () => {
  it("counts priorities, keeps labels, and leaves hints out", () => {
    const text =
      "[c]\nexten => 1,hint,SIP/a\nexten = 1,1,Answer\n same => n(go),Wait(1)\n same => n+5,Hangup()\nexten => _[1,2]X/99,3(z),NoOp(a,b)\nexten => _[1,2]X/99,s,Ringing()\ninclude => d,9:00-17:00,*,*,*\nignorepat => 9\nswitch => DUNDi/x\n";
    const tree = treeOf({ "extensions.conf": text });
    const file = assemble(tree, "extensions.conf", () => expect.unreachable());
    const context = readDialplan(file === null ? [] : [file]).contexts.get("c");
    const steps = context?.extensions.map(
      ({ name, priorities }) =>
        `${name}: ${priorities.map((one) => `${one.number}${one.label === null ? "" : `(${one.label})`} ${one.application}(${one.args})`).join(" ")}`,
    );
    expect(steps).toEqual(["1: 1 Answer() 2(go) Wait(1) 8 Hangup()", "_[1,2]X: 3(z) NoOp(a,b) 3 Ringing()"]);
    expect(context?.includes.map(({ name }) => name)).toEqual(["d"]);
    expect(context?.switches.map(({ target }) => target)).toEqual(["DUNDi/x"]);
  });
});
