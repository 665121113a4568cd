import type { Asked, Handler } from "./asked.ts";
import { type Asset, type Assets, formOf } from "./assets.ts";
import type { Feed } from "./port.ts";
import { Refusal } from "./refusal.ts";
import { type Reply, text } from "./reply.ts";

const FOR_EVER = "public, max-age=31536000, immutable";

/** A page, or the words that it is not there. */
export function page(assets: Assets, name: string): Handler {
  return ({ request }) => {
    const asset = assets.get(name);
    if (asset === undefined) {
      throw new Refusal(
        "no-page",
        "The page's files are missing on this gateway. Calls are not affected; install the gateway again.",
      );
    }
    const { body, encoding } = formOf(asset, accepted(request.headers["accept-encoding"]));
    return { status: 200, headers: { ...headOf(asset, encoding), Vary: "Accept-Encoding, Cookie" }, body };
  };
}

/** A static file; null when there is none at that path. Pages have paths of their own. */
export function file(assets: Assets, path: string): Handler | null {
  const asset = assets.get(path);
  if (asset === undefined || path.endsWith(".html")) return null;
  return ({ request }) => fileReply(asset, request.headers["accept-encoding"], request.headers["if-none-match"]);
}

function fileReply(asset: Asset, accepts: string | string[] | undefined, known: string | undefined): Reply {
  const { body, encoding } = formOf(asset, accepted(accepts));
  const etag = `"${asset.etag}${encoding === null ? "" : `-${encoding}`}"`;
  const keep = { ETag: etag, Vary: "Accept-Encoding", "Cache-Control": asset.forEver ? FOR_EVER : "no-cache" };
  const same = known?.split(",").some((one) => one.trim().replace(/^W\//, "") === etag) ?? false;
  if (same) return { status: 304, headers: keep, body: null };
  return { status: 200, headers: { ...headOf(asset, encoding), ...keep }, body };
}

function headOf(asset: Asset, encoding: string | null): Record<string, string> {
  return encoding === null
    ? { "Content-Type": asset.type }
    : { "Content-Type": asset.type, "Content-Encoding": encoding };
}

function accepted(header: string | string[] | undefined): string {
  return Array.isArray(header) ? header.join(",") : (header ?? "");
}

/** Whether the gateway can do its work, for whatever watches over it. Says nothing else. */
export function health(feed: Feed): (asked: Asked) => Reply {
  return () => {
    const own = feed.snapshot().find(({ site, topic }) => site === feed.site && topic === "gateway");
    const payload = own?.payload;
    const state = typeof payload === "object" && payload !== null && "state" in payload ? payload.state : "starting";
    return state === "ready" || state === "degraded" ? text(200, "ok\n") : text(503, `${String(state)}\n`);
  };
}
