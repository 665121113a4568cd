import { useMemo } from "preact/hooks";
import type { SystemStatus } from "../status/schema.ts";
import type { HistoryView } from "../status/types.ts";
import { fixed, megabytes, span } from "./format.ts";
import { Fact, pure, Sheet } from "./parts.tsx";
import { Plot } from "./plot.tsx";
import { plottedHours } from "./plotted.ts";
import { text } from "./text/text.ts";

/** The machine: processor, temperature, memory over the day, and the card. */

const words = text.system;

export const System = pure(function System(props: {
  figure: number;
  system: SystemStatus | null;
  history: HistoryView | null;
  theme: string;
  mine: boolean;
}) {
  const { system, history } = props;
  const scale = (system?.memoryTotalMb ?? 0) >= 1_000 ? 1_024 : 1;
  const memory = useMemo(
    () => history?.memoryAvailableMb.map((value) => (value === null ? null : value / scale)),
    [history?.memoryAvailableMb, scale],
  );
  if (system === null) {
    return (
      <Sheet id="system" figure={props.figure} title={words.title}>
        <p class="none">{text.unknown}</p>
      </Sheet>
    );
  }
  const hours = words.hours(history === null ? 24 : plottedHours(history.cpuPercent.length));
  const plots = [
    {
      name: words.cpu,
      now: system.cpuPercent === null ? text.unknown : `${fixed(system.cpuPercent, 0)} %`,
      values: history?.cpuPercent,
      range: [0, 100],
      tick: percent,
    },
    {
      name: words.temperature,
      now: system.temperatureC === null ? text.unknown : `${fixed(system.temperatureC, 0)} °C`,
      values: history?.temperatureC,
      range: [20, 85],
      tick: degrees,
    },
    {
      name: words.memory,
      now: megabytes(system.memoryAvailableMb),
      values: memory,
      range: [0, system.memoryTotalMb / scale],
      tick: scale === 1 ? inMegabytes : inGigabytes,
    },
  ] as const;
  return (
    <Sheet
      id="system"
      figure={props.figure}
      title={words.title}
      {...(history === null ? {} : { note: capital(hours) })}
    >
      {history === null && <p class="none">{props.mine ? words.noHistory : text.fleet.noHistory}</p>}
      <div class="gauges">
        {plots.map(({ name, now, values, range, tick }) => (
          <div key={name} class="gauge">
            <h3>
              {name} <span class="reading">{now}</span>
            </h3>
            {history !== null && !known(values) && <p class="none">{words.notMeasured}</p>}
            {history !== null && values !== undefined && known(values) && (
              <Plot
                label={words.plot(name, hours, now)}
                fromMs={history.fromMs}
                stepMs={history.stepMs}
                values={values}
                height={140}
                range={range}
                tick={tick}
                theme={props.theme}
              />
            )}
          </div>
        ))}
      </div>
      <dl class="facts across">
        <Fact name={words.uptime}>{span(system.uptimeS * 1_000)}</Fact>
        <Fact name={words.load}>{fixed(system.load, 2)}</Fact>
        <Fact name={words.process}>{megabytes(system.processMb)}</Fact>
        <Fact name={words.disk}>
          {words.free(megabytes(system.disk.freeMb), megabytes(system.disk.totalMb))}
          {system.disk.writtenMb !== null && `, ${words.written(megabytes(system.disk.writtenMb))}`}
          {system.disk.wearPercent !== null && `, ${words.wear(fixed(system.disk.wearPercent, 0))}`}
        </Fact>
        {system.throttled !== null && <Fact name={words.power}>{powerOf(system.throttled)}</Fact>}
      </dl>
    </Sheet>
  );
});

const percent = (value: number) => `${value} %`;
const degrees = (value: number) => `${value} °C`;
const inMegabytes = (value: number) => `${value} MB`;
const inGigabytes = (value: number) => `${value} GB`;
const known = (values: readonly (number | null)[] | undefined) => values?.some((value) => value !== null) ?? false;
const capital = (words: string) => `${words.charAt(0).toUpperCase()}${words.slice(1)}`;

function powerOf(throttled: NonNullable<SystemStatus["throttled"]>): string {
  const troubles = [
    throttled.underVoltage && words.underVoltage,
    throttled.throttled && words.throttled,
    throttled.capped && words.capped,
  ].filter((trouble) => trouble !== false);
  if (troubles.length > 0) return troubles.join(", ");
  return throttled.sinceBoot ? words.sinceBoot : words.powerGood;
}
