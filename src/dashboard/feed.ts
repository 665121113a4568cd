import type { Input } from "./model.ts";

/** The live feed: an `EventSource` that is made again for ever, and noticed when it is dead. */

/** The server says something every 15 s; after this long without a word the connection is dead, ms. */
export const DEAD_MS = 40_000;
const CHECK_MS = 5_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 15_000;

/** Everything that the feed says goes to `dispatch`. Answers what ends it. `onLoggedOut`: the session has ended. */
export function openFeed(dispatch: (input: Input) => void, onLoggedOut: () => void): () => void {
  let source: EventSource | null = null;
  let lastMs = Date.now();
  let retryMs = FIRST_RETRY_MS;
  let retry: number | undefined;
  let ended = false;

  const connect = () => {
    if (ended) return;
    lastMs = Date.now();
    const made = new EventSource("/api/feed");
    source = made;
    for (const type of ["snapshot", "message", "broker", "alive"] as const) {
      made.addEventListener(type, (event: MessageEvent<unknown>) => {
        lastMs = Date.now();
        const data = parsed(event.data);
        if (data === undefined) return;
        if (type === "snapshot") retryMs = FIRST_RETRY_MS;
        dispatch({ type, data, atMs: lastMs });
      });
    }
    made.addEventListener("bye", (event: MessageEvent<unknown>) => {
      const data = parsed(event.data);
      if (typeof data === "object" && data !== null && "reason" in data && data.reason === "session") onLoggedOut();
    });
    made.onerror = () => {
      dispatch({ type: "lost" });
      // Otherwise it connects again by itself.
      if (made.readyState === EventSource.CLOSED) void again(made);
    };
  };

  const again = async (from: EventSource) => {
    from.close();
    if (source !== from) return;
    source = null;
    if (await loggedOut()) return onLoggedOut();
    clearTimeout(retry);
    retry = window.setTimeout(connect, retryMs);
    retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
  };

  const watch = window.setInterval(() => {
    if (source === null || Date.now() - lastMs < DEAD_MS) return;
    dispatch({ type: "lost" });
    void again(source);
  }, CHECK_MS);

  connect();
  return () => {
    ended = true;
    clearInterval(watch);
    clearTimeout(retry);
    source?.close();
  };
}

async function loggedOut(): Promise<boolean> {
  try {
    return (await fetch("/api/history", { headers: { accept: "application/json" } })).status === 401;
  } catch {
    return false;
  }
}

function parsed(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined;
  }
}
