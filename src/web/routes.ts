import type { Handler } from "./asked.ts";
import type { Assets } from "./assets.ts";
import type { FeedHub } from "./feed-hub.ts";
import type { HandoutDesk } from "./handout.ts";
import type { Login } from "./login.ts";
import type { OperationDesk } from "./operations.ts";
import { file, health, page } from "./pages.ts";
import type { Feed } from "./port.ts";
import { json, seeOther, text } from "./reply.ts";

/** What a path answers, and to whom. */
export interface Route {
  readonly get?: Handler;
  readonly post?: Handler;
  /** Only with a session. `metrics`: or from the addresses of web.metricsFrom. */
  readonly session: "needed" | "metrics" | "not-needed";
  /** Whatever the name in the Host header: it tells nothing to a foreign page. */
  readonly anyHost?: true;
}
export type Routes = ReadonlyMap<string, Route>;

export interface Handlers {
  readonly login: Login;
  readonly hub: FeedHub;
  readonly handout: HandoutDesk;
  readonly operations: OperationDesk;
  readonly assets: Assets;
  readonly feed: Feed;
  readonly metrics: () => string;
}

const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** All paths that there are. A request's path is looked up here and goes nowhere else. */
export function routesOf({ login, hub, handout, operations, assets, feed, metrics }: Handlers): Routes {
  const loginPage = page(assets, "/login.html");
  const routes = new Map<string, Route>([
    ["/", { get: page(assets, "/index.html"), session: "needed" }],
    [
      "/login",
      {
        get: (asked) => (asked.session === null ? loginPage(asked) : seeOther("/")),
        post: (asked) => login.enter(asked),
        session: "not-needed",
      },
    ],
    ["/logout", { post: (asked) => login.leave(asked), session: "not-needed" }],
    ["/handout", { get: page(assets, "/handout.html"), session: "not-needed" }],
    [
      "/api/feed",
      {
        get: (asked) => {
          hub.listen(asked);
          return null;
        },
        session: "needed",
      },
    ],
    ["/api/history", { get: () => json(200, feed.history()), session: "needed" }],
    ["/api/operation", { post: (asked) => operations.perform(asked), session: "needed" }],
    [
      "/api/handout",
      { get: (asked) => handout.view(asked), post: (asked) => handout.collect(asked), session: "not-needed" },
    ],
    ["/metrics", { get: () => text(200, metrics(), METRICS_TYPE), session: "metrics" }],
    ["/healthz", { get: health(feed), session: "not-needed", anyHost: true }],
  ]);
  for (const path of assets.keys()) {
    const get = file(assets, path);
    if (get !== null && !routes.has(path)) routes.set(path, { get, session: "not-needed" });
  }
  return routes;
}
