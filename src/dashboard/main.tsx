import { render } from "preact";
import { App } from "./app.tsx";
import { createLive, run } from "./live.ts";

/** The dashboard's page. */

const toLogin = () => location.assign("/login");

async function logOut(): Promise<void> {
  try {
    await fetch("/logout", {
      method: "POST",
      headers: { accept: "application/json", "content-type": "application/json", "x-paxgate": "1" },
      body: "{}",
    });
  } finally {
    toLogin();
  }
}

const live = createLive();
const root = document.getElementById("app");
if (root !== null) {
  // The page carries a mark for the time until this runs.
  root.replaceChildren();
  render(<App live={live} onLogOut={() => void logOut()} />, root);
  run(live, toLogin);
}
