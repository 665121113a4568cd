import { describe, expect, it } from "vitest";
import { sourceOf } from "./input-source.ts";

const lines = [{ name: "pax1" }, { name: "ext1", extension: "59" }];

describe("what an input of the simulated exchange follows", () => {
  it.each([
    ["pax1", { type: "engaged", circuit: "pax1" }],
    ["pax1-busy", { type: "engaged", circuit: "pax1" }],
    ["ext1", { type: "engaged", circuit: "59" }],
    ["telephone-23-busy", { type: "engaged", circuit: "23" }],
    ["register-2", { type: "registers", atLeast: 2 }],
    ["registers", { type: "registers", atLeast: 1 }],
    ["register-in-use", { type: "registers", atLeast: 1 }],
    ["selector-3-busy", { type: "links", atLeast: 3 }],
    ["link", { type: "links", atLeast: 1 }],
    ["fuse-alarm", { type: "power-fail" }],
    ["congestion", { type: "congestion" }],
    ["ringing", { type: "ringing" }],
  ])("is told by its name: %s", (name, source) => {
    expect(sourceOf(name, lines)).toEqual(source);
  });

  it.each(["night-service", "register-door", "pax2", "telephone", "battery"])("is nothing for %s", (name) => {
    expect(sourceOf(name, lines)).toBeNull();
  });
});
