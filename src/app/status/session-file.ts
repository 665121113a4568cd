import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { StateFileAdapter } from "../../drivers/state-file.ts";
import type { KeptSession, SessionStore } from "../../web/port.ts";

const MAX_SESSIONS = 100;
const SHA256 = /^[A-Za-z0-9+/]{43}=$/;
const time = z.number().int().nonnegative();

const fileSchema = z.strictObject({
  version: z.literal(1),
  /** SHA-256 of the password that they were opened with: with another one none of them counts. */
  password: z.string().regex(SHA256),
  sessions: z.array(z.strictObject({ hash: z.string().regex(SHA256), atMs: time, leftMs: time })).max(MAX_SESSIONS),
});

/**
 * The page's sessions in the state directory, readable by root only. They end with the password also when power goes
 * before the page could be told of a new one. What is damaged is forgotten: a generation before could bring somebody
 * back who has logged out.
 */
export class SessionFile implements SessionStore {
  readonly #file: StateFileAdapter;
  readonly #password: () => string;
  #damaged = false;

  /** `password`: the page's, as it is now. */
  constructor(directory: string, password: () => string) {
    this.#file = new StateFileAdapter(join(directory, "sessions.json"), () => {
      this.#damaged = true;
    });
    this.#password = password;
  }

  /** @throws GatewayError `state-lost` */
  async load(): Promise<readonly KeptSession[]> {
    this.#damaged = false;
    const read = fileSchema.safeParse(await this.#file.read());
    if (!read.success || this.#damaged) return [];
    return read.data.password === this.#mark() ? read.data.sessions : [];
  }

  async save(sessions: readonly KeptSession[]): Promise<void> {
    await this.#file.write({ version: 1, password: this.#mark(), sessions: sessions.slice(-MAX_SESSIONS) });
  }

  #mark(): string {
    return createHash("sha256").update(this.#password()).digest("base64");
  }
}
