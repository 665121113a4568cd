import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leadsToRouter, parseDescription } from "./igd-description.ts";
import { mappingArguments, mappingKey, parseSoap, readAddress, readEntry, refusalOf, renderSoap } from "./igd-soap.ts";
import { MAX_XML_BYTES, parseXml } from "./igd-xml.ts";

const SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1";
const REQUEST = {
  protocol: "udp",
  internalPort: 5060,
  externalPort: 5062,
  otherPort: true,
  careful: true,
  leaseS: 3600,
} as const;
const envelope = (inside: string) =>
  `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${inside}</s:Body></s:Envelope>`;

describe("XML of a router", () => {
  it("is read without prefixes, with its text trimmed and its five entities", () => {
    expect(parseXml('<a:b xmlns:a="x"><c> 1 &lt; 2 &#65; </c><![CDATA[<d>]]></a:b>')).toEqual({
      name: "b",
      text: "<d>",
      children: [{ name: "c", text: "1 < 2 A", children: [] }],
    });
  });

  it("may end with zero bytes, as some do", () => {
    expect(parseXml("<a/>\0\n")).toEqual({ name: "a", text: "", children: [] });
  });

  it.each([
    ["a document type", "<!DOCTYPE a><a/>"],
    ["a document type in small letters", "<!doctype a><a/>"],
    ["an entity of its own", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
    ["an entity that nobody declared", "<a>&b;</a>"],
    ["two roots", "<a/><b/>"],
    ["a tag left open", "<a><b></a>"],
    ["nothing", ""],
    ["33 levels", `${"<a>".repeat(33)}${"</a>".repeat(33)}`],
    ["2,001 elements", `<a>${"<b/>".repeat(2_000)}</a>`],
    ["more than 64 kB", `<a>${"b".repeat(MAX_XML_BYTES)}</a>`],
  ])("is refused with %s", (_, text) => {
    expect(parseXml(text)).toBeNull();
  });

  it("is read up to those bounds", () => {
    expect(parseXml(`${"<a>".repeat(32)}${"</a>".repeat(32)}`)).not.toBeNull();
    expect(parseXml(`<a>${"<b/>".repeat(1_999)}</a>`)?.children.length).toBe(1_999);
  });

  it("never does more than be refused", () => {
    const piece = fc.constantFrom(
      "<a>",
      "</a>",
      "<a/>",
      "&",
      "&lt;",
      "<![CDATA[",
      "]]>",
      "<!--",
      "-->",
      "<?",
      "?>",
      "\0",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ unit: "binary" }))), (pieces) => {
        const text = pieces.join("");
        parseXml(text);
        parseSoap(text, "A");
        parseDescription(text, "http://192.0.2.1/", "192.0.2.1");
      }),
    );
  });
});

describe("SOAP", () => {
  it("writes a request that reads back as it was meant", () => {
    const { action, body } = renderSoap(SERVICE, "AddPortMapping", mappingArguments(REQUEST, "192.0.2.9"));
    expect(action).toBe(`"${SERVICE}#AddPortMapping"`);
    const call = parseXml(body)?.children[0]?.children[0];
    expect(call?.name).toBe("AddPortMapping");
    expect(call?.children.map((child) => [child.name, child.text])).toEqual([
      ["NewRemoteHost", ""],
      ["NewExternalPort", "5062"],
      ["NewProtocol", "UDP"],
      ["NewInternalPort", "5060"],
      ["NewInternalClient", "192.0.2.9"],
      ["NewEnabled", "1"],
      ["NewPortMappingDescription", "paxgate"],
      ["NewLeaseDuration", "3600"],
    ]);
    expect(mappingKey(REQUEST).map(([name]) => name)).toEqual(["NewRemoteHost", "NewExternalPort", "NewProtocol"]);
  });

  it("escapes what would end an element", () => {
    const { body } = renderSoap(SERVICE, "A", [["B", `</B><C a='"&`]]);
    expect(parseXml(body)?.children[0]?.children[0]?.children[0]?.text).toBe(`</B><C a='"&`);
  });

  it("reads values and faults", () => {
    const good = parseSoap(envelope('<u:AResponse xmlns:u="x"><B>1</B></u:AResponse>'), "A");
    expect(good).toEqual({ kind: "values", values: new Map([["B", "1"]]) });
    const fault = `<s:Fault><faultcode>s:Client</faultcode><detail><UPnPError xmlns="x"><errorCode>718</errorCode></UPnPError></detail></s:Fault>`;
    expect(parseSoap(envelope(fault), "A")).toEqual({ kind: "fault", code: 718 });
    expect(parseSoap(envelope("<s:Fault/>"), "A")).toEqual({ kind: "fault", code: null });
  });

  it("takes the answer to another action for none", () => {
    expect(parseSoap(envelope("<u:BResponse/>".replace("u:", "")), "A")).toBeNull();
    expect(parseSoap("<html/>", "A")).toBeNull();
  });

  it.each([
    [718, "conflict"],
    [725, "permanent-only"],
    [606, "denied"],
    [728, "full"],
    [401, "unsupported"],
    [501, "failed"],
    [null, "failed"],
  ] as const)("error %s means %s", (code, why) => expect(refusalOf(code)).toBe(why));

  it("knows our entry from somebody else's", () => {
    const entry = (client: string, port: string, enabled = "1") =>
      new Map([
        ["NewInternalClient", client],
        ["NewInternalPort", port],
        ["NewEnabled", enabled],
        ["NewLeaseDuration", "60"],
      ]);
    expect(readEntry(entry("192.0.2.9", "5060"), REQUEST, "192.0.2.9")).toEqual({ ours: true, leaseS: 60 });
    expect(readEntry(entry("192.0.2.8", "5060"), REQUEST, "192.0.2.9").ours).toBe(false);
    expect(readEntry(entry("192.0.2.9", "5061"), REQUEST, "192.0.2.9").ours).toBe(false);
    expect(readEntry(entry("192.0.2.9", "5060", "0"), REQUEST, "192.0.2.9").ours).toBe(false);
  });

  it("takes no address, 0.0.0.0 and nonsense for none", () => {
    const told = (address: string) => readAddress(new Map([["NewExternalIPAddress", address]]));
    expect([told("81.2.69.2"), told(""), told("0.0.0.0"), told("<x>"), readAddress(new Map())]).toEqual([
      "81.2.69.2",
      "",
      "",
      "",
      "",
    ]);
  });
});

describe("a router's description", () => {
  const ROUTER = "192.0.2.1";
  const service = (type: string, url: string) =>
    `<service><serviceType>urn:schemas-upnp-org:service:${type}</serviceType><controlURL>${url}</controlURL></service>`;
  const root = (services: string, before = "") =>
    `<root xmlns="urn:schemas-upnp-org:device-1-0">${before}<device><UDN>uuid:1</UDN><deviceList><device><UDN>uuid:2</UDN><serviceList>${services}</serviceList></device></deviceList></device></root>`;
  const read = (text: string) => parseDescription(text, `http://${ROUTER}:5000/desc.xml`, ROUTER);

  it("gives the root's identity, and version 2 before version 1 before PPP", () => {
    const all = `${service("WANPPPConnection:1", "/p")}${service("WANIPConnection:1", "/1")}${service("WANIPConnection:2", "/2")}${service("Layer3Forwarding:1", "/l")}`;
    expect(read(root(all))).toEqual({
      udn: "uuid:1",
      services: [
        { type: "urn:schemas-upnp-org:service:WANIPConnection:2", controlUrl: "http://192.0.2.1:5000/2" },
        { type: "urn:schemas-upnp-org:service:WANIPConnection:1", controlUrl: "http://192.0.2.1:5000/1" },
        { type: "urn:schemas-upnp-org:service:WANPPPConnection:1", controlUrl: "http://192.0.2.1:5000/p" },
      ],
    });
  });

  it("is taken from its base only if that is the router too", () => {
    const control = (base: string) => read(root(service("WANIPConnection:1", "c"), `<URLBase>${base}</URLBase>`));
    expect(control("http://192.0.2.1:6000/x/")?.services[0]?.controlUrl).toBe("http://192.0.2.1:6000/x/c");
    expect(control("http://192.0.2.7:6000/x/")?.services[0]?.controlUrl).toBe("http://192.0.2.1:5000/c");
  });

  it.each(["http://192.0.2.7:5000/c", "//192.0.2.7/c", "https://192.0.2.1:5000/c", "file:///c", ""])(
    "leads nowhere with a control URL of %j",
    (url) => expect(read(root(service("WANIPConnection:1", url)))).toBeNull(),
  );

  it.each([
    ["http://192.0.2.1:5000/d", true],
    ["http://192.0.2.1/d", true],
    ["http://192.0.2.1:22/d", false],
    ["http://192.0.2.1:5000@192.0.2.7/d", false],
    ["http://a:b@192.0.2.1:5000/d", false],
    ["http://192.0.2.10:5000/d", false],
    ["http://3221225985:5000/d", false],
    ["http://router.local:5000/d", false],
    ["https://192.0.2.1:5000/d", false],
    ["ftp://192.0.2.1/d", false],
    [`http://192.0.2.1:5000/${"d".repeat(600)}`, false],
    ["", false],
  ])("%s leads to the router: %s", (url, expected) => expect(leadsToRouter(url, ROUTER)).toBe(expected));
});
