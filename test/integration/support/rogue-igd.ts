import { createSocket } from "node:dgram";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createInterface } from "node:readline";

/**
 * Somebody on the LAN who wants to be taken for the router, or a router that means ill: a process for a network
 * namespace. `permanent` is an honest router of version 1 that knows no leases. Arguments: its address, how it behaves,
 * and the address of another host to lead to. It prints `ready`, and a line for each search that it answers and each
 * HTTP request that it gets. For each line `alive N` it announces its start number N, for `bye` that it goes.
 */
const [own = "", how = "plain", other = ""] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);

const GROUP = "239.255.255.250";
const DEVICE = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
const SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1";

function description(controlUrl: string, before = "", udn = "uuid:rogue"): string {
  return `<?xml version="1.0"?>${before}<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<device><deviceType>${DEVICE}</deviceType><friendlyName>router</friendlyName><UDN>${udn}</UDN>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><serviceList><service><serviceType>${SERVICE}</serviceType>
<controlURL>${controlUrl}</controlURL></service></serviceList></device></deviceList></device></deviceList></device></root>`;
}

const BOMB = `<!DOCTYPE root [<!ENTITY a "aaaaaaaaaa">${Array.from({ length: 9 }, (_, n) => {
  const inner = `&${String.fromCharCode(97 + n)};`.repeat(10);
  return `<!ENTITY ${String.fromCharCode(98 + n)} "${inner}">`;
}).join("")}]>`;

/** Answers a byte now and then, for ever. */
function drip(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/xml" });
  const timer = setInterval(() => response.write(" "), 200);
  response.on("close", () => clearInterval(timer));
}

function flood(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/xml" });
  const chunk = "<a>".repeat(20_000);
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on("drain", more);
  more();
}

/** Outside port and protocol → arguments of AddPortMapping. */
const kept = new Map<string, ReadonlyMap<string, string>>();

/** The fault's code, or the values of the answer. */
function act(action: string, values: ReadonlyMap<string, string>): number | Record<string, string> {
  const key = `${values.get("NewProtocol")} ${values.get("NewExternalPort")}`;
  if (action === "GetExternalIPAddress") return { NewExternalIPAddress: "8.8.4.4" };
  if (how !== "permanent") return {};
  switch (action) {
    case "AddPortMapping":
      if (values.get("NewLeaseDuration") !== "0") return 725;
      kept.set(key, values);
      say(`kept ${[...kept.keys()].join()}`);
      return {};
    case "DeletePortMapping":
      if (!kept.delete(key)) return 714;
      say(`kept ${[...kept.keys()].join()}`);
      return {};
    case "GetSpecificPortMappingEntry":
      return kept.has(key) ? Object.fromEntries(kept.get(key) ?? []) : 714;
    default:
      return 401;
  }
}

async function soap(request: IncomingMessage, response: ServerResponse, action: string): Promise<void> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  const values = new Map([...body.matchAll(/<(New\w+)>([^<]*)</g)].map(([, name = "", value = ""]) => [name, value]));
  const done = act(action, values);
  const inside =
    typeof done === "number"
      ? `<s:Fault><detail><UPnPError><errorCode>${done}</errorCode></UPnPError></detail></s:Fault>`
      : `<u:${action}Response xmlns:u="${SERVICE}">${Object.entries(done)
          .map(([name, value]) => `<${name}>${value}</${name}>`)
          .join("")}</u:${action}Response>`;
  response.statusCode = typeof done === "number" ? 500 : 200;
  response.end(`<s:Envelope xmlns:s="x"><s:Body>${inside}</s:Body></s:Envelope>`);
}

const web = createServer((request, response) => {
  say(`http ${request.method} ${request.url}`);
  const action = String(request.headers["soapaction"] ?? "").replace(/^.*#|"$/g, "");
  if (request.method === "POST") {
    if (how === "slow-soap") return drip(response);
    if (how === "huge-soap") return flood(response);
    return void soap(request, response, action);
  }
  switch (how) {
    case "huge":
      return flood(response);
    case "drip":
      return drip(response);
    case "silent":
      return;
    case "headers":
      return void response.socket?.write(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(1_000_000)}\r\n`);
    case "bomb":
      return void response.end(description("/ctl", BOMB, "uuid:&j;"));
    case "deep":
      return void response.end(`${"<a>".repeat(8_000)}${"</a>".repeat(8_000)}`);
    case "wide":
      return void response.end(`<root>${"<a/>".repeat(14_000)}</root>`);
    case "redirect":
      return void response.writeHead(302, { location: `http://${other}:8080/desc.xml` }).end();
    case "elsewhere":
      return void response.end(description(`http://${other}:8080/ctl`));
    case "named":
      return void response.end(description("http://localhost:8080/ctl"));
    case "low-port":
      return void response.end(description(`http://${own}:22/ctl`));
    default:
      return void response.end(description("/ctl"));
  }
});

const ears = createSocket({ type: "udp4", reuseAddr: true });
ears.on("message", (bytes, from) => {
  if (!String(bytes).startsWith("M-SEARCH")) return;
  const st = /^ST: *(.*)$/im.exec(String(bytes))?.[1] ?? "";
  const host = how === "location" ? other : own;
  ears.send(
    `HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: ${st}\r\nUSN: uuid:rogue::${st}\r\nEXT:\r\nBOOTID.UPNP.ORG: 1\r\nLOCATION: http://${host}:8080/desc.xml\r\n\r\n`,
    from.port,
    from.address,
  );
  say("answered");
});
ears.bind(1900, () => {
  ears.addMembership(GROUP, own);
  web.listen(8080, own, () => say("ready"));
});

const announcer = createSocket("udp4");
announcer.bind(0, own, () => announcer.setMulticastInterface(own));
createInterface({ input: process.stdin }).on("line", (line) => {
  const [kind, boot = "1"] = line.split(" ");
  const lines = [
    "NOTIFY * HTTP/1.1",
    `HOST: ${GROUP}:1900`,
    `NT: ${DEVICE}`,
    `NTS: ssdp:${kind === "bye" ? "byebye" : kind}`,
  ];
  const there = [`LOCATION: http://${own}:8080/desc.xml`, "CACHE-CONTROL: max-age=120", "SERVER: x"];
  const all = [...lines, `USN: uuid:rogue::${DEVICE}`, `BOOTID.UPNP.ORG: ${boot}`, ...(kind === "alive" ? there : [])];
  announcer.send(`${all.join("\r\n")}\r\n\r\n`, 1900, GROUP);
});
