import type { CallStatus, LineStatusPayload } from "../status/schema.ts";
import { fixed, stopwatch, when } from "./format.ts";
import { lineFace } from "./looks.ts";
import { entry, type SiteView } from "./model.ts";
import { OperationButton, pure, Sheet, useNow } from "./parts.tsx";
import { text } from "./text/text.ts";
import { Train } from "./train.tsx";

/** The exchange: a picture of each line that lives. */

const words = text.exchange;

export const Exchange = pure(function Exchange(props: {
  figure: number;
  lines: SiteView["lines"];
  calls: SiteView["calls"];
  lastDigit: SiteView["lastDigit"];
  skewMs: number;
  mine: boolean;
}) {
  const names = Object.keys(props.lines);
  return (
    <Sheet id="exchange" figure={props.figure} title={words.title}>
      {names.length === 0 && <p class="none">{words.none}</p>}
      <ul class="lines">
        {names.map((name) => {
          const line = props.lines[name];
          if (line === undefined) return null;
          const call = props.calls?.active.find((one) => one.call === line.call) ?? null;
          const heard = entry(props.lastDigit, name) ?? null;
          return (
            <LineUnit
              key={name}
              line={line}
              call={call}
              reason={heard?.digit === null ? heard.reason : null}
              skewMs={props.skewMs}
              mine={props.mine}
            />
          );
        })}
      </ul>
    </Sheet>
  );
});

const LineUnit = pure(function LineUnit(props: {
  line: LineStatusPayload;
  call: CallStatus | null;
  /** Why the last digit was not understood. */
  reason: string | null;
  skewMs: number;
  mine: boolean;
}) {
  const { line, call } = props;
  const face = lineFace(line);
  const digits = line.digits === "" && call !== null ? call.number : line.digits;
  const shown = face.look === "idle" || face.look === "blocked" ? "" : digits;
  const fromPax = call === null ? line.state !== "seizing" && line.state !== "sending" : call.direction === "from-pax";
  const { dial } = line;
  return (
    <li class={`unit unit-${face.look}`} data-line={line.line}>
      <header class="unit-head">
        <svg class={`supervisory sup-${face.look}`} viewBox="0 0 32 32" width="34" height="34" aria-hidden="true">
          <circle class="bezel" cx="16" cy="16" r="15" />
          <circle class="glass" cx="16" cy="16" r="11.5" />
          <Mark look={face.look} />
        </svg>
        <div class="plate">
          <h3>{line.line}</h3>
          <p>
            {words.type[line.type]}, {words.group(line.group)}
          </p>
        </div>
        <p class="state">
          <strong>{face.word}</strong>
          <Since line={line} call={call} skewMs={props.skewMs} />
        </p>
      </header>
      <Train face={face} digits={shown} fromPax={fromPax} label={words.picture(line.line, face.word, shown)} />
      <div class="unit-read">
        <Drums digits={shown} />
        <p class="party">{call === null ? "" : partyOf(call)}</p>
      </div>
      <footer class="unit-foot">
        <dl>
          <div>
            <dt>{words.dialLabel}</dt>
            <dd class={dial.warn ? "warn" : undefined}>
              {dial.ips === null ? words.dialNone : words.dial(fixed(dial.ips, 1), fixed(dial.breakPercent, 0))}
              {dial.warn && ` – ${words.dialWarn}`}
              {props.reason !== null && ` – ${words.notUnderstood}`}
            </dd>
          </div>
          <div>
            <dt>{words.today}</dt>
            <dd>{words.callsToday(line.callsToday.fromPax, line.callsToday.toPax)}</dd>
          </div>
        </dl>
        {props.mine && (
          <OperationButton
            name={line.blocked ? "line/unblock" : "line/block"}
            params={{ line: line.line }}
            label={line.blocked ? words.unblockLabel(line.line) : words.blockLabel(line.line)}
          >
            {line.blocked ? words.unblock : words.block}
          </OperationButton>
        )}
        {line.blocked && face.look !== "blocked" && <p class="pending">{words.blocking}</p>}
      </footer>
    </li>
  );
});

function partyOf(call: CallStatus): string {
  const parts: string[] = [call.direction === "from-pax" ? words.to(call.number) : words.from(call.caller)];
  if (call.via !== null) parts.push(words.via(call.via));
  return parts.join(" ");
}

/** How long it talks; else since when it is as it is. */
function Since({ line, call, skewMs }: { line: LineStatusPayload; call: CallStatus | null; skewMs: number }) {
  const now = useNow(skewMs);
  if (line.call === null) return <span>{when(line.sinceMs, now)}</span>;
  return <span class="ticking">{stopwatch(now - (call?.answeredMs ?? line.sinceMs))}</span>;
}

/** A roller for each digit, as of a counter. */
function Drums({ digits }: { digits: string }) {
  const shown = digits.slice(-10).split("");
  while (shown.length < 2) shown.push("");
  return (
    <p class="drums">
      <span class="hidden">{digits === "" ? words.noDigits : `${words.digits}: ${digits.split("").join(" ")}`}</span>
      {shown.map((digit, index) => (
        <span key={`${index}${digit}`} class={digit === "" ? "drum blank" : "drum"} aria-hidden="true">
          {digit}
        </span>
      ))}
    </p>
  );
}

/** The mark on the lamp's glass: another shape for each look. */
function Mark({ look }: { look: string }) {
  switch (look) {
    case "idle":
      return <circle class="ring" cx="16" cy="16" r="4" />;
    case "seized":
      return <path class="mark" d="M16 8a8 8 0 0 1 0 16z" />;
    case "dialling":
      return <path class="stroke" d="M10 20v-3M14 20v-6M18 20v-9M22 20v-11" />;
    case "ringing":
      return <path class="stroke" d="M11 20h10M12.5 20v-5a3.5 3.5 0 0 1 7 0v5M16 9v2" />;
    case "talking":
      return <circle class="mark" cx="16" cy="16" r="6" />;
    case "clearing":
      return <path class="stroke" d="M10 16h12M18 12l4 4-4 4" />;
    case "parked":
      return <path class="mark" d="M11 11h10v10H11z" />;
    case "fault":
      return <path class="stroke" d="M11 11l10 10M21 11L11 21" />;
    case "blocked":
      return <path class="mark" d="M9 14h14v4H9z" />;
    default:
      return null;
  }
}
