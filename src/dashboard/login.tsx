import { render } from "preact";
import { text } from "./text/text.ts";

/** The login page: a plain form, which the server also answers without any script. */

const words = text.login;

function failure(search: URLSearchParams): string | null {
  if (search.get("failed") === "wrong") return words.wrong;
  const seconds = search.get("seconds") ?? "";
  if (search.get("failed") === "wait") return words.wait(/^\d{1,4}$/.test(seconds) ? seconds : "60");
  return null;
}

function Login() {
  const failed = failure(new URLSearchParams(location.search));
  return (
    <main class="card">
      <h1>{words.title}</h1>
      <p class="lead">{words.intro}</p>
      {failed !== null && (
        <p class="form-error" id="failed" role="alert">
          {failed}
        </p>
      )}
      <form method="post" action="/login">
        <label for="password">{words.password}</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="current-password"
          required
          autofocus
          aria-describedby={failed === null ? undefined : "failed"}
        />
        <button type="submit" class="button strong">
          {words.submit}
        </button>
      </form>
      <p class="aside">
        {words.forgotten} <a href="/handout">{words.handout}</a>.
      </p>
    </main>
  );
}

const root = document.getElementById("app");
if (root !== null) {
  // The page carries the bare form, for browsers without scripts; this one replaces it.
  root.replaceChildren();
  render(<Login />, root);
}
