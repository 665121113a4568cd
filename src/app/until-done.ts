import { setTimeout as delay } from "node:timers/promises";
import { describeError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";

const RETRY_MS = 5_000;

/** What does not come up is tried again for as long as `life` lasts; `tried` is called before each try. */
export async function untilDone(
  what: string,
  life: AbortSignal,
  start: () => Promise<void>,
  tried: () => void,
  log: Log,
): Promise<void> {
  let said = "";
  while (!life.aborted) {
    tried();
    try {
      await start();
      return;
    } catch (error) {
      if (life.aborted) return;
      const words = describeError(error);
      // Once is enough for a disk; the status goes on showing it.
      if (words !== said) log.error(`${what} does not come up; trying again`, { error: words });
      said = words;
      await delay(RETRY_MS, undefined, { signal: life }).catch(() => undefined);
    }
  }
}
