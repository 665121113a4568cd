import type { IssuedStore } from "../../credentials/port.ts";
import type { AuditRecord } from "../../credentials/types.ts";

/** The store, which tells of what enters its audit record. */
export function audited(store: IssuedStore, tell: (entry: AuditRecord) => void): IssuedStore {
  return {
    get issued() {
      return store.issued;
    },
    get reset() {
      return store.reset;
    },
    resetIssued: async (atMs) => {
      await store.resetIssued(atMs);
      tell({ type: "reset", atMs: Math.round(atMs), address: null });
    },
    completeReset: () => store.completeReset(),
    record: async (entry) => {
      await store.record(entry);
      tell(entry);
    },
  };
}
