import type { Log } from "../base/log.ts";
import type { AriApi } from "./ari.ts";
import type { AriChannel } from "./ari-types.ts";

/** Hangs up what an earlier supervisor left in this Asterisk, which serves no other application. */
export async function clearOrphans(ari: AriApi, log: Log): Promise<void> {
  const channels = (await ari.request("GET", "/channels")) as readonly AriChannel[];
  const bridges = (await ari.request("GET", "/bridges")) as readonly { readonly id: string }[];
  if (channels.length > 0) log.warn("hanging up orphaned channels", { count: channels.length });
  // One that has gone in the meantime answers 404, which is as good.
  await Promise.allSettled(channels.map(({ id }) => ari.request("DELETE", `/channels/${encodeURIComponent(id)}`)));
  await Promise.allSettled(bridges.map(({ id }) => ari.request("DELETE", `/bridges/${encodeURIComponent(id)}`)));
}
