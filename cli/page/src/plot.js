import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { html } from "./html.js";
import { clock, duration, shortClock } from "./time.js";

const LEAST = 1; // ms: the scale is logarithmic, and has no zero
const HEIGHT = 150;

// Of the axis: a decade each, or nearly so.
const STEPS = [[1, "1 ms"], [10, "10 ms"], [100, "100 ms"], [1e3, "1 s"], [1e4, "10 s"], [6e4, "1 min"], [6e5, "10 min"], [36e5, "1 h"], [36e6, "10 h"],
  [864e5, "1 d"], [864e6, "10 d"], [864e7, "100 d"]];

/** The ends of the axis: steps around what is to be seen. */
function rangeOf(low, high) {
  const first = Math.max(0, STEPS.findLastIndex(([ms]) => ms <= low));
  const after = STEPS.findIndex(([ms]) => ms >= high);
  const last = Math.max(first + 1, after === -1 ? STEPS.length - 1 : after);
  return [STEPS[first][0], STEPS[Math.min(last, STEPS.length - 1)][0]];
}

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function optionsOf(width, color, onPoint) {
  const axis = { stroke: style("--dim"), font: "11px system-ui", grid: { stroke: style("--line"), width: 1 }, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 9 } },
    scales: {
      x: { range: (_, low, high) => (high - low < 10 ? [low - 5, high + 5] : [low, high]) },
      y: { distr: 3, range: (_, low, high) => rangeOf(low ?? LEAST, high ?? LEAST) },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 30, space: 80, values: (_, ticks) => ticks.map((tick) => shortClock(1000 * tick)) },
      {
        ...axis,
        size: 56,
        splits: (_, __, low, high) => STEPS.map(([ms]) => ms).filter((ms) => ms >= low && ms <= high),
        filter: (_, splits) => splits,
        grid: { ...axis.grid, filter: (_, splits) => splits },
        values: (_, splits) => splits.map((split) => STEPS.find(([ms]) => ms === split)[1]),
      },
    ],
    series: [{}, { stroke: style(color), fill: style(color), paths: () => null, points: { show: true, size: 5, width: 0, fill: style(color) } }],
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx)] },
  };
}

/** Times of one kind: `points` have `at` and `ms`, oldest first. */
export function Plot({ title, points, color }) {
  const box = useRef(null);
  const plot = useRef(null);
  const [point, setPoint] = useState(null);
  const [scheme, setScheme] = useState(0);

  useEffect(() => {
    const media = matchMedia("(prefers-color-scheme: dark)");
    const change = () => setScheme((n) => n + 1);
    media.addEventListener("change", change);
    return () => media.removeEventListener("change", change);
  }, []);
  const some = points.length > 0;
  const data = useMemo(() => [points.map(({ at }) => at / 1000), points.map(({ ms }) => Math.max(LEAST, ms))], [points]);
  useEffect(() => {
    if (!some) return undefined;
    const element = box.current;
    plot.current = new uPlot(optionsOf(element.clientWidth, color, setPoint), data, element);
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, [scheme, some]);
  useEffect(() => {
    plot.current?.setData(data);
  }, [data]);

  if (!some) return html`<figure class="plot"><figcaption><b>${title}</b> <span class="dim">nothing seen so far</span></figcaption></figure>`;
  const times = points.map(({ ms }) => ms);
  const summary = `median ${duration(median(times))}, longest ${duration(Math.max(...times))}, last ${duration(times.at(-1))}`;
  const there = points[point];
  return html`
    <figure class="plot">
      <figcaption><b>${title}</b> <span class="dim">${there ? `${clock(there.at)}: ${duration(there.ms)}` : summary}</span></figcaption>
      <div class="canvas" role="img" aria-label=${`${title} of ${points.length} grants: ${summary}`} ref=${box}></div>
    </figure>`;
}
