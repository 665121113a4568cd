import { describe, expect, it } from "vitest";
import { buildDialplan } from "./dialplan.ts";
import { placeOf } from "./model.ts";
import { exampleModel } from "./test-model.ts";

describe("the dialplan", () => {
  const dialplan = buildDialplan(exampleModel());

  it("has no extension that a stranger could call by name", () => {
    for (const [context, extensions] of dialplan) {
      if (!context.startsWith("from-")) continue;
      for (const extension of extensions.keys()) expect(extension).toMatch(/^(?:[0-9]+|_[0-9XZN[\]-]+)$/);
    }
    expect(dialplan.get("block-caller")?.size).toBe(0);
  });

  it("leases every incoming call before the supervisor takes it, and ends in congestion when nobody does", () => {
    for (const extension of ["4100", "_41XX"]) {
      const steps = dialplan.get("from-trunk-event")?.get(extension) ?? [];
      const applications = steps.map((step) => step.application);
      expect(applications).toEqual(["GotoIf", "Hangup", "Set", "Set", "Set", "Stasis", "Hangup"]);
      expect(steps[4]?.argument).toBe("TIMEOUT(absolute)=15");
      expect(steps[5]?.argument).toMatch(/^paxgate,incoming,trunk,event,\$\{FILTER\(0-9,\$\{EXTEN\}\)\}$/);
      expect(steps[6]?.argument).toBe("34");
    }
  });

  it("uses nothing from outside unfiltered", () => {
    for (const extensions of dialplan.values()) {
      for (const step of [...extensions.values()].flat()) {
        const raw = step.argument.replace(/\$\{FILTER\([^,]*,\$\{[A-Z]+(?:\(num\))?\}\)\}/g, "filtered");
        // Only the comparison may see the called number as it came, and it decides nothing but equality.
        if (step.application === "GotoIf") expect(raw).toBe(`$["filtered"="$${"{EXTEN}"}"]?3`);
        else expect(raw).not.toContain("$");
      }
    }
  });

  it("has a place for every destination", () => {
    const places = [
      placeOf({ kind: "trunk", trunk: "event", number: "1234" }),
      placeOf({ kind: "account", account: "kitchen" }),
      placeOf({ kind: "service", service: "echo" }),
      placeOf({ kind: "service", service: "clock" }),
      placeOf({ kind: "service", service: "milliwatt" }),
    ];
    for (const { context, extension } of places) {
      const extensions = [...(dialplan.get(context)?.keys() ?? [])];
      expect(extensions.some((each) => each === extension || each === `_${"X".repeat(extension.length)}`)).toBe(true);
    }
  });
});
