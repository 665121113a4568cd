import { describe, expect, it } from "vitest";
import { silentLog } from "../../base/log.ts";
import { VirtualClock } from "../../base/virtual-clock.ts";
import { FleetService } from "../../status/fleet-service.ts";
import { FakeLink } from "../../status/publisher-fake-link.ts";
import { StatusService } from "../../status/service.ts";
import { quietParts } from "../../status/test-parts.ts";
import type { BrokerState, SiteMessage } from "../../status/types.ts";
import { SiteFeed } from "./feed.ts";

const NOON = new Date(2026, 6, 16, 12).getTime();

/** Its broker knows no wildcard within a topic. */
class FleetLink extends FakeLink {
  override subscribe(filter: string): void {
    super.subscribe(filter.replace(/\+.*$/, "#"));
  }
}

/** Our own status and a broker with another site's. */
async function rig(withBroker: boolean) {
  const clock = new VirtualClock();
  const unixMs = () => NOON + clock.now();
  const status = new StatusService({
    site: "camp",
    sources: { read: (part) => quietParts[part] },
    counts: { read: async () => null, write: async () => undefined },
    clock,
    wallClock: unixMs,
    log: silentLog,
  });
  const link = new FleetLink();
  const fleet = new FleetService({ base: "paxgate", ownSite: "camp", heartbeatMs: 30_000, clock, unixMs }, link);
  const signal = new AbortController().signal;
  await status.start(signal);
  await fleet.start(signal);
  link.connect();
  clock.advance(1_000);
  // Every part is read once.
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
  const feed = withBroker ? new SiteFeed(status, fleet, link) : new SiteFeed(status, null, null);
  const heard: SiteMessage[] = [];
  const dispose = feed.onMessage((message) => heard.push(message));
  return { status, fleet, link, feed, heard, dispose };
}

const digit = { atMs: 1, digit: 5, reason: null, ips: 10, breakPercent: 66 };

describe("what the page is fed with", () => {
  it("is our own status first, then the other sites', each with its site", async () => {
    const { feed, link, heard } = await rig(true);
    const heartbeat = JSON.stringify({ atMs: NOON });
    link.comes("paxgate/north/availability", "online", true);
    link.comes("paxgate/north/heartbeat", heartbeat, true);
    expect(heard.map(({ site }) => site)).toContain("north");
    const snapshot = feed.snapshot();
    expect(snapshot[0]?.site).toBe("camp");
    expect(snapshot.find(({ topic, site }) => topic === "gateway" && site === "camp")?.payload).toEqual(
      quietParts.gateway,
    );
    const sites = snapshot.map(({ site }) => site);
    expect(sites.lastIndexOf("camp")).toBeLessThan(sites.indexOf("north"));
  });

  it("has our own status also while the broker is away, and ours is not taken from the broker", async () => {
    const { feed, link, status, heard } = await rig(true);
    link.comes("paxgate/camp/gateway", JSON.stringify({ ...quietParts.gateway, name: "an impostor" }), true);
    expect(JSON.stringify([heard, feed.snapshot()])).not.toContain("impostor");
    link.disconnect();
    status.event("lines/tie-1/digit", digit);
    expect(heard.at(-1)).toMatchObject({ site: "camp", topic: "lines/tie-1/digit", payload: digit });
  });

  it("ends with its subscription, for both", async () => {
    const { dispose, status, link, heard } = await rig(true);
    dispose();
    status.event("lines/tie-1/digit", digit);
    link.comes("paxgate/north/heartbeat", JSON.stringify({ atMs: NOON }), true);
    expect(heard).toEqual([]);
  });

  it("tells how the broker stands, and is not stale where there is none", async () => {
    const { feed, link } = await rig(true);
    const states: BrokerState[] = [];
    const dispose = feed.onBroker((state) => states.push(state));
    link.disconnect();
    expect([feed.broker().connected, states.map(({ connected }) => connected)]).toEqual([false, [false]]);
    dispose();
    link.connect();
    expect(states.length).toBe(1);
    const without = await rig(false);
    expect(without.feed.broker()).toMatchObject({ connected: true, fault: null });
    without.feed.onBroker(() => expect.fail("nothing changes"))();
    expect(without.feed.snapshot().every(({ site }) => site === "camp")).toBe(true);
    expect(without.feed.history().stepMs).toBe(60_000);
  });
});
