import { describe, expect, it } from "vitest";
import { configSchema } from "../config/schema.ts";
import { buildDialplan } from "./dialplan.ts";
import { buildModel, placeOf } from "./model.ts";
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

  it("lets out to a trunk only what the number plan lists for it, by its own name or its group's", () => {
    const trunk = { server: "192.0.2.1", password: "x" };
    const config = configSchema.parse({
      lines: [{ name: "one" }, { name: "ext", type: "subscriber", hotline: { trunk: "b", number: "4001" } }],
      trunks: [
        { ...trunk, name: "a", username: "1" },
        { ...trunk, name: "b", username: "2" },
      ],
      numberPlan: {
        fromPax: [
          { dial: "4[1-3]XX", trunk: "event" },
          { dial: "8ZXX", trunk: "a", strip: 1, prefix: "70" },
          { dial: "01", trunk: "b", number: "4123" },
          { dial: "02", service: "echo" },
        ],
      },
    });
    const model = buildModel(config, {
      directories: exampleModel().directories,
      noAnswerMs: 30_500,
      httpPort: 1,
      managerPort: 2,
      secrets: {
        trunks: new Map([
          ["a", "x"],
          ["b", "x"],
        ]),
        accounts: new Map(),
        ari: "x",
        manager: "x",
        securityEvents: "x",
      },
    });
    expect(model.dialTimeoutS).toBe(41);
    const reached = (context: string) => [...(buildDialplan(model).get(context)?.keys() ?? [])];
    expect(reached("to-trunk-a")).toEqual(["_4[1-3]XX", "_70ZXX"]);
    expect(reached("to-trunk-b")).toEqual(["_4[1-3]XX", "4123", "4001"]);
  });

  it("gives up whatever it dials a little after the supervisor would have", () => {
    const dials = [...dialplan.values()].flatMap((extensions) =>
      [...extensions.values()].flat().filter((step) => step.application === "Dial"),
    );
    expect(dials.length).toBeGreaterThan(4);
    for (const { argument } of dials) expect(argument).toMatch(/,130,g$/);
  });

  it("has a place for every destination", () => {
    const places = [
      placeOf({ kind: "trunk", trunk: "event", number: "4123" }),
      placeOf({ kind: "trunk", trunk: "event", number: "999" }),
      placeOf({ kind: "account", account: "kitchen" }),
      placeOf({ kind: "service", service: "echo" }),
      placeOf({ kind: "service", service: "clock" }),
      placeOf({ kind: "service", service: "milliwatt" }),
    ];
    for (const { context, extension } of places) {
      const extensions = [...(dialplan.get(context)?.keys() ?? [])];
      expect(extensions.some((each) => each === extension || each === extension.replace(/^4.{3}$/, "_4XXX"))).toBe(
        true,
      );
    }
  });
});
