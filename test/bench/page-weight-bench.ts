import { request } from "node:http";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { Finding } from "../../src/app/bench/finding.ts";
import { within } from "../../src/base/lifecycle.ts";
import { GatewayRig } from "../integration/support/gateway-rig.ts";
import { freePort } from "../integration/support/mosquitto.ts";
import { pageIsUp, stored } from "../integration/support/status-rig.ts";
import { logIn } from "../integration/support/web-rig.ts";

const LIMIT_MS = 15_000;
/** Files that a page or a script names, by its own words: src="…", href="…", import … from "./…". */
const NAMED = /(?:src|href)="\/?([\w.-]+)"|(?:from|import)\s*\(?"\.\/([\w.-]+)"/g;
const decoders = { br: brotliDecompressSync, gzip: gunzipSync } as const;
type Coding = keyof typeof decoders;

/** What a browser is sent for the dashboard, asked of the running gateway: the page and every file that it leads to. */
export async function benchPageWeight(): Promise<Finding[]> {
  const port = await freePort();
  const rig = await GatewayRig.start({
    withoutEvent: true,
    tieLines: 2,
    config: { web: { port, listen: "loopback" } },
  });
  try {
    await within(LIMIT_MS, pageIsUp(port), "the page did not come");
    const cookie = await logIn(port, stored(rig).dashboard);
    const [br, gzip] = [await weigh(port, cookie, "br"), await weigh(port, cookie, "gzip")];
    return [
      { name: "page weight, brotli", unit: "KB", goal: { most: 150, of: "worst" }, values: [br.bytes / 1e3] },
      { name: "page weight, gzip", unit: "KB", goal: { most: 150, of: "worst" }, values: [gzip.bytes / 1e3] },
      { name: "page weight, not compressed", unit: "KB", goal: null, values: [br.plain / 1e3] },
      { name: "files of the page", unit: "", goal: null, values: [br.files] },
    ];
  } finally {
    await rig.stop();
  }
}

async function weigh(port: number, cookie: string, coding: Coding) {
  const known = new Set([""]);
  let bytes = 0;
  let plain = 0;
  for (const name of known) {
    const { body, encoding } = await get(port, `/${name}`, cookie, coding);
    const text = encoding === coding ? decoders[coding](body) : body;
    bytes += body.length;
    plain += text.length;
    for (const [, linked, imported] of text.toString().matchAll(NAMED)) {
      const file = linked ?? imported;
      // Links to other pages are not loaded with this one.
      if (file !== undefined && /-[A-Z0-9]{8}\.\w+$/.test(file)) known.add(file);
    }
  }
  // A page of its text alone, without script and style, was not understood.
  if (known.size < 4) throw new Error(`the page leads only to ${[...known].join(", ")}`);
  return { bytes, plain, files: known.size };
}

/** The body as it is sent. */
function get(port: number, path: string, cookie: string, coding: Coding) {
  return new Promise<{ body: Buffer; encoding: string | undefined }>((resolve, reject) => {
    const headers = { cookie, "accept-encoding": coding };
    request({ host: "127.0.0.1", port, path, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.once("error", reject);
      answer.once("end", () => {
        if (answer.statusCode === 200)
          resolve({ body: Buffer.concat(chunks), encoding: answer.headers["content-encoding"] });
        else reject(new Error(`${path}: ${answer.statusCode}`));
      });
    })
      .once("error", reject)
      .end();
  });
}
