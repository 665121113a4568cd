import { describe, expect, it } from "vitest";
import { CallLog, type Report, safeNumber } from "./call-log.ts";
import { StatusCounts } from "./counts.ts";
import { DayCounts } from "./day-counts.ts";
import { specOf } from "./topics.ts";

const NOW = Date.UTC(2026, 6, 16, 12);

function rig() {
  const log = new CallLog(new StatusCounts(new DayCounts(() => "2026-07-16")));
  const report = (one: Report, atMs = NOW) => {
    const event = log.report(one, atMs);
    if (event !== null) expect(specOf("calls/event")?.schema.parse(event)).toEqual(event);
    const status = log.status();
    expect(specOf("calls")?.schema.parse(status)).toEqual(status);
    return event;
  };
  return { log, report };
}

const fromPax = (call: string, line = "tie-1"): Report => ({
  type: "begun",
  call,
  direction: "from-pax",
  line,
  number: "",
  caller: "",
});
const toPax = (call: string, number = "21", caller = "4100"): Report => ({
  type: "begun",
  call,
  direction: "to-pax",
  line: null,
  number,
  caller,
});

describe("the log of calls", () => {
  it("follows a call from the PAX from its seizure to its end", () => {
    const { log, report } = rig();
    expect(report(fromPax("call-1"))?.call).toMatchObject({ phase: "dialling", line: "tie-1", number: "" });
    log.digit("tie-1", 8);
    log.digit("tie-1", 0);
    log.digit("tie-2", 9);
    expect([log.digitsOn("tie-1"), log.callOn("tie-1"), log.callOn("tie-2")]).toEqual(["80", "call-1", null]);
    const target = { kind: "trunk", trunk: "emf" } as const;
    expect(report({ type: "placed", call: "call-1", target })?.call).toMatchObject({ phase: "calling", via: "emf" });
    report({ type: "answered", call: "call-1" }, NOW + 5_000);
    expect(log.callsToday("tie-1")).toEqual({ fromPax: 1, toPax: 0, answered: 1 });
    const event = report({ type: "ended", call: "call-1", reason: "the caller cleared" }, NOW + 9_000.4);
    expect(event).toEqual({
      type: "ended",
      atMs: NOW + 9_000,
      call: {
        call: "call-1",
        direction: "from-pax",
        line: "tie-1",
        number: "80",
        caller: "",
        via: "emf",
        phase: "ended",
        begunMs: NOW,
        answeredMs: NOW + 5_000,
        endedMs: NOW + 9_000,
        reason: "the caller cleared",
      },
    });
    expect(log.status()).toEqual({
      active: [],
      recent: [event?.call],
      today: { fromPax: 1, toPax: 0, answered: 1, refused: 0 },
    });
    expect([log.digitsOn("tie-1"), log.callOn("tie-1")]).toEqual(["", null]);
  });

  it.each([
    [{ kind: "account", account: "desk" }, "desk"],
    [{ kind: "service", service: "echo" }, "echo"],
  ] as const)("says by which way a call goes: %j", (target, via) => {
    const { report } = rig();
    report(fromPax("call-1"));
    expect(report({ type: "placed", call: "call-1", target })?.call.via).toBe(via);
  });

  it("follows a call to the PAX, whose line is known later", () => {
    const { log, report } = rig();
    report(toPax("call-1"));
    expect(log.know({ call: "call-1", line: "tie-2", via: "emf" })).toBe(true);
    expect(log.know({ call: "call-1", line: "tie-2", via: "emf" })).toBe(false);
    log.digit("tie-2", 5);
    expect(log.digitsOn("tie-2")).toBe("");
    report({ type: "ended", call: "call-1", reason: "no answer" });
    expect(log.callsToday("tie-2")).toEqual({ fromPax: 0, toPax: 1, answered: 0 });
    expect(log.status().recent[0]).toMatchObject({ line: "tie-2", via: "emf", number: "21", caller: "4100" });
  });

  it("takes what becomes known of a call that is over", () => {
    const { log, report } = rig();
    report(fromPax("call-1"));
    report({ type: "ended", call: "call-1", reason: "unknown number" });
    expect(log.know({ call: "call-1", number: "99" })).toBe(true);
    expect(log.status().recent[0]?.number).toBe("99");
  });

  it("ignores what is said of a call that it does not know", () => {
    const { log, report } = rig();
    expect(report({ type: "answered", call: "call-9" })).toBeNull();
    expect(report({ type: "ended", call: "call-9", reason: "x" })).toBeNull();
    expect(report({ type: "placed", call: "call-9", target: { kind: "service", service: "echo" } })).toBeNull();
    expect(log.know({ call: "call-9", line: "tie-1" })).toBe(false);
    expect(log.status().today).toEqual({ fromPax: 0, toPax: 0, answered: 0, refused: 0 });
  });

  it("shows at most 20 calls that are over, and of refused ones 5, so that a stranger hides nothing", () => {
    const { log, report } = rig();
    for (let at = 0; at < 30; at++) {
      report(fromPax(`call-${at}`));
      report({ type: "ended", call: `call-${at}`, reason: "over" });
    }
    for (let at = 0; at < 1_000; at++) {
      report({ type: "refused", number: `${at}`, caller: "x", reason: "unobtainable" });
    }
    const { recent, today } = log.status();
    expect(recent).toHaveLength(20);
    expect(recent.slice(0, 5).map(({ number, phase }) => `${number} ${phase}`)).toEqual([
      "999 refused",
      "998 refused",
      "997 refused",
      "996 refused",
      "995 refused",
    ]);
    expect(recent[5]?.call).toBe("call-29");
    expect(today).toEqual({ fromPax: 30, toPax: 0, answered: 0, refused: 1_000 });
  });

  it("is bounded though no end is ever reported", () => {
    const { log, report } = rig();
    for (let at = 0; at < 200; at++) report(toPax(`call-${at}`));
    expect(log.status().active).toHaveLength(64);
    expect(log.status().today.toPax).toBe(200);
  });

  it("ends what the calls room no longer knows of", () => {
    const { log, report } = rig();
    report(fromPax("call-1"));
    report(fromPax("call-2", "tie-2"));
    log.keepOnly(["call-2", "call-3"], NOW + 1);
    expect(log.status().active.map(({ call }) => call)).toEqual(["call-2"]);
    expect(log.status().recent[0]).toMatchObject({ call: "call-1", phase: "ended", endedMs: NOW + 1 });
  });

  it("cleans what strangers send", () => {
    const { log, report } = rig();
    const evil = `<script>\u0000"';--%0d%0a+44 (20) 7946${"9".repeat(5_000)}`;
    report(toPax("call-1", evil, evil));
    report({ type: "refused", number: evil, caller: evil, reason: `\u001b[31m${"r".repeat(3_000)}` });
    for (const { number, caller, reason } of [...log.status().active, ...log.status().recent]) {
      expect(number).toMatch(/^[0-9A-Za-z+*#._-]{64}$/);
      expect(caller).toBe(number);
      expect(reason ?? "").not.toMatch(/\p{Cc}/u);
    }
    expect(safeNumber("*21#")).toBe("*21#");
    expect(safeNumber("ＡＢ１２")).toBe("");
  });
});
