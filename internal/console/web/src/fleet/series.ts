import type { Series } from '../lib/types';

export type Span = '15m' | '1h' | '24h';

/** Seconds of each span. */
export const spans: Record<Span, number> = { '15m': 900, '1h': 3600, '24h': 86_400 };

export type Column = (number | null)[];

/** Lines by name, as a plot has them. */
export interface Sheet {
  names: string[];
  data: [number[], ...Column[]];
}

const mostReasons = 5; // lines of their own; the rest is one line

/** Lines of a series, by name; a line that there is not is empty. */
export function sheetOf(s: Series, lines: [key: string, name: string][]): Sheet {
  const empty: Column = s.times.map(() => null);
  return { names: lines.map(([, name]) => name), data: [s.times, ...lines.map(([key]) => s.lines[key] ?? empty)] };
}

/** Connects, and closes by reason: those with the most closes, and the rest together. */
export function livesOf(s: Series, opened: string, closed: (reason: string) => string, rest: string): Sheet {
  const sheet = sheetOf(s, [['opened', opened]]);
  const sum = (c: Column) => c.reduce<number>((n, v) => n + (v ?? 0), 0);
  const reasons = Object.keys(s.closes).sort((a, b) => sum(s.closes[b]!) - sum(s.closes[a]!) || a.localeCompare(b));
  const add = (name: string, column: Column) => {
    sheet.names.push(name);
    sheet.data.push(column);
  };
  for (const reason of reasons.slice(0, mostReasons)) add(closed(reason), s.closes[reason]!);
  const others = reasons.slice(mostReasons).map((r) => s.closes[r]!);
  if (others.length > 0)
    add(
      rest,
      s.times.map((_, i) => others.reduce((n, c) => n + (c[i] ?? 0), 0)),
    );
  return sheet;
}

/** A rate in as few digits as tell something. */
export function rate(v: number): string {
  if (v === 0 || v >= 100) return String(Math.round(v));
  return v < 0.01 ? v.toExponential(0) : String(+v.toPrecision(2));
}

/** Seconds, in milliseconds where they are few. */
export const took = (v: number): string => (v < 0.995 ? `${+(v * 1000).toPrecision(2)} ms` : `${+v.toPrecision(3)} s`);
