import type { GuardStatus } from "../status/schema.ts";
import type { HistoryView } from "../status/types.ts";
import { count, span, when } from "./format.ts";
import { OperationButton, pure, Sheet, useNow } from "./parts.tsx";
import { Plot } from "./plot.tsx";
import { plottedHours } from "./plotted.ts";
import { text } from "./text/text.ts";

/** The guard: what it turned away, whom, and by which lists. */

const words = text.guard;
const MINUTE_MS = 60_000;

export const Guard = pure(function Guard(props: {
  figure: number;
  guard: GuardStatus | null;
  history: HistoryView | null;
  skewMs: number;
  theme: string;
  mine: boolean;
}) {
  const { guard, history, mine } = props;
  const now = useNow(props.skewMs, 10_000);
  if (guard === null) {
    return (
      <Sheet id="guard" figure={props.figure} title={words.title}>
        <p class="none">{text.lamps.none}</p>
      </Sheet>
    );
  }
  const hours = text.system.hours(history === null ? 24 : plottedHours(history.dropped.length));
  const scanners = Object.entries(guard.scanner)
    .map(([name, value]) => ({ name, value }))
    .filter(({ value }) => value > 0)
    .sort((a, b) => b.value - a.value)
    .slice(0, 6);
  const peak = Math.max(0, ...(history?.dropped ?? []).map((value) => value ?? 0));
  return (
    <Sheet id="guard" figure={props.figure} title={words.title} note={noteOf(guard)}>
      <Trial trial={guard.trial} now={now} mine={mine} />
      {guard.faults.length > 0 && (
        <ul class="faults" aria-label={words.faults}>
          {guard.faults.map((fault) => (
            <li key={fault}>{fault}</li>
          ))}
        </ul>
      )}
      <div class="guard-grid">
        <div class="guard-plot">
          <h3>{words.dropped(hours)}</h3>
          <p class="big">
            <strong>{count(guard.droppedPerMinute)}</strong> {words.perMinute}
            <span class="aside">
              {count(guard.dropped)} {words.total}
            </span>
          </p>
          {history === null ? (
            <p class="none">{mine ? text.system.noHistory : text.fleet.noHistory}</p>
          ) : (
            <Plot
              label={words.droppedPlot(hours, count(peak))}
              fromMs={history.fromMs}
              stepMs={history.stepMs}
              values={history.dropped}
              height={190}
              range={[0, 10]}
              bars={true}
              theme={props.theme}
            />
          )}
          <dl class="sources">
            {(["trusted", "registered", "allowed", "blocked", "limited"] as const).map((key) => (
              <div key={key}>
                <dd>{count(guard.sources[key])}</dd>
                <dt>{words.sources[key]}</dt>
              </div>
            ))}
          </dl>
        </div>
        <div class="guard-bans">
          <h3>
            {words.bans} <span class="aside">{words.banned(count(guard.bans.total))}</span>
          </h3>
          {guard.bans.latest.length === 0 && <p class="none">{words.noBans}</p>}
          <ul class="bans">
            {guard.bans.latest.slice(0, 8).map((ban) => (
              <li key={ban.address}>
                <span class="address">{ban.address}</span>
                <span class="why">
                  {ban.reason}
                  <small>
                    {when(ban.sinceMs, now)},{" "}
                    {ban.untilMs === null ? words.forEver : words.until(when(ban.untilMs, now))}
                    {ban.count > 1 && `, ${words.times(ban.count)}`}
                  </small>
                </span>
                {mine && (
                  <OperationButton
                    name="guard/release"
                    params={{ address: ban.address }}
                    label={words.releaseLabel(ban.address)}
                  >
                    {words.release}
                  </OperationButton>
                )}
              </li>
            ))}
          </ul>
        </div>
        <div class="guard-top">
          <h3>{words.top}</h3>
          {guard.top.length === 0 && <p class="none">{words.noTop}</p>}
          <Ranking entries={guard.top.map(({ address, count: value }) => ({ name: address, value }))} />
          {scanners.length > 0 && (
            <>
              <h3>{words.scanners}</h3>
              <Ranking entries={scanners} />
            </>
          )}
        </div>
        <div class="guard-lists">
          <h3>{words.lists}</h3>
          {guard.lists.length === 0 && <p class="none">{words.noLists}</p>}
          <ul class="block-lists">
            {guard.lists.map((list) => (
              <li key={list.name}>
                <strong>{list.name}</strong>
                <span>{words.entries(count(list.entries))}</span>
                <span>
                  {list.updatedMs === null ? words.never : words.age(span(Math.max(MINUTE_MS, now - list.updatedMs)))}
                </span>
                {list.fault !== null && <span class="fault-words">{list.fault}</span>}
              </li>
            ))}
          </ul>
          {mine && guard.lists.length > 0 && (
            <OperationButton name="guard/refresh" params={{}} done={words.refreshed}>
              {words.refresh}
            </OperationButton>
          )}
        </div>
      </div>
    </Sheet>
  );
});

/** What is guarded, and how; without a firewall there is nothing more to say. */
function noteOf({ protect, inForce, mode }: GuardStatus): string {
  if (protect === "none") return words.protects.none;
  return `${inForce ? words.inForce : words.notInForce}, ${words.mode[mode]}, ${words.protects[protect]}`;
}

function Trial({ trial, now, mine }: { trial: GuardStatus["trial"]; now: number; mine: boolean }) {
  if (trial.state === "confirmed") return null;
  if (trial.state === "reverted") return <p class="trial">{words.reverted}</p>;
  return (
    <fieldset class="trial">
      <legend class="hidden">{words.trial}</legend>
      <p>
        <strong>{words.trial}</strong> {trial.endsMs !== null && words.trialEnds(span(Math.max(0, trial.endsMs - now)))}
      </p>
      <ul>
        {trial.changes.slice(0, 8).map((change) => (
          <li key={change}>{change}</li>
        ))}
      </ul>
      {mine && (
        <OperationButton name="guard/confirm" params={{}} strong={true}>
          {words.confirm}
        </OperationButton>
      )}
    </fieldset>
  );
}

/** Names with their counts; the bar is a decoration. */
function Ranking({ entries }: { entries: readonly { name: string; value: number }[] }) {
  const most = Math.max(1, ...entries.map(({ value }) => value));
  return (
    <ol class="ranking">
      {entries.map(({ name, value }) => (
        <li key={name}>
          <span class="address">{name}</span>
          <span class="figures">{count(value)}</span>
          <svg viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true">
            <rect width={(value / most) * 100} height="3" />
          </svg>
        </li>
      ))}
    </ol>
  );
}
