import { count, fixed } from "./format.ts";
import type { Heard, SiteView } from "./model.ts";
import { entry } from "./model.ts";
import { pure, Sheet } from "./parts.tsx";
import { text } from "./text/text.ts";

/** Dial health: each digit as a point, speed across and break ratio up, with the window that is understood. */

const words = text.dials;

/** What the decoder understands (the line's timing): impulses a second, and per cent of break. */
export const LIMITS = { ips: [7, 14], percent: [55, 80] } as const;
const AXES = { ips: [5, 17], percent: [42, 92] } as const;
const BOX = { left: 34, top: 8, right: 372, bottom: 216 };

const clamp = (value: number, [low, high]: readonly [number, number]) => Math.min(high, Math.max(low, value));
const x = (ips: number) =>
  BOX.left + ((clamp(ips, AXES.ips) - AXES.ips[0]) / (AXES.ips[1] - AXES.ips[0])) * (BOX.right - BOX.left);
const y = (percent: number) =>
  BOX.bottom -
  ((clamp(percent, AXES.percent) - AXES.percent[0]) / (AXES.percent[1] - AXES.percent[0])) * (BOX.bottom - BOX.top);

/** Whether a digit is outside the window. One impulse has no speed, and is inside. */
export function outside({ ips, breakPercent }: Heard): boolean {
  const beyond = (value: number | null, [low, high]: readonly [number, number]) =>
    value !== null && (value < low || value > high);
  return beyond(ips, LIMITS.ips) || beyond(breakPercent, LIMITS.percent);
}

/** The middle of the values that are known; null when none is. */
export function median(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  const middle = known.length >> 1;
  const upper = known[middle];
  if (upper === undefined) return null;
  return known.length % 2 === 1 ? upper : (upper + (known[middle - 1] ?? upper)) / 2;
}

/** A figure with its unit; what is not known has none. */
const measured = (value: number | null, digits: number, unit: string) =>
  value === null ? text.unknown : `${fixed(value, digits)} ${unit}`;

/** A shape for each line, so that they are told apart without colours. */
const SHAPES = [
  "M-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0",
  "M-3-3h6v6h-6z",
  "M0-4l3.8 6.8h-7.6z",
  "M0-4.2L4.2 0L0 4.2L-4.2 0z",
  "M-3.4-3.4L3.4 3.4M3.4-3.4L-3.4 3.4",
  "M0-4v8M-4 0h8",
  "M0 4l3.8-6.8h-7.6z",
  "M-4-2h8v4h-8z",
];

const shapeOf = (index: number) => SHAPES[index % SHAPES.length] ?? "";

export const Dials = pure(function Dials(props: {
  figure: number;
  lines: SiteView["lines"];
  heard: SiteView["heard"];
}) {
  const names = Object.keys(props.lines);
  const series = names.map((name) => ({ name, digits: entry(props.heard, name) ?? [] }));
  const plotted = series.map(({ digits }) => digits.filter((one) => one.ips !== null && one.breakPercent !== null));
  const all = plotted.flat();
  return (
    <Sheet id="dials" figure={props.figure} title={words.title} note={words.caption}>
      <svg
        class="scatter"
        viewBox="0 0 384 252"
        role="img"
        aria-label={words.plot(all.length, all.filter(outside).length)}
      >
        <defs>
          <pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <path class="hatch" d="M0 0V7" />
          </pattern>
        </defs>
        <rect
          class="beyond"
          x={BOX.left}
          y={BOX.top}
          width={BOX.right - BOX.left}
          height={BOX.bottom - BOX.top}
          fill="url(#hatch)"
        />
        <rect
          class="window"
          x={x(LIMITS.ips[0])}
          y={y(LIMITS.percent[1])}
          width={x(LIMITS.ips[1]) - x(LIMITS.ips[0])}
          height={y(LIMITS.percent[0]) - y(LIMITS.percent[1])}
        />
        <path class="nominal" d={`M${x(10)} ${y(80)}V${y(55)}M${x(7)} ${y(66.7)}H${x(14)}`} />
        <g class="axis">
          {[6, 8, 10, 12, 14, 16].map((ips) => (
            <text key={ips} x={x(ips)} y={BOX.bottom + 15} text-anchor="middle">
              {ips}
            </text>
          ))}
          {[50, 60, 70, 80, 90].map((percent) => (
            <text key={percent} x={BOX.left - 6} y={y(percent) + 4} text-anchor="end">
              {percent}
            </text>
          ))}
          <text x={BOX.right} y={BOX.bottom + 31} text-anchor="end">
            {words.ips} →
          </text>
          <text x={BOX.left} y={BOX.bottom + 31}>
            ↑ {words.percent}
          </text>
        </g>
        {plotted.map((digits, index) =>
          digits.map((one, at) => (
            <path
              // The points are alike: nothing is lost when one is drawn in the place of another.
              key={`${index}-${at}`}
              class={`point series-${index % 4}${outside(one) ? " out" : ""}${at === digits.length - 1 ? " latest" : ""}`}
              d={shapeOf(index)}
              transform={`translate(${x(one.ips ?? 0).toFixed(1)} ${y(one.breakPercent ?? 0).toFixed(1)})`}
            />
          )),
        )}
        {all.length === 0 && (
          <text class="empty" x="203" y="118" text-anchor="middle">
            {words.none}
          </text>
        )}
      </svg>
      <table class="dial-table">
        <thead>
          <tr>
            <th scope="col">{words.columns.line}</th>
            <th scope="col" class="right">
              {words.columns.speed}
            </th>
            <th scope="col" class="right">
              {words.columns.break}
            </th>
            <th scope="col" class="right">
              {words.columns.outside}
            </th>
            <th scope="col" class="right">
              {words.columns.errors}
            </th>
          </tr>
        </thead>
        <tbody>
          {series.map(({ name, digits }, index) => (
            <tr key={name}>
              <th scope="row">
                <svg viewBox="-7 -7 14 14" width="15" height="15" aria-hidden="true">
                  <path class={`point series-${index % 4}`} d={shapeOf(index)} />
                </svg>
                {name}
              </th>
              <td class="right figures">{measured(median(digits.map((one) => one.ips)), 1, "ips")}</td>
              <td class="right figures">{measured(median(digits.map((one) => one.breakPercent)), 0, "%")}</td>
              <td class="right figures">{words.outside(digits.filter(outside).length, digits.length)}</td>
              <td class="right figures">{count(props.lines[name]?.dial.errors ?? 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Sheet>
  );
});
