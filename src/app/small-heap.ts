import { setFlagsFromString } from "node:v8";

/**
 * Keeps V8's young generation from growing. It would become 16 MB three times over before it was cleared: measured with
 * 8 lines in talk, up to 91 MB of memory against 79 MB, for a supervisor that has nothing to gain from it, since what it
 * allocates is short-lived. Cleared more often, each pause is shorter too.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}
