import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GatewayError } from "../base/errors.ts";
import { withPlace } from "./external.ts";
import type { SipModel } from "./model.ts";
import { renderProfile } from "./render.ts";
import { exampleModel, exampleTrunk } from "./test-model.ts";

/** Reads a file as Asterisk's parser does, by its documented rules and independently of the renderer. */
function readIni(text: string): { section: string; key: string; value: string }[] {
  const entries: { section: string; key: string; value: string }[] = [];
  let section = "";
  for (const raw of text.split(/\r?\n|\r/)) {
    const line = raw.replace(/;.*$/, "").trim();
    if (line === "") continue;
    const opened = /^\[([^\]]*)\](.*)$/.exec(line);
    if (opened !== null) {
      section = `${opened[1]}${opened[2]}`;
      entries.push({ section, key: "[]", value: "" });
      continue;
    }
    if (line.startsWith("#")) entries.push({ section, key: "#", value: line });
    const equals = line.indexOf("=");
    const key = line.slice(0, equals < 0 ? line.length : equals).trim();
    const value =
      equals < 0
        ? ""
        : line
            .slice(equals + 1)
            .replace(/^>/, "")
            .trim();
    entries.push({ section, key, value });
  }
  return entries;
}

/** What a file is made of, without its values. */
function skeleton(text: string): string[] {
  return readIni(text).map(({ section, key }) => `${section}/${key}`);
}

function profileOrRefusal(model: SipModel): ReadonlyMap<string, string> | null {
  try {
    return renderProfile(model);
  } catch (error) {
    if (error instanceof GatewayError && error.code === "sip-value") return null;
    throw error;
  }
}

const hostile = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: fc.constantFrom(..."aB0 \n\r\t;[]&,\"'$#={}()\\/@:~?|%-_><+!"), maxLength: 20 }),
  fc.constantFrom(
    "a\n[evil]\ntype=friend",
    "a;b",
    "x]y",
    "500&SIP/trunk",
    `$${"{SHELL(id)}"}`,
    " a",
    "a ",
    "#include x",
    ">a",
  ),
);

/** Every place of the model that a value from outside reaches. */
const places: Readonly<Record<string, (value: string) => Partial<SipModel>>> = {
  server: (server) => ({ trunks: [{ ...exampleTrunk, server }] }),
  "shared server": (server) => ({ trunks: [{ ...exampleTrunk, server, shared: true, port: 5070 }] }),
  username: (username) => ({ trunks: [{ ...exampleTrunk, username }] }),
  password: (secret) => ({ trunks: [{ ...exampleTrunk, secret }] }),
  number: (number) => ({ trunks: [{ ...exampleTrunk, number, shared: true }] }),
  peer: (peer) => ({ trunks: [{ ...exampleTrunk, peer }] }),
  "trunk name": (name) => ({ trunks: [{ ...exampleTrunk, name }] }),
  account: (name) => ({ accounts: exampleModel().accounts.map((each) => ({ ...each, name })) }),
  "account username": (username) => ({ accounts: exampleModel().accounts.map((each) => ({ ...each, username })) }),
  "account secret": (secret) => ({ accounts: exampleModel().accounts.map((each) => ({ ...each, secret })) }),
  network: (network) => ({ accounts: exampleModel().accounts.map((each) => ({ ...each, networks: [network] })) }),
  "local network": (network) => ({ externalAddress: "198.51.100.1", localNetworks: [network] }),
  "external address": (externalAddress) => ({ externalAddress }),
  "bind address": (bindAddress) => ({ bindAddress }),
  pattern: (pattern) => ({ toPax: [pattern] }),
  "outward pattern": (pattern) => ({ trunks: [{ ...exampleTrunk, outward: [pattern] }] }),
  directory: (run) => ({ directories: { ...exampleModel().directories, run: `/${run}` } }),
  "ari secret": (secret) => ({ http: { ...exampleModel().http, secret } }),
  "manager secret": (secret) => ({ manager: { ...exampleModel().manager, secret } }),
  "security events secret": (secret) => ({ securityEvents: { ...exampleModel().securityEvents, secret } }),
};

/** A harmless value for each place, whose files any accepted value must resemble line by line. */
const harmless: Readonly<Record<string, string>> = {
  network: "10.0.0.0/8",
  "local network": "10.0.0.0/8",
  "bind address": "127.0.0.1",
  pattern: "4100",
  "outward pattern": "4100",
};

describe("rendered files", () => {
  it.each(Object.keys(places))("keep a hostile %s in its place, or refuse it", (place) => {
    const change = places[place];
    if (change === undefined) throw new Error(place);
    fc.assert(
      fc.property(hostile, (value) => {
        const files = profileOrRefusal(exampleModel(change(value)));
        if (files === null) return;
        // Whether a host is a name or an address changes the lines by design; compare with one of the same sort.
        const sort = /^[0-9.]+$|:/.test(value) ? "192.0.2.1" : "host.example";
        const plain = renderProfile(exampleModel(change(harmless[place] ?? sort.replace(/^host.*/, "abc"))));
        for (const [name, text] of files) {
          const wanted = skeleton(plain.get(name) ?? "").length;
          expect(skeleton(text)).toHaveLength(wanted);
          expect(readIni(text).filter(({ key }) => key === "#")).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each(["a\nb", "a\r\nb", "a;b", "a[b", "a]b", "a&b", "a,b", 'a"b', "a$b", "a#b", " a", "a ", "a\0b", "a\\b"])(
    "refuse %j everywhere",
    (value) => {
      for (const [place, change] of Object.entries(places)) {
        expect(() => renderProfile(exampleModel(change(value))), place).toThrow(
          expect.objectContaining({ code: "sip-value" }),
        );
      }
    },
  );

  it("never tell a refused secret", () => {
    try {
      renderProfile(exampleModel({ trunks: [{ ...exampleTrunk, secret: "top;secret" }] }));
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify(error) + String(error)).not.toContain("top;secret");
    }
  });

  it("give every peer a call limit, a context of its own, and nothing in general that chan_sip ignores", () => {
    const entries = readIni(renderProfile(exampleModel()).get("sip.conf") ?? "");
    const peers = [...new Set(entries.map((entry) => entry.section))].filter((section) => section !== "general");
    expect(peers).toEqual(["trunk-event", "kitchen-qwertz"]);
    const valuesAt = (section: string, key: string) =>
      entries.filter((entry) => entry.section === section && entry.key === key).map((entry) => entry.value);
    for (const peer of peers) expect(valuesAt(peer, "call-limit")).toEqual(["1"]);
    expect(valuesAt("general", "call-limit")).toEqual([]);
    expect(peers.map((peer) => valuesAt(peer, "context")[0])).toEqual(["from-trunk-event", "from-account-kitchen"]);
    expect(valuesAt("kitchen-qwertz", "deny")).toEqual(["0.0.0.0/0", "::/0"]);
    expect(valuesAt("kitchen-qwertz", "permit")).toEqual(["192.168.0.0/16"]);
  });

  it("set what the hardened profile is made of", () => {
    const general = readIni(renderProfile(exampleModel()).get("sip.conf") ?? "").filter((e) => e.section === "general");
    const value = new Map(general.map((entry) => [entry.key, entry.value]));
    expect(Object.fromEntries(value)).toMatchObject({
      context: "block-caller",
      allowguest: "no",
      alwaysauthreject: "yes",
      allowoverlap: "no",
      allowtransfer: "no",
      allowsubscribe: "no",
      callcounter: "yes",
      allow: "ulaw,alaw",
      tcpenable: "no",
      udpbindaddr: "0.0.0.0:5060",
    });
  });

  it("load nothing that runs a program and no second way in", () => {
    const loaded = readIni(renderProfile(exampleModel()).get("modules.conf") ?? "").map((entry) => entry.value);
    for (const name of ["app_system", "app_exec", "func_shell", "chan_iax2", "chan_pjsip", "func_env", "pbx_spool"]) {
      expect(loaded).not.toContain(`${name}.so`);
    }
  });

  it("leave room for those who only connect to ARI and AMI, and drop them soon", () => {
    const files = renderProfile(exampleModel());
    const value = (file: string, key: string) => readIni(files.get(file) ?? "").find((each) => each.key === key)?.value;
    expect(Number(value("http.conf", "sessionlimit"))).toBeGreaterThanOrEqual(200);
    expect(Number(value("http.conf", "session_inactivity"))).toBeLessThanOrEqual(5_000);
    expect(Number(value("manager.conf", "authlimit"))).toBeGreaterThanOrEqual(200);
    expect(Number(value("manager.conf", "authtimeout"))).toBeLessThanOrEqual(2);
    expect(value("http.conf", "servername")).toBe("PBX");
    expect(value("features.conf", "pickupexten")).toMatch(/\S \S/);
    expect([...files.values()].join("")).not.toContain("res_ari_asterisk");
  });

  it("let the user for security events hear those and do nothing, from this machine alone", () => {
    const entries = readIni(renderProfile(exampleModel()).get("manager.conf") ?? "");
    const of = (user: string) =>
      entries.flatMap(({ section, key, value }) => (section === user && /^[a-z]/.test(key) ? [[key, value]] : []));
    expect(of("paxgate-events")).toEqual([
      ["secret", "events-secret"],
      ["deny", "0.0.0.0/0.0.0.0"],
      ["permit", "127.0.0.1/255.255.255.255"],
      ["read", "security"],
    ]);
    expect(of("paxgate").map(([key]) => key)).not.toContain("read");
  });

  it("send a trunk's audio where its server says", () => {
    const entries = readIni(renderProfile(exampleModel()).get("sip.conf") ?? "");
    const nat = entries.filter(({ section, key }) => section === "trunk-event" && key === "nat");
    expect(nat.map(({ value }) => value)).toEqual(["force_rport"]);
  });

  it("tell two trunks of one server apart by the number, also on another port", () => {
    const trunks = ["4101", "4102"].map((number) => ({
      ...exampleTrunk,
      name: `t${number}`,
      peer: `trunk-t${number}`,
      username: number,
      number,
      port: 5070,
      shared: true,
    }));
    const entries = readIni(renderProfile(exampleModel({ trunks })).get("sip.conf") ?? "");
    expect(entries.filter(({ key }) => key === "callbackextension").map(({ value }) => value)).toEqual([
      "4101",
      "4102",
    ]);
    expect(entries.filter(({ key }) => key === "host")[0]?.value).toBe("sip.example.org:5070");
    expect(entries.filter(({ key }) => key === "register")).toEqual([]);
  });

  it.each([
    ["as configured", null, "203.0.113.1:5060", "5060"],
    ["as found, which wins", { address: "198.51.100.7", sipPort: 5099 }, "198.51.100.7:5099", "5099"],
    ["in IPv6", { address: "2001:db8::7", sipPort: 5099 }, "[2001:db8::7]:5099", "5099"],
  ])("give the external place %s, over UDP and TCP", (_, place, udp, tcp) => {
    const model = withPlace(exampleModel({ externalAddress: "203.0.113.1", tcp: true }), place);
    const entries = readIni(renderProfile(model).get("sip.conf") ?? "");
    const of = (wanted: string) => entries.filter(({ key }) => key === wanted).map(({ value }) => value);
    expect([of("externaddr"), of("externtcpport")]).toEqual([[udp], [tcp]]);
  });

  it("name a local network with every external place, or it would be told to nobody", () => {
    const model = withPlace(exampleModel({ localNetworks: [] }), { address: "198.51.100.7", sipPort: 5060 });
    expect(renderProfile(model).get("sip.conf")).toMatch(/^localnet=127\.0\.0\.0\/8$/m);
  });
});
