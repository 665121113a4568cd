import { describe, expect, it } from "vitest";
import { foundIn, SAFE_SIP } from "./test-tree.ts";

/** What is found in a dialplan whose [phones] and [from-trunk] can be called; `id:line` each. */
const dialplan = (text: string): string[] =>
  foundIn({ "sip.conf": SAFE_SIP, "extensions.conf": text }).map((one) =>
    one.replace(/^\w+ (\S+) extensions.conf/, "$1"),
  );

/** One extension of [phones] with these steps. */
const steps = (pattern: string, ...lines: readonly string[]): string =>
  ["[phones]", ...lines.map((line, at) => (at === 0 ? `exten => ${pattern},1,${line}` : ` same => n,${line}`))].join(
    "\n",
  );

describe("outside data that reaches something dangerous", () => {
  it.each<[string, string, readonly string[]]>([
    ["a number of any length in Dial", steps("_9X.", `Dial(SIP/\${EXTEN:1})`), ["taint-dial:2"]],
    ["the same with !", steps("_X!", `Dial(SIP/\${EXTEN})`), ["taint-dial:2"]],
    ["a caller's name in a shell", steps("100", `System(echo \${CALLERID(name)})`), ["taint-shell:2"]],
    ["TrySystem, in any case of letters", steps("100", `TRYSYSTEM(log \${CALLERID(num)})`), ["taint-shell:2"]],
    ["SHELL() in Set", steps("100", `Set(X=\${SHELL(lookup \${CALLERID(num)})})`), ["taint-shell:2"]],
    [
      "a SIP header through two variables",
      steps("100", `Set(A=\${SIP_HEADER(X-To)})`, `Set(__B=x\${A})`, `Dial(SIP/\${B})`),
      ["taint-dial:4"],
    ],
    ["a PJSIP header", steps("100", `Dial(PJSIP/\${PJSIP_HEADER(read,X-To)})`), ["taint-dial:2"]],
    ["an ENUM answer", steps("_41XX", `Set(R=\${ENUMLOOKUP(+\${EXTEN},sip)})`, `Dial(SIP/\${R})`), ["taint-dial:3"]],
    [
      "an ENUM answer by ENUMRESULT",
      steps("_41XX", `Set(id=\${ENUMQUERY(\${EXTEN})})`, `Dial(SIP/\${ENUMRESULT(\${id},1)})`),
      ["taint-dial:3"],
    ],
    ["MSet", steps("100", `MSet(A=1,B=\${CALLERID(name)})`, `System(x \${B})`), ["taint-shell:3"]],
    ["ARRAY()", steps("100", `Set(ARRAY(A,B)=\${SIP_HEADER(X)})`, `Dial(SIP/\${B})`), ["taint-dial:3"]],
    ["CUT() of a variable", steps("100", `Set(A=\${SIP_HEADER(X)})`, `Dial(SIP/\${CUT(A,@,1)})`), ["taint-dial:3"]],
    [
      "CUT() of a function, within another",
      steps("100", `Dial(SIP/\${CUT(CUT(PJSIP_HEADER(read,To),@,1),:,2)})`),
      ["taint-dial:2"],
    ],
    ["IF()", steps("100", `Dial(SIP/\${IF($[1]?\${SIP_HEADER(X)}:a)})`), ["taint-dial:2"]],
    ["a nested variable", steps("100", `Dial(SIP/\${FILTER(0-9a-z&,\${SIP_HEADER(X)})})`), ["taint-dial:2"]],
    [
      "a filter that lets & through by a range",
      steps("100", `Dial(SIP/\${FILTER(!-z,\${SIP_HEADER(X)})})`),
      ["taint-dial:2"],
    ],
    [
      "a filter whose list comes from outside",
      steps("100", `Dial(SIP/\${FILTER(\${SIP_HEADER(Y)},\${SIP_HEADER(X)})})`),
      ["taint-dial:2"],
    ],
    ["Exec with a caller ID", steps("100", `Exec(\${CALLERID(name)})`), ["taint-application:2"]],
    ["ExecIf", steps("100", `ExecIf($[1]?System(x \${CALLERID(name)}))`), ["taint-shell:2"]],
    ["MixMonitor's command with ^{}", steps("100", "MixMonitor(a.wav,b,mail ^{CALLERID(name)})"), ["taint-shell:2"]],
    ["a recording's name", steps("100", `MixMonitor(\${CALLERID(name)}.wav)`), ["taint-file:2"]],
    ["FILE() that is written", steps("100", `Set(FILE(/tmp/\${CALLERID(num)})=x)`), ["taint-file:2"]],
    ["EVAL()", steps("100", `NoOp(\${EVAL(\${SIP_HEADER(X)})})`), ["taint-eval:2"]],
    ["CURL()", steps("100", `NoOp(\${CURL(http://h/\${CALLERID(num)})})`), ["taint-url:2"]],
    ["a context from outside", steps("100", `Goto(\${SIP_HEADER(X)},s,1)`), ["taint-goto:2"]],
  ])("%s", (_, text, expected) => {
    expect(dialplan(text)).toEqual(expected);
  });

  it("is not made clean by a comparison that proves nothing", () => {
    const text = steps("100", `GotoIf($["\${SIP_HEADER(X)}" != ""]?3)`, "Hangup()", `Dial(SIP/\${SIP_HEADER(X)})`);
    expect(dialplan(text)).toEqual(["taint-dial:4"]);
  });

  it("is followed through Gosub's arguments, Goto, includes and Macro", () => {
    expect(
      dialplan(
        `[phones]\nexten => _X.,1,Gosub(sub,s,1(a,SIP/\${EXTEN}))\n[sub]\nexten => s,1,Dial(\${ARG2})\n same => n,Return()`,
      ),
    ).toEqual(["taint-dial:4"]);
    expect(
      dialplan(`[phones]\nexten => _X.,1,Goto(out,\${EXTEN},1)\n[out]\nexten => _X.,1,Dial(SIP/\${EXTEN})`),
    ).toEqual(["taint-dial:4"]);
    expect(
      dialplan(`[phones]\ninclude => more,9:00-17:00,mon-fri,*,*\n[more]\nexten => _X.,1,Dial(SIP/\${EXTEN})`),
    ).toEqual(["taint-dial:4"]);
    expect(
      dialplan(`[phones]\nexten => _X.,1,Macro(out,\${EXTEN})\n[macro-out]\nexten => s,1,Dial(SIP/\${ARG1})`),
    ).toEqual(["taint-dial:4"]);
    expect(
      dialplan(`[phones]\nexten => _X.,1,Macro(out)\n[macro-out]\nexten => s,1,Dial(SIP/\${MACRO_EXTEN})`),
    ).toEqual(["taint-dial:4"]);
    expect(
      dialplan(
        `[phones]\nexten => 1,1,GosubIf($[1]?sub,s,1(\${SIP_HEADER(X)}):sub,s,1(a))\n[sub]\nexten => s,1,System(\${ARG1})`,
      ),
    ).toEqual(["taint-shell:4"]);
    expect(
      dialplan(`[phones]\nexten => 1,1,Dial(Local/\${SIP_HEADER(X)}@out/n)\n[out]\nexten => _.,1,System(\${EXTEN})`),
    ).toEqual(["taint-shell:4", "taint-dial:2"]);
  });

  it("is followed through what a subroutine sets and returns", () => {
    expect(
      dialplan(
        `[phones]\nexten => 1,1,Gosub(sub,s,1)\n same => n,Dial(SIP/\${R})\n[sub]\nexten => s,1,Set(R=\${SIP_HEADER(X)})\n same => n,Return()`,
      ),
    ).toEqual(["taint-dial:3"]);
    expect(
      dialplan(
        `[phones]\nexten => 1,1,Gosub(sub,s,1)\n same => n,Dial(SIP/\${GOSUB_RETVAL})\n[sub]\nexten => s,1,Return(\${SIP_HEADER(X)})`,
      ),
    ).toEqual(["taint-dial:3"]);
  });

  it("is followed through global variables and the database, from whichever call comes first", () => {
    expect(
      dialplan(`[phones]\nexten => 1,1,Dial(SIP/\${GLOBAL(G)})\nexten => 2,1,Set(GLOBAL(G)=\${SIP_HEADER(X)})`),
    ).toEqual(["taint-dial:2"]);
    expect(
      dialplan(`[phones]\nexten => 1,1,Dial(SIP/\${DB(fwd/1)})\nexten => 2,1,Set(DB(fwd/1)=\${SIP_HEADER(X)})`),
    ).toEqual(["taint-dial:2"]);
  });

  it("is found in a pattern that only goes on where another extension ended", () => {
    const text = `[phones]\nexten => 100,1,NoOp()\nexten => _X.,2,Dial(SIP/\${EXTEN})\nexten => _X.,3,Hangup()`;
    expect(dialplan(text)).toEqual(["taint-dial:3"]);
  });

  it("is followed into the extension h, and around loops", () => {
    expect(
      dialplan(`[phones]\nexten => 1,1,Set(A=\${SIP_HEADER(X)})\n same => n,Hangup()\nexten => h,1,System(x \${A})`),
    ).toEqual(["taint-shell:4"]);
    expect(
      dialplan(
        `[phones]\nexten => 1,1,While($[1])\n same => n,Dial(SIP/\${A})\n same => n,Set(A=\${SIP_HEADER(X)})\n same => n,EndWhile()`,
      ),
    ).toEqual(["taint-dial:3"]);
  });
});

describe("outside data that was cleaned", () => {
  it.each<[string, string]>([
    ["FILTER of digits", steps("_9XXX", `Dial(SIP/\${FILTER(0-9,\${SIP_HEADER(X)})})`)],
    ["FILTER with * and #, for Dial", steps("100", `Dial(SIP/\${FILTER(0-9*#,\${SIP_HEADER(X)})})`)],
    ["FILTER into a variable", steps("100", `Set(N=\${FILTER(0-9A-Za-z,\${CALLERID(name)})})`, `System(x \${N})`)],
    [
      "a caller ID that is overwritten",
      steps("100", `Set(CALLERID(num)=\${FILTER(0-9,\${CALLERID(num)})})`, `System(x \${CALLERID(num)})`),
    ],
    ["the same by its other name", steps("100", "Set(CALLERID(number)=1)", `System(x \${CALLERID(num)})`)],
    ["a pattern of fixed length", steps("_41XX", `Dial(SIP/\${EXTEN})`)],
    ["a pattern with a set", steps("_[1-4]X[05]", `System(x \${EXTEN:1})`)],
    ["a number by its name", steps("4100", `System(x \${EXTEN})`)],
    [
      "a comparison with the filtered text",
      steps(
        "_X.",
        `GotoIf($["\${FILTER(0-9,\${EXTEN})}" != "\${EXTEN}"]?bad)`,
        `Dial(SIP/\${EXTEN})`,
        "Hangup()",
        "NoOp()",
      ).replace("n,NoOp", "n(bad),NoOp"),
    ],
    [
      "the same the other way round",
      steps("_X.", `GotoIf($["\${EXTEN}"="\${FILTER(0-9,\${EXTEN})}"]?3)`, "Hangup()", `Dial(SIP/\${EXTEN})`),
    ],
    [
      "a regular expression",
      steps(
        "100",
        `GotoIf(\${REGEX("^[0-9]+$" \${SIP_HEADER(X)})}?ok)`,
        "Hangup()",
        `Dial(SIP/\${SIP_HEADER(X)})`,
      ).replace("n,Dial", "n(ok),Dial"),
    ],
    [
      "a regular expression as an expression",
      steps("100", `ExecIf($["\${SIP_HEADER(X)}" =~ "^[0-9]{4}$"]?Dial(SIP/\${SIP_HEADER(X)}))`),
    ],
    [
      "a negated regular expression",
      steps(
        "100",
        `GotoIf($[!\${REGEX("^[0-9]+$" \${CALLERID(num)})}]?bad)`,
        `System(x \${CALLERID(num)})`,
        "NoOp()",
      ).replace("n,NoOp", "n(bad),NoOp"),
    ],
    [
      "one of two refusals",
      steps(
        "100",
        `GotoIf($["\${A}"="" | "\${CALLERID(num)}"!="100"]?bad)`,
        `System(x \${CALLERID(num)})`,
        "NoOp()",
      ).replace("n,NoOp", "n(bad),NoOp"),
    ],
    ["a comparison with a text", steps("100", `ExecIf($["\${SIP_HEADER(X)}"="yes"]?System(x \${SIP_HEADER(X)}))`)],
    ["a length", steps("100", `System(x \${LEN(\${CALLERID(name)})})`)],
    ["a hash", steps("100", `System(x \${MD5(\${CALLERID(name)})})`)],
    ["a sum", steps("100", `System(x $[\${CALLERID(num)} + 1])`)],
    ["a status", steps("100", "Dial(SIP/k7wq-kitchen)", `Goto(s-\${DIALSTATUS},1)`)],
    ["what is only logged", steps("_X.", `NoOp(\${EXTEN} \${CALLERID(all)})`, `Verbose(1,\${SIP_HEADER(X)})`)],
    ["digits that are pressed", steps("100", "Read(D,prompt)", `Dial(SIP/\${D})`)],
    ["a variable that is set again", steps("100", `Set(A=\${SIP_HEADER(X)})`, "Set(A=1)", `System(x \${A})`)],
    [
      "Gosub with filtered arguments",
      `[phones]\nexten => _X.,1,Gosub(sub,s,1(\${FILTER(0-9,\${EXTEN})}))\n[sub]\nexten => s,1,System(x \${ARG1})\n same => n,Return()`,
    ],
    [
      "Goto with a filtered number",
      `[phones]\nexten => _X.,1,Goto(out,\${FILTER(0-9,\${EXTEN})},1)\n[out]\nexten => _X.,1,Dial(SIP/\${EXTEN})`,
    ],
    [
      "Goto from a pattern of fixed length",
      `[phones]\nexten => _41XX,1,Goto(out,00\${EXTEN:1},1)\n[out]\nexten => _X.,1,Dial(SIP/t/\${EXTEN})`,
    ],
    [
      "a subroutine that filters",
      `[phones]\nexten => 1,1,Gosub(clean,s,1)\n same => n,System(x \${CALLERID(num)})\n[clean]\nexten => s,1,Set(CALLERID(num)=\${FILTER(0-9,\${CALLERID(num)})})\n same => n,Return()`,
    ],
    [
      "one caller of a subroutine among others",
      `[phones]\nexten => 1,1,Gosub(put,s,1(\${SIP_HEADER(X)}))\n same => n,NoOp(\${R})\nexten => 2,1,Gosub(put,s,1(7))\n same => n,System(x \${R})\n[put]\nexten => s,1,Set(R=\${ARG1})\n same => n,Return()`,
    ],
    [
      "one way of two that never meets the other",
      `[phones]\nexten => 1,1,Goto(out,41,1)\nexten => _2X.,1,Goto(out,\${EXTEN},1)\n[out]\nexten => _4X,1,System(x \${EXTEN})\nexten => _2X.,1,Hangup()`,
    ],
  ])("%s is no finding", (_, text) => {
    expect(dialplan(text)).toEqual([]);
  });

  it("but not on the way where the comparison failed", () => {
    const text = steps(
      "_X.",
      `GotoIf($["\${FILTER(0-9,\${EXTEN})}" = "\${EXTEN}"]?4)`,
      `Dial(SIP/\${EXTEN})`,
      "Hangup()",
      `Dial(SIP/\${EXTEN})`,
    );
    expect(dialplan(text)).toEqual(["taint-dial:3"]);
  });

  it("but not by a regular expression that is open at an end, or has a dot", () => {
    for (const pattern of ["^[0-9]+", "[0-9]+$", "^[0-9].*$", "^[^a]+$", "^1$|2"]) {
      const text = steps("100", `ExecIf($["\${SIP_HEADER(X)}" =~ "${pattern}"]?Dial(SIP/\${SIP_HEADER(X)}))`);
      expect(dialplan(text), pattern).toEqual(["taint-dial:2"]);
    }
  });

  it("but FILTER with a slash is not clean enough for a file, and with a blank not for a shell", () => {
    expect(dialplan(steps("100", `Record(/var/\${FILTER(0-9/,\${CALLERID(num)})})`))).toEqual(["taint-file:2"]);
    expect(dialplan(steps("100", `System(x \${FILTER(0-9 ,\${CALLERID(num)})})`))).toEqual(["taint-shell:2"]);
  });
});

describe("a pattern without end", () => {
  it("is worse the fewer people it takes to use it", () => {
    const out = (context: string) => `[${context}]\nexten => _X.,1,Dial(SIP/trunk/\${FILTER(0-9,\${EXTEN})})\n`;
    const found = (context: string, sip = SAFE_SIP) =>
      foundIn({ "sip.conf": sip, "extensions.conf": out(context) }).filter((one) => one.includes("open-pattern"));
    expect(found("block-caller", SAFE_SIP.replace("allowguest=no", "allowguest=yes"))).toEqual([
      "critical open-pattern-trunk extensions.conf:2",
    ]);
    expect(found("from-trunk")).toEqual(["high open-pattern-trunk extensions.conf:2"]);
    expect(found("phones")).toEqual(["medium open-pattern-trunk extensions.conf:2"]);
    expect(found("elsewhere")).toEqual(["low open-pattern-trunk extensions.conf:2"]);
  });

  it.each([
    [
      "through a global variable",
      `[globals]\nOUT=DAHDI/g1\n[phones]\nexten => _9.,1,Dial(\${OUT}/\${FILTER(0-9,\${EXTEN:1})})`,
      ["open-pattern-trunk:4"],
    ],
    ["by number@trunk", steps("_9.", `Dial(PJSIP/\${FILTER(0-9,\${EXTEN:1})}@trunk)`), ["open-pattern-trunk:2"]],
    ["not to a telephone", steps("_9.", `Dial(SIP/\${FILTER(0-9,\${EXTEN:1})}@k7wq-kitchen)`), []],
    ["not when it is cut to a length", steps("_9.", `Dial(SIP/trunk/\${FILTER(0-9,\${EXTEN:1:4})})`), []],
    [
      "not when a regular expression bounds it",
      steps("_X.", `ExecIf($["\${EXTEN}" =~ "^4[0-9]{3}$"]?Dial(SIP/trunk/\${EXTEN}))`),
      [],
    ],
    ["not with a pattern of fixed length", steps("_9XXXX", `Dial(SIP/trunk/\${EXTEN:1})`), []],
  ])("%s", (_, text, expected) => {
    expect(dialplan(text)).toEqual(expected);
  });
});

describe("transfers by keys", () => {
  it("are a finding with T, and with t when a stranger is called", () => {
    expect(dialplan("[from-trunk]\nexten => 1,1,Dial(SIP/k7wq-kitchen,20,T)")).toEqual(["dial-transfer:2"]);
    expect(dialplan("[phones]\nexten => 1,1,Dial(SIP/trunk/4100,20,t)")).toEqual(["dial-transfer:2"]);
    expect(dialplan("[phones]\nexten => 1,1,Dial(SIP/k7wq-kitchen,20,tU(sub^T)g)")).toEqual([]);
  });
});
