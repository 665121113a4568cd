import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DnsNames } from "./dns-names.ts";

const TYPES = { 1: "A", 28: "AAAA" } as const;
const SERVER_FAILURE = 2;
const NO_SUCH_NAME = 3;

interface Record4 {
  readonly ttl: number;
  readonly data: readonly number[];
}

/** A name server that answers by the type of the question: records, or a code of failure. */
let server: Socket;
let zone: Partial<Record<"A" | "AAAA", readonly Record4[] | number>>;
let names: DnsNames;

beforeEach(async () => {
  server = createSocket("udp4");
  server.on("message", (query, from) => server.send(answerTo(query), from.port, from.address));
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  names = new DnsNames([`127.0.0.1:${server.address().port}`]);
});

afterEach(() => server.close());

/** RFC 1035 section 4.1: the question again, and records that point back to its name. */
function answerTo(query: Buffer): Buffer {
  let at = 12;
  while ((query[at] ?? 0) !== 0) at += (query[at] ?? 0) + 1;
  const question = query.subarray(12, at + 5);
  const type = TYPES[query.readUInt16BE(at + 1) as keyof typeof TYPES];
  const found = zone[type] ?? [];
  const records = typeof found === "number" ? [] : found;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180 | (typeof found === "number" ? found : 0), 2);
  header.writeUInt16BE(records.length, 6);
  header.writeUInt32BE(0, 8);
  const body = records.map(({ ttl, data }) => {
    const fixed = Buffer.alloc(12);
    fixed.writeUInt16BE(0xc00c, 0);
    fixed.writeUInt16BE(type === "A" ? 1 : 28, 2);
    fixed.writeUInt16BE(1, 4);
    fixed.writeUInt32BE(ttl, 6);
    fixed.writeUInt16BE(data.length, 10);
    return Buffer.concat([fixed, Buffer.from(data)]);
  });
  return Buffer.concat([header, question, ...body]);
}

const four: Record4 = { ttl: 120, data: [45, 0, 0, 1] };
const six: Record4 = { ttl: 60, data: [0x2a, 1, 4, 0xf8, ...Array.from({ length: 11 }, () => 0), 1] };

describe("looking up a name", () => {
  it("gives both families and the shortest time to live", async () => {
    zone = { A: [four], AAAA: [six] };
    expect(await names.lookUp("pbx.example")).toEqual({ addresses: ["45.0.0.1", "2a01:4f8::1"], ttlS: 60 });
  });

  it("is whole when one family has no address", async () => {
    zone = { A: [four], AAAA: [] };
    expect(await names.lookUp("pbx.example")).toEqual({ addresses: ["45.0.0.1"], ttlS: 120 });
  });

  it("says that it has only half when one family could not be asked", async () => {
    zone = { A: SERVER_FAILURE, AAAA: [six] };
    expect(await names.lookUp("pbx.example")).toEqual({ addresses: ["2a01:4f8::1"], ttlS: 60, partial: true });
  });

  it("tells a name that is not there from a server that fails", async () => {
    zone = { A: NO_SUCH_NAME, AAAA: NO_SUCH_NAME };
    await expect(names.lookUp("no.example")).rejects.toMatchObject({ code: "name-unknown" });
    zone = { A: SERVER_FAILURE, AAAA: SERVER_FAILURE };
    await expect(names.lookUp("pbx.example")).rejects.toMatchObject({ code: "name-failed" });
    zone = { A: NO_SUCH_NAME, AAAA: SERVER_FAILURE };
    await expect(names.lookUp("pbx.example")).rejects.toMatchObject({ code: "name-failed" });
  });

  it("finds what only the system's own resolver knows", async () => {
    const { addresses } = await new DnsNames().lookUp("localhost");
    expect(addresses).toContain("127.0.0.1");
  });
});
