import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { none } from '../lib/format';
import { t } from '../lib/i18n';
import { colour, onColours } from '../lib/theme';

/** Colours of the lines, in order. They can be seen on a light and on a dark ground. */
export const lineColours = ['#1f86cc', '#dc6a1c', '#14976f', '#c8689c', '#b28410', '#4aa8d8', '#8f6bd8', '#868c96'];

export const colourOf = (line: number): string => lineColours[line % lineColours.length]!;

interface Props {
  names: string[]; // of the lines
  data: uPlot.AlignedData; // times in seconds, then a column for each line
  seconds: number; // that are shown, up to now
  about: string; // for those who cannot see it
  high?: number; // px
  show?: (value: number) => string; // of an amount, which then begins at 0
  onPoint?: (at: number | null) => void; // the pointer is over this point; then the lines have no legend of their own
}

/** Lines over time. */
export function Lines(p: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(p);
  latest.current = p;
  const high = p.high ?? 300;
  useEffect(() => {
    const el = box.current!;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(
        options(el.clientWidth, high, () => latest.current),
        latest.current.data,
        el,
      );
    };
    draw();
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: el.clientWidth, height: high }));
    watch.observe(el);
    const uncolour = onColours(draw);
    return () => {
      uncolour();
      watch.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [p.names.join(',')]);
  useEffect(() => plot.current?.setData(p.data), [p.data]);
  return <div class="plot" ref={box} role="img" aria-label={p.about} style={{ minHeight: high + 'px' }} />;
}

function options(width: number, height: number, of: () => Props): uPlot.Options {
  const axis = {
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1 },
  };
  const { names, show, onPoint } = of();
  const now = () => Date.now() / 1000;
  const scales: uPlot.Scales = { x: { time: true, range: () => [now() - of().seconds, now()] } };
  if (show) scales['y'] = { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] };
  return {
    width,
    height,
    scales,
    legend: { show: !onPoint },
    cursor: onPoint ? { drag: { x: false, y: false } } : {},
    hooks: onPoint ? { setCursor: [(u) => of().onPoint?.(u.cursor.idx ?? null)] } : {},
    axes: [
      { ...axis, values: timesOf },
      { ...axis, size: 60, ...(show && { values: (_: uPlot, splits: number[]) => splits.map(show) }) },
    ],
    series: [
      { label: t('field.time'), value: (_, v) => (v == null ? none : new Date(v * 1000).toLocaleString()) },
      ...names.map((label, i) => ({
        label,
        stroke: colourOf(i),
        width: 1.5,
        points: { size: 4 },
        spanGaps: !!show,
      })),
    ],
  };
}

/** Times of the day in 24 hours, and dates where a span has several days. */
function timesOf(_: uPlot, splits: number[], __: number, ___: number, step: number): string[] {
  const two = (n: number) => String(n).padStart(2, '0');
  return splits.map((s) => {
    const d = new Date(s * 1000);
    const time = `${two(d.getHours())}:${two(d.getMinutes())}` + (step < 60 ? `:${two(d.getSeconds())}` : '');
    return step >= 86_400 || (d.getHours() === 0 && d.getMinutes() === 0)
      ? `${two(d.getMonth() + 1)}-${two(d.getDate())}`
      : time;
  });
}
