import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { literals } from "../../src/firewall/model.ts";
import type { RulesService } from "../../src/firewall/rules-service.ts";
import type { Lab } from "./support/lab.ts";
import { fresh, gatewayAt, ipv4Number, RTP, RulesRig, SIP, type Version } from "./support/rules-rig.ts";

/** The rules for SIP and audio in a real kernel, with packets really sent: what of each class of source arrives. */

let rig: RulesRig;
let lab: Lab;
let service: RulesService;
beforeAll(async () => {
  rig = await RulesRig.create();
  lab = rig.lab;
});
afterAll(() => rig?.remove());
beforeEach(() => rig.clear());
afterEach(() => rig.stop());

const guarded: RulesRig["guarded"] = async (...given) => {
  service = await rig.guarded(...given);
  return service;
};
const arrive: RulesRig["arrive"] = (...given) => rig.arrive(...given);

const request = (method: string) => `${method} sip:100@198.51.100.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.42.0.1\r\n\r\n`;
const all = ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE", "BYE", "ACK", "register", "invite"].map(request);
const versions: Version[] = [4, 6];

describe.each(versions)("SIP over UDP, IPv%i", (v) => {
  it("from a source on no list: nothing arrives in mode allowlist, of any method, not in fragments either", async () => {
    await guarded();
    const source = fresh("outside", v);
    expect(await arrive(source, [...all, "SIP/2.0 200 OK\r\n", "\r\n\r\n", `${all[0]}${"x".repeat(4000)}`])).toBe(0);
    expect((await service.counters()).get("outside")?.packets).toBeGreaterThanOrEqual(11);
  });

  it.each(["allowlist", "open"] as const)(
    "from a stranger in mode %s: as many requests as the burst, of each method",
    async (mode) => {
      await guarded({ firewall: { mode } });
      const from = () => fresh(mode === "open" ? "outside" : "event", v);
      for (const method of ["REGISTER", "INVITE"]) {
        expect(await arrive(from(), [request(method)], { times: 200 })).toBe(4);
      }
      for (const method of [
        "OPTIONS",
        "SUBSCRIBE",
        "MESSAGE",
        "NOTIFY",
        "register",
        "invite",
        " REGISTER",
        "\r\nREGISTER",
        "REGISTER\t",
      ]) {
        expect(await arrive(from(), [request(method)], { times: 20 }), method).toBe(0);
      }
      const large = `${request("REGISTER").trimEnd()}\r\nX: ${"x".repeat(4000)}\r\n\r\n`;
      expect(await arrive(from(), [large], { times: 20 })).toBe(4);
    },
  );

  it("from a stranger over its budget: nothing at all until the limit's time is over", async () => {
    await guarded();
    const source = fresh("event", v);
    expect(await arrive(source, [request("REGISTER")], { times: 5 })).toBe(4);
    expect(await arrive(source, [request("INVITE"), request("ACK"), "SIP/2.0 200 OK\r\n"])).toBe(0);
    const limited = await service.limited();
    expect(limited.map((one) => one.source)).toContain(v === 4 ? source : source.replace("::7", "::/64"));
    await service.release(v === 4 ? source : source.replace("::7", "::/64"));
    expect(await arrive(source, [request("REGISTER")], { times: 5 })).toBe(4);
  });

  it("follow-ups and keep-alives pass once we have answered, and not before", async () => {
    await guarded();
    const source = fresh("event", v);
    const follow = [request("ACK"), request("BYE"), request("CANCEL"), "SIP/2.0 200 OK\r\n", "\r\n\r\n"];
    expect(await arrive(source, follow)).toBe(0);
    expect(await arrive(source, [request("INVITE")])).toBe(1);
    expect(await arrive(source, follow)).toBe(5);
  });

  it("from the trunk and from registered phones: never limited but for new calls", async () => {
    const phone = fresh("outside", v);
    await guarded({}, { registered: literals([phone]) });
    for (const [source, host] of [
      [v === 4 ? "198.51.100.10" : "2001:db8:1::10", lab.trunk],
      [phone, lab.outside],
    ] as const) {
      expect(await arrive(source, ["OPTIONS", "SUBSCRIBE"].map(request), { host, times: 100 })).toBe(200);
      const registers = await arrive(source, [request("REGISTER")], { host, times: 100 });
      // Whoever has one account could guess at the others.
      if (source !== phone) expect(registers).toBe(100);
      else expect([registers >= 60, registers <= 66]).toEqual([true, true]);
      // Whatever chan_sip may take for an INVITE is one.
      const calls = await arrive(source, ["INVITE", "inVite", " INVITE", "register"].map(request), { host, times: 50 });
      expect(calls).toBeGreaterThanOrEqual(20);
      expect(calls).toBeLessThanOrEqual(23);
    }
    expect(await service.limited()).toEqual([]);
  });

  it("from banned and blocked sources: nothing, unless they are trusted as well", async () => {
    const [banned, blocked, inNetwork] = [fresh("event", v), fresh("event", v), fresh("event", v)];
    const numbers = v === 4 ? ipv4Number(blocked) : 0;
    const change = {
      blocked: {
        addresses4: Uint32Array.from(v === 4 ? [numbers] : []),
        addresses6: v === 6 ? [blocked] : [],
        networks: v === 4 ? [`${inNetwork}/32`, "0.0.0.0/7"] : [inNetwork.replace("::7", "::/64")],
      },
    };
    await guarded({}, change);
    await service.ban(v === 4 ? banned : banned.replace("::7", "::/64"), 60);
    for (const source of [banned, blocked, inNetwork]) expect(await arrive(source, all), source).toBe(0);
    expect(await arrive(fresh("event", v), [request("REGISTER")])).toBe(1);
    await service.update({ lists: { ...service.state.lists, operators: literals([banned, blocked, inNetwork]) } });
    for (const source of [banned, blocked, inNetwork]) expect(await arrive(source, all), source).toBe(all.length);
  });

  it("counts the refusals that leave, for each address", async () => {
    await guarded();
    const refusal = { source: gatewayAt(v), sourcePort: SIP, payloads: ["SIP/2.0 403 Forbidden\r\n\r\n"], times: 3 };
    const [stranger, banned] = [fresh("event", v), fresh("event", v)];
    await service.ban(v === 4 ? banned : banned.replace("::7", "::/64"), 60);
    for (const to of [stranger, banned]) await lab.gateway.agent.udp({ ...refusal, to, port: 5062 });
    await lab.gateway.agent.udp({ ...refusal, payloads: ["SIP/2.0 200 OK\r\n\r\n"], to: stranger, port: 5062 });
    // The banned one never hears of it; that it was refused counts all the same.
    expect(new Map(await service.refusals())).toEqual(
      new Map([
        [stranger, 3],
        [banned, 3],
      ]),
    );
  });

  it("audio only from the lists, or where we have sent some", async () => {
    await guarded();
    const rtp = { port: RTP };
    expect(await arrive(fresh("outside", v), ["audio"], rtp)).toBe(0);
    expect(await arrive(fresh("event", v), ["audio"], rtp)).toBe(1);
    const relay = v === 4 ? lab.outside.address4 : lab.outside.address6;
    expect(await arrive(relay, ["audio"], { ...rtp, host: lab.outside })).toBe(0);
    const send = { source: gatewayAt(v), to: relay, port: 20_000, payloads: ["audio"] };
    await lab.outside.agent.listen("udp", 20_000, [relay]);
    await lab.gateway.agent.udp({ ...send, sourcePort: RTP + 4 });
    await lab.gateway.agent.listen("udp", RTP + 4, [gatewayAt(v)]);
    await lab.outside.agent.udp({
      source: relay,
      sourcePort: 20_000,
      to: gatewayAt(v),
      port: RTP + 4,
      payloads: ["audio"],
    });
    expect((await rig.heard(v)).filter(({ from }) => from === relay)).toHaveLength(1);
    await service.ban(v === 4 ? relay : "2001:db8:1::/64", 60);
    await lab.outside.agent.udp({
      source: relay,
      sourcePort: 20_000,
      to: gatewayAt(v),
      port: RTP + 4,
      payloads: ["audio"],
    });
    expect((await rig.heard(v)).filter(({ from }) => from === relay)).toHaveLength(0);
  });
});

describe.each(versions)("SIP over TCP, IPv%i", (v) => {
  const to = gatewayAt(v);
  const guess = (n: number) =>
    `REGISTER sip:x SIP/2.0\r\nCSeq: ${n} REGISTER\r\nAuthorization: ${"y".repeat(120)}\r\n\r\n`;

  it("from a source on no list: the port does not answer", async () => {
    await guarded();
    const outcome = await lab.outside.agent.tcp({ source: fresh("outside", v), to, port: SIP, payloads: [] });
    expect(outcome).toMatchObject({ connected: false, why: "TimeoutError" });
  });

  it("a stream of guesses, in one segment or in many, gets three answers at most", async () => {
    await guarded();
    for (const [payloads, least] of [
      [[Array.from({ length: 7 }, (_, n) => guess(n)).join("")], 1],
      [Array.from({ length: 30 }, (_, n) => guess(n)), 1],
      // More at once than the whole budget: not even the first part of it.
      [[Array.from({ length: 300 }, (_, n) => guess(n)).join("")], 0],
    ] as const) {
      const source = fresh("event", v);
      const outcome = await lab.event.agent.tcp({ source, to, port: SIP, payloads, gapMs: 5, waitMs: 300 });
      expect(outcome.connected).toBe(true);
      expect(outcome.answers).toBeGreaterThanOrEqual(least);
      expect(outcome.answers).toBeLessThanOrEqual(3);
    }
  });

  it("a registration of an ordinary phone passes: two requests, two answers", async () => {
    await guarded();
    const payload = `REGISTER sip:x SIP/2.0\r\n${"Header: value\r\n".repeat(40)}\r\n`;
    const outcome = await lab.event.agent.tcp({
      source: fresh("event", v),
      to,
      port: SIP,
      payloads: [payload, payload],
      gapMs: 50,
      waitMs: 200,
    });
    expect(outcome.answers).toBe(2);
  });

  it("connections and other methods of a stranger are counted or refused", async () => {
    await guarded();
    const source = fresh("event", v);
    const options = { source, to, port: SIP, payloads: [request("OPTIONS")], waitMs: 100 };
    const outcomes = [];
    for (let n = 0; n < 6; n++) outcomes.push(await lab.event.agent.tcp({ ...options, connectMs: 150 }));
    expect(outcomes.map(({ connected }) => connected)).toEqual([true, true, true, true, false, false]);
    expect(outcomes.every(({ answers }) => answers === 0)).toBe(true);
    expect((await rig.heard(v)).filter((one) => one.from === source && one.proto === "tcp")).toEqual([]);
  });

  it("counts the refusals that leave, by the address that they go to", async () => {
    const port = 5070 + v;
    await lab.gateway.agent.listen("tcp", port, [to], "SIP/2.0 403 Forbidden\r\n\r\n");
    await guarded({ sip: { port } });
    const [refused, challenged] = [fresh("event", v), fresh("event", v)];
    const guesses = { to, port, payloads: [guess(1), guess(2)], gapMs: 50, waitMs: 200 };
    expect((await lab.event.agent.tcp({ ...guesses, source: refused })).answers).toBe(2);
    expect((await lab.event.agent.tcp({ ...guesses, source: challenged, payloads: [] })).answers).toBe(0);
    expect([...(await service.refusals())]).toEqual([[refused, 2]]);
  });

  it("four connections of a stranger at a time; the fifth is refused, also after a change of the rules", async () => {
    await guarded({ firewall: { limits: { requestBurst: 20 } } });
    const source = fresh("event", v);
    const open = (from: string, hold: string) =>
      lab.event.agent.tcp({ source: from, to, port: SIP, payloads: [], hold: `${hold}-${v}` });
    const names = ["one", "two", "three", "four"];
    for (const name of names) expect(await open(source, name)).toMatchObject({ connected: true });
    // Of IPv6, a neighbour in the same /64 is the same stranger.
    const refused = { connected: false, why: "ConnectionRefusedError" };
    expect(await open(source.replace("::7", "::8"), "five")).toMatchObject(refused);
    const { policy } = service.state;
    await service.update({ policy: { ...policy, limits: { ...policy.limits, requestBurst: 21 } } });
    expect(await open(source, "five")).toMatchObject(refused);
    expect((await service.counters()).get("connections_over")?.packets).toBe(2);
    // Somebody else's connection takes the place of one of them, which is closed by that: once both ends have done so.
    expect(await open(fresh("event", v), "one")).toMatchObject({ connected: true });
    await expect.poll(() => open(source, "five"), { timeout: 15_000 }).toMatchObject({ connected: true });
    expect(await open(source, "six")).toMatchObject(refused);
    // Those that this machine resets are counted no more, although their peer was banned meanwhile.
    const banned = v === 4 ? source : source.replace("::7", "::/64");
    await service.ban(banned, 60);
    await lab.gateway.run(["ss", "-K", "dst", v === 4 ? source : `[${source}]`]);
    await service.release(banned);
    expect(await open(source, "six")).toMatchObject({ connected: true });
    expect(await open(source, "seven")).toMatchObject({ connected: true });
    for (const name of [...names, "five", "six", "seven"])
      await open(lab.event[v === 4 ? "address4" : "address6"], name);
  });

  it("a hundred connections of all strangers; the trunk and a registered phone are not counted", async () => {
    for (const protect of ["host", "gateway"] as const) {
      const phone = fresh("event", v);
      await guarded({ firewall: { protect } }, { registered: literals([phone]) });
      const open = (source: string, hold: string, host = lab.event) =>
        host.agent.tcp({ source, to, port: SIP, payloads: [], hold: `${hold}-${v}` });
      for (let n = 0; n < 100; n++) {
        expect(await open(fresh("event", v), `crowd-${n}`), `connection ${n}`).toMatchObject({ connected: true });
      }
      expect(await open(fresh("event", v), "more")).toMatchObject({ connected: false, why: "ConnectionRefusedError" });
      expect(await open(phone, "phone")).toMatchObject({ connected: true });
      const trunk = v === 4 ? lab.trunk.address4 : lab.trunk.address6;
      for (let n = 0; n < 10; n++) expect((await open(trunk, `trunk-${n}`, lab.trunk)).connected).toBe(true);
      await rig.stop();
      await rig.clear();
    }
  });

  it("from the trunk: as much as it likes", async () => {
    await guarded();
    const source = v === 4 ? lab.trunk.address4 : lab.trunk.address6;
    const payloads = Array.from({ length: 100 }, (_, n) => guess(n));
    const outcome = await lab.trunk.agent.tcp({ source, to, port: SIP, payloads, gapMs: 1, waitMs: 300 });
    expect(outcome.answers).toBeGreaterThanOrEqual(90);
  });

  it("from a registered phone: a hundred registrations at once, and no endless stream of guesses", async () => {
    const phone = fresh("event", v);
    await guarded({}, { registered: literals([phone]) });
    const registration = `REGISTER sip:x SIP/2.0\r\n${"Header: value\r\n".repeat(40)}\r\n`;
    const arrived = async (times: number, waitMs: number) => {
      const payloads = Array.from({ length: times / 20 }, () => registration.repeat(20));
      await lab.event.agent.tcp({ source: phone, to, port: SIP, payloads, gapMs: 5, waitMs });
      return (await rig.heard(v)).filter(({ text }) => text.startsWith("REGISTER")).length;
    };
    expect(await arrived(200, 300)).toBeGreaterThanOrEqual(195);
    expect((await service.counters()).get("trusted_over")?.packets).toBe(0);
    // It ends before the rest has trickled through.
    expect(await arrived(2_000, 0)).toBeLessThan(400);
    expect((await service.counters()).get("trusted_over")?.packets).toBeGreaterThan(0);
    // Neither limited nor shut out: it is only slower, and others are not.
    expect(await service.limited()).toEqual([]);
    expect(await arrive(phone, [request("REGISTER")])).toBe(1);
  });

  it("a ban ends a connection that stands, also what is on its way out", async () => {
    await guarded();
    const source = fresh("event", v);
    const tcp = lab.event.agent.tcp({ source, to, port: SIP, payloads: [guess(1), guess(2)], gapMs: 400, waitMs: 400 });
    expect(await lab.gateway.agent.waitFor("REGISTER")).toBe(true);
    await service.ban(v === 4 ? source : source.replace("::7", "::/64"), 60);
    expect((await tcp).answers).toBe(1);
  });
});
