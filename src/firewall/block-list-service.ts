import { setImmediate as nextTurn } from "node:timers/promises";
import { describeError, GatewayError } from "../base/errors.ts";
import { type Dispose, TypedEmitter } from "../base/events.ts";
import { parseAddress } from "../base/ip.ts";
import { type Service, within } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { type ApibanSettings, ApibanSource } from "./apiban-service.ts";
import {
  type PartCounts,
  type Protected,
  type Protection,
  protection,
  protects,
  protects4,
  sameBlocked,
  unite,
} from "./blocked-union.ts";
import { type ListSource, type TextListSettings, TextListSource } from "./list-source-service.ts";
import type { FetchPort, ListFilePort, StatePort } from "./port.ts";
import type { BlockedSources } from "./types.ts";

/** How long a start waits for the operator's own files. */
const START_LIMIT_MS = 2_000;
/** Changes that come together are joined together: ms. */
const GATHER_MS = 250;

export interface BlockListSettings {
  /** Null: APIBAN is not asked. */
  readonly apiban: ApibanSettings | null;
  readonly lists: readonly TextListSettings[];
}

export interface BlockListPorts {
  readonly fetch: FetchPort;
  readonly files: ListFilePort;
  readonly state: StatePort;
}

/** One list, for people and for the status. Counts are of its latest round. */
export interface BlockListView {
  readonly name: string;
  /** Entries of it that are blocked now. */
  readonly entries: number;
  readonly added: number;
  readonly alreadyThere: number;
  /** On our own lists, so not blocked; now. */
  readonly skipped: number;
  readonly refused: number;
  readonly ageS: number | null;
  readonly lastError: string | null;
}

const NOTHING: BlockedSources = { addresses4: new Uint32Array(), addresses6: [], networks: [] };

/** All lists of sources to block, joined into one. */
export class BlockListService implements Service {
  readonly name = "block-lists";
  readonly #ports: BlockListPorts;
  readonly #log: Log;
  readonly #emitter = new TypedEmitter<{ changed: [] }>();
  readonly #sources: readonly ListSource[];
  #guard: Protection = protection({ trusted: [], allowed: [] });
  #blocked = NOTHING;
  #counts: readonly PartCounts[] = [];
  #running = false;
  #gathering: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #unwritten = false;

  constructor(settings: BlockListSettings, ports: BlockListPorts, log: Log, unixMs: () => number = Date.now) {
    this.#ports = ports;
    this.#log = log;
    const events = { changed: () => this.#gather(), persist: () => this.#persist() };
    const lists = settings.lists.map((list) => new TextListSource(list, ports, events, unixMs, log));
    const protectsNow = {
      protects4: (address: number) => protects4(this.#guard, address, "stranger"),
      protects6: (text: string) => {
        const address = parseAddress(text);
        return address !== null && protects(this.#guard, address, "stranger");
      },
    };
    const { apiban } = settings;
    // The operator's own files first: where room is short they count most.
    this.#sources = [
      ...lists.filter(({ origin }) => origin === "operator"),
      ...lists.filter(({ origin }) => origin === "stranger"),
      ...(apiban === null ? [] : [new ApibanSource(apiban, ports.fetch, events, protectsNow, unixMs, log)]),
    ];
  }

  /** Everything that is to be blocked now. A new object after every change. */
  get blocked(): BlockedSources {
    return this.#blocked;
  }

  /** `blocked` is another one. */
  on(event: "changed", listener: () => void): Dispose {
    return this.#emitter.on(event, listener);
  }

  /** Who may never be blocked; call it before the start, and whenever names have other addresses. */
  setProtected(own: Protected): void {
    this.#guard = protection(own);
    this.#join();
  }

  /** Resolves with the stored copies and the files in `blocked`; what has to be fetched comes later. Never rejects. */
  async start(signal: AbortSignal): Promise<void> {
    const stored = await this.#ports.state.read().catch((error: unknown) => {
      this.#log.warn("the copies of the block lists are lost", { error: describeError(error) });
      return null;
    });
    if (signal.aborted) return;
    for (const source of this.#sources) source.restore(pieceOf(stored, source.name));
    this.#running = true;
    const files = this.#sources.filter(({ origin }) => origin === "operator");
    const read = Promise.all(files.map((source) => source.refresh()));
    await within(START_LIMIT_MS, read, "the lists were not read").catch((error: unknown) => {
      this.#log.warn("block lists come later", { error: describeError(error) });
    });
    this.#join();
    if (signal.aborted || !this.#running) return;
    for (const source of this.#sources) source.start();
  }

  async stop(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#gathering);
    await Promise.all(this.#sources.map((source) => source.stop()));
    await this.#writing;
  }

  /**
   * Reads one list, or all, again. APIBAN is asked only if it may be: not while it has told us to wait.
   * @throws GatewayError `no-such-list`
   */
  async refresh(name?: string): Promise<void> {
    const chosen = this.#sources.filter((source) => name === undefined || source.name === name);
    if (chosen.length === 0 && name !== undefined) {
      throw new GatewayError("no-such-list", `there is no block list "${name}"`, { details: { name } });
    }
    await Promise.all(chosen.map((source) => source.refresh()));
    this.#join();
  }

  view(): readonly BlockListView[] {
    return this.#sources.map((source, at) => {
      const { blocked, skipped, over } = this.#counts[at] ?? { blocked: 0, skipped: 0, over: 0 };
      const { added, alreadyThere, refused, ageS, lastError } = source.view();
      const { name } = source;
      return { name, entries: blocked, added, alreadyThere, skipped, refused: refused + over, ageS, lastError };
    });
  }

  #gather(): void {
    if (!this.#running) return;
    this.#gathering ??= setTimeout(() => this.#join(), GATHER_MS);
  }

  #join(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const { blocked, counts } = unite(this.#sources, this.#guard);
    this.#counts = counts;
    if (sameBlocked(blocked, this.#blocked)) return;
    this.#blocked = blocked;
    this.#emitter.emit("changed");
  }

  /** One write at a time; what changes meanwhile is in the next one. */
  #persist(): void {
    if (this.#unwritten) return;
    this.#unwritten = true;
    this.#writing = this.#writing.then(async () => {
      // Sources that are told something together are written together.
      await nextTurn();
      this.#unwritten = false;
      const lists = this.#sources.map((source) => [source.name, source.stored()]);
      await this.#ports.state.write({ version: 1, lists: Object.fromEntries(lists) }).catch((error: unknown) => {
        this.#log.error("the copies of the block lists could not be stored", { error: describeError(error) });
      });
    });
  }
}

function pieceOf(stored: unknown, name: string): unknown {
  if (typeof stored !== "object" || stored === null || !("version" in stored) || stored.version !== 1) return null;
  const lists = "lists" in stored ? stored.lists : null;
  if (typeof lists !== "object" || lists === null || !Object.hasOwn(lists, name)) return null;
  return (lists as Readonly<Record<string, unknown>>)[name];
}
