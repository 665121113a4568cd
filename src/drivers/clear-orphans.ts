import type { Log } from "../base/log.ts";
import type { AriApi } from "./ari.ts";
import type { AriChannel } from "./ari-types.ts";

export interface OrphanSearch {
  /** Whether a channel or bridge with this id belongs to a call of now. */
  readonly isOurs: (id: string) => boolean;
  /** Whether the connection that the search began with is still the one in use. */
  readonly isCurrent: () => boolean;
}

/** Hangs up what an earlier supervisor left in this Asterisk, which serves no other application. */
export async function clearOrphans(ari: AriApi, { isOurs, isCurrent }: OrphanSearch, log: Log): Promise<void> {
  const left = async (what: "channels" | "bridges"): Promise<string[]> => {
    const found = (await ari.request("GET", `/${what}`)) as readonly Pick<AriChannel, "id">[];
    // An answer that was long on its way may name the calls of a connection that has come since.
    return isCurrent() ? found.map(({ id }) => id).filter((id) => !isOurs(id)) : [];
  };
  const end = (what: string, ids: readonly string[]) =>
    // One that has gone in the meantime answers 404, which is as good.
    Promise.allSettled(ids.map((id) => ari.request("DELETE", `/${what}/${encodeURIComponent(id)}`)));
  const channels = await left("channels");
  const bridges = await left("bridges");
  if (channels.length > 0) log.warn("hanging up orphaned channels", { count: channels.length });
  await end("channels", channels);
  await end("bridges", bridges);
}
