import { openFeed } from "./feed.ts";
import { type Input, initialView, type View } from "./model.ts";
import { step } from "./store.ts";

/** Holds the view, and tells the page of its changes once a frame, and only when somebody looks. */
export interface Live {
  readonly view: View;
  dispatch(input: Input): void;
  /** Told in an animation frame after changes; a hidden page has no frames, so it costs nothing. */
  onFrame(listener: (view: View) => void): () => void;
}

export function createLive(): Live {
  let view = initialView;
  let asked = false;
  const listeners = new Set<(view: View) => void>();
  return {
    get view() {
      return view;
    },
    dispatch(input) {
      const next = step(view, input);
      if (next === view) return;
      view = next;
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        for (const listener of listeners) listener(view);
      });
    },
    onFrame(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** How often the plots are read again while somebody looks, ms. */
const HISTORY_MS = 60_000;

/** Joins the feed and the history to the page. */
export function run(live: Live, onLoggedOut: () => void): void {
  openFeed((input) => {
    live.dispatch(input);
    if (input.type === "snapshot") void readHistory();
  }, onLoggedOut);
  let readMs = 0;
  const readHistory = async () => {
    if (document.hidden) return;
    readMs = Date.now();
    try {
      const answer = await fetch("/api/history", { headers: { accept: "application/json" } });
      if (answer.ok) live.dispatch({ type: "history", data: await answer.json() });
    } catch {
      // The feed notices by itself when the gateway is gone; the plots are read again in a minute.
    }
  };
  setInterval(readHistory, HISTORY_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - readMs > HISTORY_MS) void readHistory();
  });
}
