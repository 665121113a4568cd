import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { pure } from "./parts.tsx";
import { plottedRange, TIME_STEPS } from "./plotted.ts";

/** A plot over some hours (uPlot on a canvas). Its words for the screen reader are the caller's. */

const TWO_DIGITS = (value: number) => String(value).padStart(2, "0");

/** Colours come from the style sheet, so that they follow the theme. */
function colour(element: Element, name: string): string {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

export const Plot = pure(function Plot(props: {
  label: string;
  fromMs: number;
  stepMs: number;
  values: readonly (number | null)[];
  height: number;
  /** Lowest and highest of the scale, where the data does not go beyond. */
  range: readonly [number, number];
  bars?: boolean;
  /** Words of the vertical scale; plain numbers where it is missing. */
  tick?: (value: number) => string;
  theme: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const shown = useRef(props);
  shown.current = props;
  const { height, bars, theme, tick } = props;
  const [low, high] = props.range;

  // The plot is made anew when what cannot be changed afterwards changes.
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const ink = colour(element, "--ink-soft");
    const rule = colour(element, "--hair");
    const line = colour(element, "--trace");
    const axis = {
      stroke: ink,
      font: "12px system-ui, sans-serif",
      grid: { stroke: rule, width: 1 },
      ticks: { stroke: rule, width: 1, size: 4 },
    };
    const made = new uPlot(
      {
        width: Math.max(120, element.clientWidth),
        height,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: true, range: (self) => (self.data[0].length === 0 ? [0, 1] : rangeOf(shown.current)) },
          y: { range: (_, min, max) => [Math.min(low, min ?? low), Math.max(high, max ?? high)] },
        },
        axes: [
          {
            ...axis,
            size: 26,
            space: 58,
            incrs: TIME_STEPS,
            values: (_, splits) =>
              splits.map((seconds) => {
                const date = new Date(seconds * 1_000);
                return `${TWO_DIGITS(date.getHours())}:${TWO_DIGITS(date.getMinutes())}`;
              }),
          },
          { ...axis, size: 56, space: 34, ...(tick === undefined ? {} : { values: (_, splits) => splits.map(tick) }) },
        ],
        series: [
          {},
          {
            stroke: line,
            width: 1.5,
            fill: colour(element, "--trace-fill"),
            points: { show: false },
            ...(bars === true && uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
          },
        ],
      },
      dataOf(props),
      element,
    );
    plot.current = made;
    let frame = 0;
    const observer = new ResizeObserver(() => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => made.setSize({ width: Math.max(120, element.clientWidth), height }));
    });
    observer.observe(element);
    return () => {
      cancelAnimationFrame(frame);
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [height, bars, theme, low, high, tick]);

  useEffect(() => plot.current?.setData(dataOf(props)), [props.values, props.fromMs]);

  return <div ref={box} class="plot" role="img" aria-label={props.label} />;
});

const rangeOf = ({ fromMs, stepMs, values }: { fromMs: number; stepMs: number; values: readonly unknown[] }) =>
  plottedRange(fromMs, stepMs, values.length);

function dataOf(props: { fromMs: number; stepMs: number; values: readonly (number | null)[] }): uPlot.AlignedData {
  const { fromMs, stepMs, values } = props;
  return [values.map((_, index) => (fromMs + index * stepMs) / 1_000), [...values]];
}
