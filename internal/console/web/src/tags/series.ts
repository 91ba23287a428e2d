import type { Bucket } from '../lib/types';

/** null: a gap; undefined: only other series have something at this moment. */
export type Point = number | null | undefined;

/** Columns as a plot has them: times in seconds, then a column for each series. */
export type Table = [number[], ...Point[][]];

const late = 3; // times the usual distance of two points: farther ones are not joined by a line

/** The means of several tags side by side, by the moments of all of them. Text has no mean and is left out. */
export function tableOf(series: Bucket[][]): Table {
  const all = series.map(pointsOf);
  const times = [...new Set(all.flatMap((points) => [...points.keys()]))].sort((a, b) => a - b);
  return [times, ...all.map((points) => times.map((time) => points.get(time)))];
}

/** A series by its moments, with a gap where nothing was heard for long. */
function pointsOf(series: Bucket[]): Map<number, number | null> {
  const points = new Map<number, number | null>();
  const steps = series
    .slice(1)
    .map((b, i) => seconds(b) - seconds(series[i]!))
    .sort((a, b) => a - b);
  const usual = steps[Math.floor(steps.length / 2)] ?? 0;
  let before: number | null = null;
  for (const b of series) {
    const at = seconds(b);
    if (before !== null && usual > 0 && at - before > late * usual) points.set(before + usual, null);
    points.set(at, b.mean ?? (typeof b.last === 'boolean' ? Number(b.last) : null));
    before = at;
  }
  return points;
}

const seconds = (b: Bucket): number => Date.parse(b.ts) / 1000;

/** The table as CSV (RFC 4180): times as RFC 3339, and a column for each tag. */
export function csvOf(tags: string[], [times, ...columns]: Table): string {
  const cell = (s: string) => (/[",\r\n]/.test(s) ? `"${s.replace(/"/g, '""')}"` : s);
  const lines = [['time', ...tags].map(cell).join(',')];
  times.forEach((time, i) => {
    const values = columns.map((c) => c[i] ?? '');
    if (values.some((v) => v !== '')) lines.push([new Date(time * 1000).toISOString(), ...values].join(','));
  });
  return lines.join('\r\n') + '\r\n';
}
