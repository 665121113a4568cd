import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatNetwork, parseNetwork } from "../../src/base/ip.ts";
import { silentLog } from "../../src/base/log.ts";
import { HttpFetch } from "../../src/drivers/http-fetch.ts";
import { ListFiles } from "../../src/drivers/list-files.ts";
import { StateFileAdapter } from "../../src/drivers/state-file.ts";
import { formatAddress4 } from "../../src/firewall/address-set.ts";
import { BlockListService, type BlockListSettings } from "../../src/firewall/block-list-service.ts";
import type { FetchPort } from "../../src/firewall/port.ts";
import { FakeApiban, reply } from "./support/fake-apiban.ts";

/** Public addresses, 45.0.0.0 and up. */
const some = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => formatAddress4(0x2d00_0000 + from + at));

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const http = new HttpFetch();
let apiban: FakeApiban;
let directory: string;
let services: BlockListService[];
let now: number;

beforeEach(async () => {
  apiban = new FakeApiban();
  await apiban.start();
  directory = await mkdtemp(join(tmpdir(), "guard-lists-"));
  services = [];
  now = Date.UTC(2026, 4, 1);
});

afterEach(async () => {
  for (const service of services) await service.stop();
  await apiban.stop();
  await rm(directory, { recursive: true });
});

const APIBAN: BlockListSettings = { apiban: { key: "given-key", url: "", refreshMinutes: 30 }, lists: [] };

/** As in the gateway, but nobody waits twenty seconds here. */
const impatient: FetchPort = {
  request: (request, signal) => http.request({ ...request, timeoutMs: 1_000 }, signal),
};

/** The service as it is in the gateway, but for the calendar, with its state on the disk. */
async function begin(settings: BlockListSettings = APIBAN): Promise<BlockListService> {
  const service = new BlockListService(
    { ...settings, apiban: settings.apiban === null ? null : { ...settings.apiban, url: apiban.url } },
    {
      fetch: impatient,
      files: new ListFiles(),
      state: new StateFileAdapter(join(directory, "lists.json"), () => undefined),
    },
    silentLog,
    () => now,
  );
  services.push(service);
  await service.start(new AbortController().signal);
  return service;
}

/** Ended as by a stop; what it stored is there for the next one. */
async function end(service: BlockListService): Promise<void> {
  services.splice(services.indexOf(service), 1);
  await service.stop();
}

const blockedOf = (service: BlockListService) => [
  ...Array.from(service.blocked.addresses4, formatAddress4),
  ...service.blocked.addresses6,
  ...service.blocked.networks,
];

describe("APIBAN over HTTP", () => {
  it("is read page after page to its end, IPv6 as well, and asked later from where it ended", async () => {
    apiban.addresses = [...some(600), "2a01:4f8::1", "2A01:04F8:0:0::2"];
    const service = await begin();
    await service.refresh("apiban");
    expect(apiban.cursors).toEqual(["100", ...[250, 500, 602].map((count) => apiban.cursorAfter(count))]);
    expect(apiban.requests[0]).toMatchObject({ method: "POST", path: "/api/get", key: "given-key" });
    expect(blockedOf(service)).toEqual([...some(600), "2a01:4f8::1", "2a01:4f8::2"]);
    expect(service.view()).toEqual([
      { name: "apiban", entries: 602, added: 602, alreadyThere: 0, skipped: 0, refused: 0, ageS: 0, lastError: null },
    ]);
    apiban.addresses.push(...some(3, 5_000), ...some(2));
    now += 120_000;
    await service.refresh("apiban");
    expect(apiban.cursors.slice(4)).toEqual([apiban.cursorAfter(602), apiban.cursorAfter(607)]);
    expect(service.view()[0]).toMatchObject({ entries: 605, added: 3, alreadyThere: 2 });
  });

  it("continues a cold start that met 429, does not begin it again, also after a restart", async () => {
    apiban.addresses = some(2_000);
    apiban.callsAllowed = 3;
    const first = await begin();
    await first.refresh("apiban");
    expect(first.blocked.addresses4).toHaveLength(750);
    expect(first.view()[0]).toMatchObject({ added: 750, lastError: "APIBAN asks for patience" });
    await first.refresh("apiban");
    expect(apiban.requests).toHaveLength(4);
    await end(first);

    apiban.forgive();
    const second = await begin();
    expect(second.blocked.addresses4).toHaveLength(750);
    await second.refresh("apiban");
    expect(apiban.cursors[4]).toBe(apiban.cursorAfter(750));
    expect(second.blocked.addresses4).toHaveLength(1_500);
    await end(second);

    apiban.forgive();
    const third = await begin();
    await third.refresh("apiban");
    expect(blockedOf(third)).toEqual(some(2_000));
    expect(apiban.cursors.filter((cursor) => cursor === "100")).toHaveLength(1);
  });

  it("works from its copy with no network, until seven days are over", async () => {
    apiban.addresses = some(300);
    const first = await begin();
    await first.refresh("apiban");
    await end(first);
    apiban.hostile = (response) => response.destroy();
    now += 6 * 86_400_000;
    const second = await begin();
    expect(blockedOf(second)).toEqual(some(300));
    await second.refresh("apiban");
    expect(second.view()[0]).toMatchObject({ entries: 300, lastError: expect.stringContaining("did not answer") });
    await end(second);
    now += 86_401_000;
    const third = await begin();
    await third.refresh("apiban");
    expect(blockedOf(third)).toEqual([]);
  });

  it("is not asked again soon with a key that it refuses", async () => {
    apiban.key = "another-key";
    const service = await begin();
    await service.refresh("apiban");
    await service.refresh("apiban");
    expect(apiban.requests).toHaveLength(1);
    expect(service.view()[0]).toMatchObject({ lastError: "APIBAN refuses the key" });
  });

  it("counts what is ours as skipped, and unblocks what becomes ours", async () => {
    apiban.addresses = [...some(10), "10.1.1.1", "127.0.0.1", "not an address", "45.0.0.0/8", "0.0.0.0/0"];
    const service = await begin();
    const network = parseNetwork("45.0.0.4/30");
    if (network === null) throw new Error("no network");
    service.setProtected({ trusted: [network], allowed: [] });
    await service.refresh("apiban");
    expect(blockedOf(service)).toEqual([...some(4), ...some(2, 8)]);
    expect(service.view()[0]).toMatchObject({ entries: 6, added: 6, skipped: 4, refused: 5 });
    const changed = changeOf(service);
    service.setProtected({ trusted: [], allowed: some(10).flatMap((text) => parseNetwork(text) ?? []) });
    await changed;
    expect(blockedOf(service)).toEqual([]);
  });
});

function changeOf(service: BlockListService): Promise<void> {
  return new Promise((resolve) => {
    const dispose = service.on("changed", () => {
      dispose();
      resolve();
    });
  });
}

describe("hostile answers in APIBAN's place", () => {
  const good = some(5);

  it.each<[string, FakeApiban["hostile"], RegExp]>([
    ["a page of HTML", (response) => reply(response, 200, "<html>captive portal</html>"), /no JSON object/],
    ["a text where addresses belong", (response) => reply(response, 200, { ipaddress: "1.2.3.4", ID: "7" }), /no page/],
    ["wrong types", (response) => reply(response, 200, { ipaddress: { a: 1 }, ID: ["7"] }), /no page/],
    ["an array at the top", (response) => reply(response, 200, "[1,2,3]"), /no JSON object/],
    ["a cursor that is no number", (response) => reply(response, 200, { ipaddress: good, ID: "../../x" }), /no page/],
    ["a redirect", (response) => void response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(), /status 302/],
    ["a fault of the server", (response) => reply(response, 500, "oops"), /status 500/],
    ["another 400", (response) => reply(response, 400, { ipaddress: ["bad request"], ID: "none" }), /status 400/],
    ["too much", (response) => reply(response, 200, "x".repeat(3_000_000)), /more than 262144 bytes/],
    [
      "too many addresses",
      (response) => reply(response, 200, { ipaddress: Array.from({ length: 5_000 }, () => "1.2.3.4"), ID: "7" }),
      /a page of 5000/,
    ],
    [
      "a connection that ends",
      (response) => void response.write("{", () => response.destroy()),
      /broke off|did not answer/,
    ],
    ["no answer", () => undefined, /did not answer within 1000 ms/],
    [
      "an answer that drips",
      (response) => {
        const timer = setInterval(() => response.write(" "), 50);
        response.on("close", () => clearInterval(timer));
      },
      /did not answer within 1000 ms/,
    ],
  ])("%s: nothing is blocked, nothing is lost, and it is asked once", async (_, hostile, error) => {
    apiban.addresses = [...good];
    const service = await begin();
    await service.refresh("apiban");
    apiban.hostile = hostile;
    now += 3_600_000;
    apiban.requests.length = 0;
    await service.refresh("apiban");
    expect(apiban.requests).toHaveLength(1);
    expect(blockedOf(service)).toEqual(good);
    expect(service.view()[0]?.lastError).toMatch(error);
    // And it goes on from the same place afterwards.
    await end(service);
    apiban.hostile = null;
    apiban.addresses.push("45.1.1.1");
    const next = await begin();
    await next.refresh("apiban");
    expect(blockedOf(next)).toEqual([...some(5), "45.1.1.1"]);
  });

  it("a cursor that does not move is not followed for ever", async () => {
    apiban.hostile = (response) => reply(response, 200, { ipaddress: good, ID: "100" });
    const service = await begin();
    await service.refresh("apiban");
    expect(apiban.requests).toHaveLength(1);
    expect(service.view()[0]?.lastError).toMatch(/cursor does not move/);
  });

  it("a list without end ends with the round", async () => {
    apiban.hostile = (response, { cursor }) =>
      reply(response, 200, { ipaddress: good, ID: String(Number(cursor) + 1) });
    const service = await begin();
    await service.refresh("apiban");
    expect(apiban.requests).toHaveLength(400);
    expect(blockedOf(service)).toEqual(good);
  });

  it("more addresses than we keep are refused and counted", async () => {
    let told = 0;
    apiban.hostile = (response) => {
      const page = some(2_000, told);
      told += 2_000;
      reply(response, 200, { ipaddress: page, ID: String(told) });
    };
    const service = await begin();
    await service.refresh("apiban");
    expect(service.blocked.addresses4).toHaveLength(200_000);
    expect(apiban.requests).toHaveLength(100);
  });
});

describe("plain lists", () => {
  let server: Server;
  let answer: (path: string) => { status: number; body: string };

  beforeEach(async () => {
    server = createServer((request, response) => {
      const { status, body } = answer(request.url ?? "");
      response.writeHead(status).end(body);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });

  afterEach(async () => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  });

  const settings = (): BlockListSettings => ({
    apiban: null,
    lists: [
      { name: "ours", file: join(directory, "ours.txt"), refreshMinutes: 60 },
      { name: "theirs", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/list`, refreshMinutes: 60 },
    ],
  });

  it("are joined without overlap; the file is there when the start is over", async () => {
    answer = () => ({ status: 200, body: "45.0.0.1\n45.0.1.0/24\n10.0.0.0/8\n2a01:4f8::/32\n" });
    await writeFile(
      join(directory, "ours.txt"),
      "# ours\r\n45.0.1.7\r\n10.1.2.3 ; a phone\r\n\r\nnonsense\r\n0.0.0.0/0\r\n",
    );
    const service = await begin(settings());
    expect(blockedOf(service)).toEqual(["10.1.2.3", "45.0.1.7"]);
    expect(service.view()[0]).toMatchObject({ name: "ours", entries: 2, added: 2, refused: 2, lastError: null });
    await service.refresh();
    expect(blockedOf(service)).toEqual(["10.1.2.3", "45.0.0.1", "45.0.1.0/24", "2a01:4f8::/32"]);
    expect(service.view()[1]).toMatchObject({ name: "theirs", entries: 3, refused: 1 });
    await expect(service.refresh("nobody's")).rejects.toMatchObject({ code: "no-such-list" });
  });

  it("keep what they last had when they fail, come empty or as a page, and after a restart", async () => {
    answer = () => ({ status: 200, body: "45.0.0.1\n45.0.1.0/24\n" });
    await writeFile(join(directory, "ours.txt"), "45.9.9.9\n");
    const first = await begin(settings());
    await first.refresh();
    const before = blockedOf(first);
    await rm(join(directory, "ours.txt"));
    for (const body of ["", "<html>\n<body>\nlog in first\n</body>\n"]) {
      answer = () => ({ status: 200, body });
      await first.refresh();
      expect(blockedOf(first)).toEqual(before);
      expect(first.view()[1]?.lastError).toMatch(/no list/);
    }
    answer = () => ({ status: 503, body: "45.0.0.2" });
    await first.refresh();
    expect(blockedOf(first)).toEqual(before);
    expect(first.view().map(({ lastError }) => lastError)).toEqual([
      expect.stringContaining("cannot read"),
      expect.stringContaining("503"),
    ]);
    await end(first);
    now += 30 * 86_400_000;
    const second = await begin(settings());
    expect(blockedOf(second)).toEqual(["45.0.0.1", "45.0.1.0/24"]);
    answer = () => ({ status: 200, body: "45.0.0.3\n" });
    await second.refresh("theirs");
    expect(blockedOf(second)).toEqual(["45.0.0.3"]);
  });

  it("never block whom we trust, nor from elsewhere where phones come from", async () => {
    answer = () => ({ status: 200, body: "45.0.0.0/16\n46.0.0.5\n46.1.0.0/16\n" });
    await writeFile(join(directory, "ours.txt"), "46.0.0.5\n46.0.0.6\n46.0.0.0/8\n45.0.0.1\n");
    const service = await begin(settings());
    const networks = (...texts: string[]) => texts.flatMap((text) => parseNetwork(text) ?? []);
    service.setProtected({ trusted: networks("45.0.0.1"), allowed: networks("46.0.0.0/24") });
    await service.refresh();
    expect(blockedOf(service)).toEqual(["46.0.0.5", "46.0.0.6", "46.1.0.0/16"]);
    expect(service.view().map(({ entries, skipped }) => [entries, skipped])).toEqual([
      [2, 2],
      [1, 2],
    ]);
  });

  it("hold 100,000 addresses and 5,000 networks in little memory", async () => {
    const networks = Array.from({ length: 5_000 }, (_, at) =>
      formatNetwork({ family: 4, first: BigInt(0x2e00_0000 + at * 512), prefix: 24 }),
    );
    const body = [
      ...Array.from({ length: 100_000 }, (_, at) => formatAddress4(0x5000_0000 + at * 977)),
      ...networks,
    ].join("\n");
    answer = () => ({ status: 200, body });
    await writeFile(join(directory, "ours.txt"), "");
    collect();
    const before = process.memoryUsage();
    const service = await begin(settings());
    await service.refresh();
    collect();
    const after = process.memoryUsage();
    const grown = after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers;
    expect(grown).toBeLessThan(10_000_000);
    expect(service.blocked.addresses4).toHaveLength(100_000);
    expect(service.blocked.networks).toHaveLength(5_000);
    await end(service);
    const again = await begin(settings());
    expect(again.blocked.addresses4).toEqual(service.blocked.addresses4);
  });
});
