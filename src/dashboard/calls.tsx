import { useState } from "preact/hooks";
import type { CallStatus, CallsStatus } from "../status/schema.ts";
import { stopwatch, when } from "./format.ts";
import { pure, Sheet, useNow } from "./parts.tsx";
import { text } from "./text/text.ts";

/** Calls in progress, and those of the last time. */

const words = text.calls;
const FEW = 6;

export const Calls = pure(function Calls(props: { figure: number; calls: CallsStatus | null; skewMs: number }) {
  const [all, setAll] = useState(false);
  const { calls } = props;
  const active = calls?.active ?? [];
  const recent = calls?.recent ?? [];
  const today = calls?.today ?? { fromPax: 0, toPax: 0, answered: 0, refused: 0 };
  return (
    <Sheet id="calls" figure={props.figure} title={words.title}>
      <dl class="meters">
        {(["fromPax", "toPax", "answered", "refused"] as const).map((key) => (
          <div key={key} class="meter">
            <dt>{words.today[key]}</dt>
            <dd>
              {String(today[key])
                .padStart(4, "0")
                .split("")
                .map((digit, index) => (
                  <span key={`${index}${digit}`} class="wheel">
                    {digit}
                  </span>
                ))}
            </dd>
          </div>
        ))}
      </dl>
      <h3>{words.active}</h3>
      <div aria-live="polite" aria-relevant="additions text">
        {active.length === 0 && <p class="none">{words.noneActive}</p>}
        <ul class="call-list">
          {active.map((call) => (
            <ActiveCall key={call.call} call={call} skewMs={props.skewMs} />
          ))}
        </ul>
      </div>
      <h3>{words.recent}</h3>
      {recent.length === 0 ? (
        <p class="none">{words.noneRecent}</p>
      ) : (
        <Recent calls={all ? recent : recent.slice(0, FEW)} skewMs={props.skewMs} />
      )}
      {recent.length > FEW && (
        <button type="button" class="button quiet" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? words.fewer : words.more(recent.length)}
        </button>
      )}
    </Sheet>
  );
});

function parties(call: CallStatus): string {
  const caller = call.caller === "" ? nobody(call) : call.caller;
  return `${caller} → ${call.number === "" ? "…" : call.number}`;
}

/** The PAX gives no number: its line says who calls. */
function nobody({ direction, line }: CallStatus): string {
  return direction === "from-pax" && line !== null ? words.pax(line) : words.nobody;
}

function ActiveCall({ call, skewMs }: { call: CallStatus; skewMs: number }) {
  return (
    <li class={`call call-${call.phase}`}>
      <Way direction={call.direction} />
      <span class="who">
        <strong>{parties(call)}</strong>
        <small>
          {words.direction[call.direction]}
          {call.line !== null && ` · ${call.line}`}
          {call.via !== null && ` · ${call.via}`}
        </small>
      </span>
      <span class="phase">{words.phase[call.phase]}</span>
      <Ticking fromMs={call.answeredMs ?? call.begunMs} skewMs={skewMs} />
    </li>
  );
}

function Ticking({ fromMs, skewMs }: { fromMs: number; skewMs: number }) {
  // Not for the screen reader: it would be read out every second.
  return (
    <span class="ticking" aria-hidden="true">
      {stopwatch(useNow(skewMs) - fromMs)}
    </span>
  );
}

function Recent({ calls, skewMs }: { calls: readonly CallStatus[]; skewMs: number }) {
  const now = useNow(skewMs, 60_000);
  const { columns } = words;
  return (
    <table class="recent">
      <thead>
        <tr>
          <th scope="col">{columns.time}</th>
          <th scope="col">{columns.who}</th>
          <th scope="col" class="wide">
            {columns.line}
          </th>
          <th scope="col" class="right">
            {columns.length}
          </th>
          <th scope="col">{columns.end}</th>
        </tr>
      </thead>
      <tbody>
        {calls.map((call) => (
          <tr key={call.call}>
            <td class="figures">{when(call.begunMs, now)}</td>
            <td>
              <Way direction={call.direction} />
              <span class="figures">{parties(call)}</span>
            </td>
            <td class="wide">{call.line ?? text.unknown}</td>
            <td class="right figures">
              {call.answeredMs === null || call.endedMs === null
                ? text.unknown
                : stopwatch(call.endedMs - call.answeredMs)}
            </td>
            <td>{call.reason ?? words.phase[call.phase]}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Way({ direction }: { direction: CallStatus["direction"] }) {
  const out = direction === "from-pax";
  return (
    <svg class="way" viewBox="0 0 20 20" width="18" height="18" role="img" aria-label={words.direction[direction]}>
      <path d={out ? "M5 15L15 5M8 5h7v7" : "M15 5L5 15M5 8v7h7"} />
    </svg>
  );
}
