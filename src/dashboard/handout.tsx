import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask } from "./api.ts";
import { afterWindow, atTime, claimDecoder, type Issued, type Stage, windowDecoder } from "./claims.ts";
import { stopwatch } from "./format.ts";
import { QrCode } from "./qr.tsx";
import { text } from "./text/text.ts";

/** The page of the window for new credentials. They are never stored; they go when the time is over. */

const words = text.handout;
const POLL_MS = 3_000;

function Handout() {
  const [stage, setStage] = useState<Stage>({ type: "loading" });
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const skew = useRef(0);
  const [, tick] = useState(0);

  useEffect(() => {
    const look = async () => {
      if (document.hidden) return;
      const answer = await ask("/api/handout");
      const window = answer.ok ? windowDecoder(answer.value) : null;
      if (window === null) return setError(answer.ok ? text.errors.unknown : answer.error.message);
      skew.current = window.value.nowMs - Date.now();
      setError(null);
      setStage((old) => afterWindow(old, window.value));
    };
    void look();
    const poll = setInterval(look, POLL_MS);
    const second = setInterval(() => {
      setStage((old) => atTime(old, Date.now() + skew.current));
      tick((count) => (count + 1) % 1_000_000);
    }, 1_000);
    return () => {
      clearInterval(poll);
      clearInterval(second);
    };
  }, []);

  const claim = async () => {
    if (busy) return;
    setBusy(true);
    const answer = await ask("/api/handout", {});
    setBusy(false);
    const got = answer.ok ? claimDecoder(answer.value) : null;
    if (got === null || got.value.openUntilMs === null) {
      return setError(answer.ok ? text.errors.unknown : answer.error.message);
    }
    setError(null);
    setStage({ type: "shown", untilMs: got.value.openUntilMs, credentials: got.value.credentials });
  };

  const left = "untilMs" in stage ? stopwatch(stage.untilMs - Date.now() - skew.current) : "";
  return (
    <main class="card wide-card">
      <h1>{words.title}</h1>
      {error !== null && (
        <p class="form-error" role="alert">
          {error}
        </p>
      )}
      <div aria-live="polite">
        {(stage.type === "closed" || stage.type === "over") && (
          <>
            <p class="lead">{stage.type === "over" ? words.over : words.closed}</p>
            <ol class="steps">
              {words.steps.map((one) => (
                <li key={one}>{one}</li>
              ))}
            </ol>
          </>
        )}
        {stage.type === "open" && (
          <>
            <p class="lead">{words.open}</p>
            {stage.collectedBy === null ? (
              <p>{words.openText}</p>
            ) : (
              <p class="banner">
                <strong>{words.elsewhere(stage.collectedBy)}</strong> {words.elsewhereText}
              </p>
            )}
          </>
        )}
        {stage.type === "shown" && <p>{words.shown}</p>}
      </div>
      {left !== "" && (
        <p class="countdown" role="timer">
          {words.left(left)}
        </p>
      )}
      {stage.type === "open" && (
        <button type="button" class="button strong" aria-busy={busy} onClick={claim}>
          {words.show}
        </button>
      )}
      {stage.type === "shown" && (
        <ul class="issued">
          {stage.credentials.map((one) => (
            <Credential key={`${one.kind} ${one.name}`} issued={one} />
          ))}
        </ul>
      )}
      <p class="aside">
        <a href="/login">{words.toLogin}</a>
      </p>
    </main>
  );
}

function Credential({ issued }: { issued: Issued }) {
  const title = `${words.kinds[issued.kind]}: ${issued.name}`;
  return (
    <li>
      <div>
        <h2>{title}</h2>
        <dl class="secrets">
          {issued.username !== "" && (
            <Secret name={words.columns.username} value={issued.username} label={words.copyUsername(issued.name)} />
          )}
          <Secret name={words.columns.secret} value={issued.secret} label={words.copySecret(issued.name)} />
        </dl>
      </div>
      {issued.uri !== null && (
        <figure>
          <QrCode content={issued.uri} label={words.qr(issued.name)} />
          <figcaption>{words.qrHint}</figcaption>
        </figure>
      )}
    </li>
  );
}

function Secret({ name, value, label }: { name: string; value: string; label: string }) {
  const [said, setSaid] = useState("");
  const code = useRef<HTMLElement>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setSaid(words.copied);
    } catch {
      // Over plain HTTP a browser gives no clipboard: the text is selected instead.
      if (code.current !== null) getSelection()?.selectAllChildren(code.current);
      setSaid(words.copyFailed);
    }
  };
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <code ref={code}>{value}</code>
        <button type="button" class="button" aria-label={label} onClick={copy}>
          {words.copy}
        </button>
        <span class="outcome" role="status">
          {said}
        </span>
      </dd>
    </div>
  );
}

const root = document.getElementById("app");
if (root !== null) {
  root.replaceChildren();
  render(<Handout />, root);
}
