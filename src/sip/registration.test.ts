import { describe, expect, it } from "vitest";
import {
  parseRegistry,
  type Registration,
  registrationStates,
  registrationStep,
  unregistered,
} from "./registration.ts";
import { exampleTrunk } from "./test-model.ts";

/** As Asterisk 16.28 prints it. */
const registry = (...rows: [host: string, username: string, state: string][]): string[] => [
  "Host                                    dnsmgr Username       Refresh State                Reg.Time                 ",
  ...rows.map(
    ([host, username, state]) =>
      `${host.slice(0, 39).padEnd(39)} N      ${username.slice(0, 12).padEnd(12)}       285 ${state.padEnd(20)} Sun, 22 Nov 2026 13:01:03`,
  ),
  `${rows.length} SIP registrations.`,
];

describe("the table of registrations", () => {
  it("is read row by row", () => {
    const printed = [
      "127.0.0.1:46095                         N      4101               285 Registered           Sun, 22 Nov 2026 13:01:03",
      "sip.example.org:5060                    N      4100                20 No Authentication                             ",
    ];
    expect(parseRegistry([...registry(), ...printed])).toEqual([
      { host: "127.0.0.1:46095", username: "4101", state: "Registered" },
      { host: "sip.example.org:5060", username: "4100", state: "No Authentication" },
    ]);
  });

  it("is matched with the trunks, however long their names are; those that do not register are left out", () => {
    const server = "a-server-with-a-long-name.event.example.org";
    const trunks = [
      { ...exampleTrunk, name: "one", server, port: 5060, username: "gateway-number-1", register: true },
      { ...exampleTrunk, name: "two", server, port: 5060, username: "gateway-number-2", register: true },
      { ...exampleTrunk, name: "three", server: "10.0.0.1", port: 5070, username: "4100", register: true },
      { ...exampleTrunk, name: "four", server: "10.0.0.1", port: 5070, username: "4101", register: false },
    ];
    const rows = parseRegistry(
      registry(
        [`${server}:5060`, "gateway-number-1", "Registered"],
        [`${server}:5060`, "gateway-number-2", "Rejected"],
      ),
    );
    expect(Object.fromEntries(registrationStates(trunks, rows))).toEqual({
      one: "Registered",
      two: "Rejected",
      three: "missing",
    });
  });
});

describe("a registration", () => {
  function looks(...seen: [state: string, atMs: number][]): [registered: boolean, report: boolean][] {
    let now: Registration = unregistered;
    return seen.map(([state, atMs]) => {
      const { next, report } = registrationStep(now, state, atMs);
      now = next;
      return [next.registered, report];
    });
  }

  it("is told once when it is there, and once when it is refused", () => {
    expect(
      looks(
        ["Request Sent", 0],
        ["Registered", 50],
        ["Registered", 30_000],
        ["Rejected", 60_000],
        ["Rejected", 61_000],
      ),
    ).toEqual([
      [false, false],
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ]);
  });

  it("holds while it is renewed, and is lost when that takes ten seconds", () => {
    expect(looks(["Registered", 0], ["Auth. Sent", 1_000], ["Request Sent", 10_999], ["Request Sent", 11_000])).toEqual(
      [
        [true, true],
        [true, false],
        [true, false],
        [false, true],
      ],
    );
  });

  it("that never comes is told after ten seconds, and when it comes at last", () => {
    expect(looks(["Request Sent", 0], ["Request Sent", 10_000], ["Registered", 11_000])).toEqual([
      [false, false],
      [false, true],
      [true, true],
    ]);
  });
});
