import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { within } from "../base/lifecycle.ts";
import type { StunPort } from "../nat/port.ts";
import { DatagramExchange } from "./pcp-exchange.ts";
import { decodeBinding, encodeBinding, parseStunServer, TRANSACTION_BYTES } from "./stun-codec.ts";

/** Time for the name; the resolver's own is much longer, ms. */
const NAME_LIMIT_MS = 2_000;
/** Sent again after 0.5 s and 1.5 s, as RFC 8489 section 6.2.1 begins; given up after 3 s. */
const PAUSES_MS = [500, 1_000, 1_500];

/** Asks STUN servers for our public address. */
export class StunClient implements StunPort {
  async ask(server: string, from: string, signal: AbortSignal): Promise<string | null> {
    const place = parseStunServer(server);
    if (place === null) return null;
    let exchange: DatagramExchange | null = null;
    try {
      const found = await within(NAME_LIMIT_MS, lookup(place.host, { family: 4 }), "no address");
      signal.throwIfAborted();
      exchange = await DatagramExchange.open(from, found.address, place.port, signal);
      const transaction = randomBytes(TRANSACTION_BYTES);
      const read = (bytes: Uint8Array) => decodeBinding(bytes, transaction);
      const answer = await exchange.ask(encodeBinding(transaction), read, signal, PAUSES_MS);
      return answer.kind === "answer" ? answer.value : null;
    } catch {
      // No name, no route, no socket: a server that cannot be asked is one that does not answer.
      return null;
    } finally {
      exchange?.close();
    }
  }
}
