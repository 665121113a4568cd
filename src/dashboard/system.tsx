import type { SystemStatus } from "../status/schema.ts";
import type { HistoryView } from "../status/types.ts";
import { fixed, megabytes, span } from "./format.ts";
import { Fact, pure, Sheet } from "./parts.tsx";
import { Plot } from "./plot.tsx";
import { text } from "./text.ts";

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
  if (system === null) {
    return (
      <Sheet id="system" figure={props.figure} title={words.title}>
        <p class="none">{text.unknown}</p>
      </Sheet>
    );
  }
  const plots = [
    {
      name: words.cpu,
      now: system.cpuPercent === null ? text.unknown : `${fixed(system.cpuPercent, 0)} %`,
      values: history?.cpuPercent,
      range: [0, 100],
    },
    {
      name: words.temperature,
      now: system.temperatureC === null ? text.unknown : `${fixed(system.temperatureC, 0)} °C`,
      values: history?.temperatureC,
      range: [20, 85],
    },
    {
      name: words.memory,
      now: megabytes(system.memoryAvailableMb),
      values: history?.memoryAvailableMb,
      range: [0, system.memoryTotalMb],
    },
  ] as const;
  return (
    <Sheet id="system" figure={props.figure} title={words.title}>
      {history === null && <p class="none">{props.mine ? words.noHistory : text.fleet.noHistory}</p>}
      <div class="gauges">
        {plots.map(({ name, now, values, range }) => (
          <div key={name} class="gauge">
            <h3>
              {name} <span class="reading">{now}</span>
            </h3>
            {history !== null && values !== undefined && (
              <Plot
                label={words.plot(name, now)}
                fromMs={history.fromMs}
                stepMs={history.stepMs}
                values={values}
                height={140}
                range={range}
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

function powerOf(throttled: NonNullable<SystemStatus["throttled"]>): string {
  const troubles = [
    throttled.underVoltage && words.underVoltage,
    throttled.throttled && words.throttled,
    throttled.capped && words.capped,
  ].filter((trouble) => trouble !== false);
  if (troubles.length > 0) return troubles.join(", ");
  return throttled.sinceBoot ? words.sinceBoot : words.powerGood;
}
