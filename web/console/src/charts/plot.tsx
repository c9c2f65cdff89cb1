// A chart for eyes, and the same as a sentence and a table for everybody else.

import { useDeferredValue, useEffect, useId, useMemo, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { colourAt, useScheme } from '../shell';
import { moment } from '../words';
import './charts.css';
import { type Chart, rows, summary } from './series';

export function Plot({ title, chart, height = 150 }: { title: string; chart: Chart; height?: number }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(chart);
  latest.current = chart;
  const scheme = useScheme();
  const said = useId();
  const labels = chart.series.map((one) => one.label).join('|');
  const data = useMemo(
    () => [chart.times, ...chart.series.map((one) => one.values)] as uPlot.AlignedData,
    [chart],
  );
  // The chart draws by itself on a canvas: made anew when its series or the colours change.
  // biome-ignore lint/correctness/useExhaustiveDependencies: data and width have effects of their own
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const made = new uPlot(options(element, latest, height), [[]] as unknown as uPlot.AlignedData, element);
    plot.current = made;
    made.setData(data);
    made.over.addEventListener('mouseleave', () => rest(made));
    const sized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    sized.observe(element);
    return () => {
      sized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [labels, scheme, height]);
  // The table follows the picture, without holding up whoever uses the page.
  const written = useDeferredValue(chart, null);
  // New data keep the chart, and the pointer on it.
  useEffect(() => plot.current?.setData(data), [data]);
  return (
    <figure className="card plot" data-testid="chart" data-title={title}>
      <figcaption>{title}</figcaption>
      <p className="hidden" id={said}>
        {summary(title, chart)}
      </p>
      <div role="img" aria-label={title} aria-describedby={said} ref={place} />
      {written && <Table title={title} chart={written} />}
    </figure>
  );
}

/** Without a pointer the numbers are the latest that there are. */
function rest(plot: uPlot): void {
  // The chart empties its legend after it has drawn.
  requestAnimationFrame(() => {
    if (plot.cursor.idx != null || !plot.root.isConnected) return;
    const first = plot.data[1];
    let idx = plot.data[0].length - 1;
    while (idx > 0 && first?.[idx] == null) idx -= 1;
    if (idx >= 0) plot.setLegend({ idx }, false);
  });
}

function Table({ title, chart }: { title: string; chart: Chart }) {
  return (
    <div className="hidden">
      <table>
        <caption>{title}</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {chart.series.map((one) => (
              <th scope="col" key={one.label}>
                {one.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows(chart).map(({ at, values }) => (
            <tr key={at}>
              <th scope="row">{moment(new Date(at * 1000).toISOString())}</th>
              {values.map((value, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a column is its place
                <td key={index}>{value === null ? 'nothing' : chart.series[index]?.write(value)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const COUNTS = [1, 2, 5]
  .flatMap((step) => [0, 1, 2, 3, 4, 5, 6, 7].map((power) => step * 10 ** power))
  .sort((a, b) => a - b);
const DAY_S = 86_400;
const STEPS_S = [
  ...[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].map((minutes) => minutes * 60),
  ...[1, 2, 5, 7, 14].map((days) => days * DAY_S),
];
/** The top of an axis of milliseconds at the least: noise is not a mountain. */
const LEAST_MS = 10;
/** So few points are seen as points. */
const SPARSE = 12;

const spanOf = (plot: uPlot): number => (plot.data[0].at(-1) ?? 0) - (plot.data[0][0] ?? 0);

const tick = (seconds: number, span: number): string => {
  const then = new Date(seconds * 1000);
  return span > 1.5 * DAY_S
    ? then.toLocaleDateString(undefined, { day: 'numeric', month: 'short' })
    : then.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
};

function options(element: Element, latest: { current: Chart }, height: number): uPlot.Options {
  const colour = (token: string) => colourAt(element, token);
  const grid = { stroke: colour('--line'), width: 1 };
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const axis = { stroke: colour('--muted'), font, ticks: { show: false } };
  const counted = latest.current.series.every((one) => one.area);
  const least = latest.current.series.find((one) => one.least !== undefined)?.least;
  const top = least ?? (counted ? 1 : LEAST_MS);
  const write = (value: number) => latest.current.series[0]?.write(value) ?? String(value);
  return {
    width: element.clientWidth,
    height,
    // The last label stands under the last point, half of it beyond.
    padding: [8, 20, 0, 0],
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    legend: { show: true, live: true },
    hooks: { draw: [rest] },
    scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.12, top)] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 26,
        space: 76,
        // Labels have no seconds.
        incrs: STEPS_S,
        values: (plot, splits) => splits.map((seconds) => tick(seconds, spanOf(plot))),
      },
      {
        ...axis,
        grid,
        // There is no half call, and labels have whole milliseconds; amounts of money do have parts.
        ...(least === undefined && { incrs: COUNTS }),
        size: 58,
        space: 34,
        values: (_, splits) => splits.map((value) => (value === 0 ? '0' : write(value))),
      },
    ],
    series: [
      { value: (_, value) => (value === null ? '–' : moment(new Date(value * 1000).toISOString())) },
      ...latest.current.series.map(({ label, colour: token, area, write }) => ({
        label,
        stroke: colour(token),
        width: 1.5,
        ...(area && { fill: colour(`color-mix(in oklab, var(${token}) 16%, transparent)`) }),
        points: { show: latest.current.times.length <= SPARSE, size: 5, fill: colour(token) },
        spanGaps: true,
        value: (_: uPlot, value: number | null) => (value === null ? '–' : write(value)),
      })),
    ],
  };
}
