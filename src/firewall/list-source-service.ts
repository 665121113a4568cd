import { setImmediate as nextTurn } from "node:timers/promises";
import { describeError, GatewayError } from "../base/errors.ts";
import { formatNetwork } from "../base/ip.ts";
import type { Log } from "../base/log.ts";
import { has } from "./address-set.ts";
import type { RoundCounts } from "./apiban.ts";
import type { SourceEvents } from "./apiban-service.ts";
import {
  type ListEntries,
  type ListOrigin,
  ListReader,
  type ParsedList,
  packEntries,
  unlikeList,
  unpackEntries,
} from "./block-list.ts";
import type { FetchPort, ListFilePort } from "./port.ts";
import { WakeTimer } from "./wake-service.ts";

const MAX_BYTES = 8 * 1024 * 1024;
const TIMEOUT_MS = 60_000;
const RETRY_MS = 300_000;
/** Lines read before anything else has its turn: about a millisecond on a small machine. */
const PORTION = 1_000;

/** One list, wherever it comes from. */
export interface ListSource {
  readonly name: string;
  readonly origin: ListOrigin;
  readonly entries: ListEntries;
  /** Called before every start, with what was stored. */
  restore(stored: unknown): void;
  /** For the state file; null when there is nothing to keep. */
  stored(): unknown;
  /** Reads, and goes on reading at its interval. */
  start(): void;
  /** Resolves when it has been read again, or could not be. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
  view(): SourceView;
}

export interface SourceView extends RoundCounts {
  /** Seconds since the list last came whole; null when it never did. */
  readonly ageS: number | null;
  readonly lastError: string | null;
}

export interface TextListSettings {
  readonly name: string;
  /** Absolute path. Either this or `url`. */
  readonly file?: string | undefined;
  readonly url?: string | undefined;
  readonly refreshMinutes: number;
}

export interface TextListPorts {
  readonly fetch: FetchPort;
  readonly files: ListFilePort;
}

const EMPTY: ListEntries = { addresses4: new Uint32Array(), addresses6: [], networks: [] };

/** A plain list from a file or a URL. What was read last stays in force until it could be read again. */
export class TextListSource implements ListSource {
  readonly name: string;
  readonly origin: ListOrigin;
  readonly #settings: TextListSettings;
  readonly #ports: TextListPorts;
  readonly #events: SourceEvents;
  readonly #unixMs: () => number;
  readonly #log: Log;
  readonly #wake: WakeTimer;
  #life = new AbortController();
  #entries = EMPTY;
  #counts: RoundCounts = { added: 0, alreadyThere: 0, skipped: 0, refused: 0 };
  #readMs: number | null = null;
  #failures = 0;
  #fault: string | null = null;
  #reading: Promise<void> | undefined;

  constructor(settings: TextListSettings, ports: TextListPorts, events: SourceEvents, unixMs: () => number, log: Log) {
    this.name = settings.name;
    this.origin = settings.file === undefined ? "stranger" : "operator";
    this.#settings = settings;
    this.#ports = ports;
    this.#events = events;
    this.#unixMs = unixMs;
    this.#log = log;
    this.#wake = new WakeTimer(unixMs, () => void this.refresh());
  }

  get entries(): ListEntries {
    return this.#entries;
  }

  restore(stored: unknown): void {
    if (this.#life.signal.aborted) {
      // A start of the firewall that failed has stopped it, and the next attempt with it.
      this.#life = new AbortController();
      this.#failures = 0;
    }
    const { from, atMs, entries } = (stored ?? {}) as Readonly<Record<string, unknown>>;
    if (from === undefined || from !== this.#settings.url || typeof atMs !== "number") return;
    const kept = unpackEntries(entries);
    if (kept === null) return;
    this.#entries = kept;
    this.#readMs = atMs;
  }

  stored(): unknown {
    const { url } = this.#settings;
    // A file is at hand whenever we are.
    if (url === undefined || this.#readMs === null) return null;
    return { from: url, atMs: this.#readMs, entries: packEntries(this.#entries) };
  }

  start(): void {
    // Read already, without success: that has its own time to be tried again.
    if (this.#failures > 0 || this.#reading !== undefined) return;
    const now = this.#unixMs();
    const dueMs = this.#readMs === null ? now : this.#readMs + this.#intervalMs;
    // A copy from the future was stored by a clock that was wrong.
    if (dueMs <= now || dueMs > now + this.#intervalMs) void this.refresh();
    else this.#wake.at(dueMs);
  }

  refresh(): Promise<void> {
    if (this.#life.signal.aborted) return Promise.resolve();
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async stop(): Promise<void> {
    this.#life.abort();
    this.#wake.clear();
    await this.#reading;
  }

  view(): SourceView {
    const ageS = this.#readMs === null ? null : Math.max(0, Math.round((this.#unixMs() - this.#readMs) / 1_000));
    return { ...this.#counts, ageS, lastError: this.#fault };
  }

  get #intervalMs(): number {
    return this.#settings.refreshMinutes * 60_000;
  }

  async #read(): Promise<void> {
    this.#wake.clear();
    let waitMs = this.#intervalMs;
    try {
      const list = await this.#parse(await this.#text());
      this.#take(list);
    } catch (error) {
      this.#fault = describeError(error);
      waitMs = Math.min(waitMs, RETRY_MS * 2 ** Math.min(this.#failures++, 10));
      if (!this.#life.signal.aborted) {
        this.#log.warn("a block list stays as it was", { list: this.name, error: this.#fault });
      }
    }
    if (!this.#life.signal.aborted) this.#wake.at(this.#unixMs() + waitMs);
  }

  async #text(): Promise<string> {
    const { file, url } = this.#settings;
    if (file !== undefined) return this.#ports.files.read(file, MAX_BYTES);
    if (url === undefined) throw new GatewayError("list-file", "the list has neither a file nor a URL");
    const answer = await this.#ports.fetch.request(
      { method: "GET", url, headers: { accept: "text/plain" }, body: null, maxBytes: MAX_BYTES, timeoutMs: TIMEOUT_MS },
      this.#life.signal,
    );
    if (answer.status !== 200) throw new GatewayError("http-failed", `the answer was status ${answer.status}`);
    return answer.body;
  }

  async #parse(text: string): Promise<ParsedList> {
    const reader = new ListReader(text, this.origin);
    while (reader.read(PORTION)) {
      await nextTurn();
      this.#life.signal.throwIfAborted();
    }
    const list = reader.result();
    const unlike = this.origin === "stranger" ? unlikeList(list, text) : null;
    if (unlike !== null) throw new GatewayError("list-unlike", `what came is no list: ${unlike}`);
    return list;
  }

  #take(list: ParsedList): void {
    const before = this.#entries;
    const alreadyThere = knownOf(list, before);
    const total = sizeOf(list);
    this.#failures = 0;
    this.#fault = null;
    this.#readMs = this.#unixMs();
    this.#counts = { added: total - alreadyThere, alreadyThere, skipped: 0, refused: list.refused };
    if (list.refused > 0) {
      const first = list.faults.map(({ line, fault }) => `line ${line}: ${fault}`);
      this.#log.warn("lines of a block list were refused", { list: this.name, refused: list.refused, first });
    }
    if (alreadyThere !== total || sizeOf(before) !== total) {
      const { addresses4, addresses6, networks } = list;
      this.#entries = { addresses4, addresses6, networks };
      this.#events.changed();
    }
    if (this.#settings.url !== undefined) this.#events.persist();
  }
}

export function sizeOf(entries: ListEntries): number {
  return entries.addresses4.length + entries.addresses6.length + entries.networks.length;
}

/** How many of the entries were there before. */
function knownOf(entries: ListEntries, before: ListEntries): number {
  const texts = new Set([...before.addresses6, ...before.networks.map((network) => formatNetwork(network))]);
  let known = entries.addresses6.filter((text) => texts.has(text)).length;
  known += entries.networks.filter((network) => texts.has(formatNetwork(network))).length;
  for (const address of entries.addresses4) if (has(before.addresses4, address)) known++;
  return known;
}
