import type { Config } from '../lib/types';
import { numberOf } from './spec';

/** A row of the grid: what is typed in its cells. */
export type Row = Record<string, string>;

export interface Column {
  key: string;
  kind: 'text' | 'number' | 'range' | 'type' | 'order' | 'flag';
  width: string;
  first: boolean; // shown also while the rarer ones are not
}

const text = (key: string, width: string, first = false): Column => ({ key, kind: 'text', width, first });
const number = (key: string, first = false): Column => ({ key, kind: 'number', width: '5rem', first });
const flag = (key: string, first = false): Column => ({ key, kind: 'flag', width: '4rem', first });

export const columns: Column[] = [
  text('name', '9rem', true),
  text('title', '9rem', true),
  text('address', '9rem', true),
  { key: 'type', kind: 'type', width: '7rem', first: true },
  number('scale', true),
  number('offset'),
  text('unit', '5rem', true),
  flag('writable', true),
  { key: 'order', kind: 'order', width: '6rem', first: false },
  number('length'),
  number('decimals'),
  { key: 'clamp', kind: 'range', width: '7rem', first: false },
  text('poll', '5rem'),
  number('deadband'),
  text('expr', '11rem'),
  flag('readback'),
  flag('on_change'),
];

export const types = [
  '',
  'bool',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'float32',
  'float64',
  'string',
  'bytes',
  'bcd',
  'date',
];
export const orders = ['', 'ABCD', 'BADC', 'CDAB', 'DCBA'];

/** A tag's configuration as a row. */
export function rowOf(spec: Config): Row {
  const row: Row = {};
  for (const { key, kind } of columns) {
    const v = spec[key];
    if (v === undefined || v === null || v === false) row[key] = '';
    else row[key] = kind === 'range' ? (v as number[]).join(', ') : kind === 'flag' ? 'true' : String(v);
  }
  return row;
}

/** A row as a tag's configuration. What is not as it should be is left so, for the API to say what would be right. */
export function specOf(row: Row): Config {
  const spec: Config = {};
  for (const { key, kind } of columns) {
    const typed = (row[key] ?? '').trim();
    if (typed === '') continue;
    if (kind === 'number') spec[key] = numberOf(typed);
    else if (kind === 'range')
      spec[key] = typed
        .split(/[,;\s]+/)
        .filter(Boolean)
        .map(numberOf);
    else spec[key] = kind === 'flag' ? true : typed;
  }
  return spec;
}

export const isEmpty = (row: Row): boolean => Object.values(row).every((v) => v.trim() === '');

/** Cells as a spreadsheet puts them on the clipboard: tabs between cells, quotes around what has a line end. */
export function cellsOf(clip: string): string[][] {
  const rows: string[][] = [[]];
  let cell = '';
  let quoted = false;
  const put = () => {
    rows.at(-1)!.push(cell);
    cell = '';
  };
  const s = clip.replace(/\r\n?/g, '\n');
  for (let i = 0; i < s.length; i++) {
    const c = s[i]!;
    if (quoted && c === '"' && s[i + 1] === '"') {
      cell += '"';
      i++;
    } else if (c === '"' && (quoted || cell === '')) quoted = !quoted;
    else if (!quoted && c === '\t') put();
    else if (!quoted && c === '\n') {
      put();
      rows.push([]);
    } else cell += c;
  }
  put();
  if (rows.length > 1 && rows.at(-1)!.every((x) => x === '')) rows.pop();
  return rows;
}

const yes = /^(true|yes|y|x|1|on|是|真)$/i;

/** The rows with cells put in from a row and a shown column on; rows are added as they are needed. */
export function pasted(rows: Row[], cells: string[][], at: number, column: number, shown: Column[]): Row[] {
  const out = rows.map((r) => ({ ...r }));
  cells.forEach((line, i) => {
    const row = (out[at + i] ??= rowOf({}));
    line.forEach((value, j) => {
      const c = shown[column + j];
      if (c) row[c.key] = c.kind === 'flag' ? (yes.test(value.trim()) ? 'true' : '') : value.trim();
    });
  });
  return out;
}
