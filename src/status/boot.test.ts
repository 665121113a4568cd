import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bootAlerts, bootStatus } from "./boot.ts";
import { alertSchema } from "./schema.ts";

const texts = (problem: string | null) => ({ slot: "a\n", trial: "no\n", problem });
const problemsOf = (problem: string | null) => bootStatus(texts(problem)).problems;

describe("which system runs", () => {
  it.each([
    ["a\n", "no\n", { slot: "a", trial: false }],
    ["b\n", "yes\n", { slot: "b", trial: true }],
    // While it is being written, at the end of a trial.
    ["b\n", "", { slot: "b", trial: false }],
    ["b\n", null, { slot: "b", trial: false }],
    ["c\n", "yes\n", null],
    ["", "yes\n", null],
    [null, null, null],
  ])("is told of %j and %j", (slot, trial, system) => {
    expect(bootStatus({ slot, trial, problem: null })).toEqual({ system, problems: [] });
  });
});

describe("what was wrong at the start", () => {
  it("is nothing without a file, or with an empty one", () => {
    expect([null, "", "\n \n"].map(problemsOf)).toEqual([[], [], []]);
  });

  it("is a line each, wherever the file was written", () => {
    expect(problemsOf("one\r\n\r\n  two \nthree")).toEqual(["one", "two", "three"]);
  });

  it("is at most eight lines, and that there are more", () => {
    const lines = Array.from({ length: 9 }, (_, at) => `line ${at + 1}`);
    expect(problemsOf(lines.slice(0, 8).join("\n"))).toEqual(lines.slice(0, 8));
    expect(problemsOf(lines.join("\n"))).toEqual([...lines.slice(0, 8), "more than that was wrong at the start"]);
  });

  it("holds nothing that a screen or a broker would take for something else", () => {
    expect(problemsOf("\u001b[2Jred\u0000 \u202egnp.exe\u2028<b>")).toEqual(["[2Jred gnp.exe <b>"]);
    // A character of two units is not cut in half.
    expect(problemsOf("😀".repeat(300))).toEqual(["😀".repeat(200)]);
  });

  it("fits a topic and the page, whatever the file says", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 3_000 }), (problem) => {
        const alerts = bootAlerts(problemsOf(problem));
        expect(alerts.length).toBeLessThanOrEqual(9);
        for (const alert of alerts) {
          expect(alertSchema.parse({ ...alert, sinceMs: 0 })).toMatchObject(alert);
          expect(alert.text).not.toMatch(/\p{C}|\p{Zl}|\p{Zp}/u);
        }
      }),
    );
  });
});

describe("the alerts", () => {
  it("are errors with a remedy, and an update that fell back is a warning with its own", () => {
    const lost = "the card takes no data: everything is kept in RAM and lost at the next start; replace it";
    const update = "system b did not become ready for calls: the other system runs again";
    expect(bootAlerts([lost, update])).toEqual([
      {
        alert: "boot-1",
        severity: "error",
        source: "boot",
        text: `${lost} (see BOOT-PROBLEM.txt and README.txt on the card, or "journalctl -k")`,
      },
      {
        alert: "boot-2",
        severity: "warning",
        source: "boot",
        text: `the update failed: ${update} (see UPDATE-FAILED.txt on the card and "rauc status"; the next update clears it)`,
      },
    ]);
  });
});
