import { hexBytes, hexSpaced, hexText } from '../lib/format';
import type { Frame } from '../lib/types';

/** A frame that the page keeps, by the number under which it is drawn. */
export type Kept = Frame & { n: number };

export type Direction = 'both' | Frame['dir'];

const most = 2000; // frames that are kept; older ones go

/** A moment as text that sorts: with all nine digits of its second. */
const sortable = (ts: string): string =>
  ts.replace(/(\.\d+)?Z$/, (_, part: string | undefined) => (part ?? '.').padEnd(10, '0') + 'Z');

/** The newest frames of a link. A stream that comes back goes on after the newest: none is there twice. */
export class Frames {
  list: Kept[] = [];
  count = 0; // all that have come
  lost = 0;
  newest = ''; // ts

  add(f: Frame): void {
    this.lost += f.lost;
    if (!this.newest || sortable(f.ts) > sortable(this.newest)) this.newest = f.ts;
    this.list.push({ ...f, n: ++this.count });
    if (this.list.length > most) this.list.splice(0, this.list.length - most);
  }
}

/** Frames of a direction that hold what was typed: in their text, in what the driver says, or as hex, byte by byte. */
export function matching(list: Kept[], dir: Direction, typed: string): Kept[] {
  const want = typed.trim().toLowerCase();
  const bytes = hexBytes(want);
  return list.filter(
    (f) =>
      (dir === 'both' || f.dir === dir) &&
      (!want ||
        (bytes && holds(f.hex, bytes)) ||
        (f.decoded ?? '').toLowerCase().includes(want) ||
        hexText(f.hex).toLowerCase().includes(want)),
  );
}

/** Whether bytes stand in hex, both two digits a byte. */
function holds(hex: string, bytes: string): boolean {
  let at = hex.indexOf(bytes);
  while (at >= 0 && at % 2) at = hex.indexOf(bytes, at + 1);
  return at >= 0;
}

/** A frame as a line of a file: as the API's text has it, with what the page calls it. */
export const lineOf = (f: Frame, note: string): string =>
  [f.ts, f.dir, hexSpaced(f.hex), hexText(f.hex), note].join('\t') + '\n';

/** How a reply compares with the one that was expected, both two digits a byte. */
export type Comparison =
  | { is: 'none' | 'same' }
  | { is: 'more' | 'short'; bytes: number }
  | { is: 'differs'; at: number; got: string; want: string };

export function compare(got: string, want: string): Comparison {
  if (!got) return { is: 'none' };
  for (let i = 0; i < Math.min(got.length, want.length); i += 2) {
    const [g, w] = [got.slice(i, i + 2), want.slice(i, i + 2)];
    if (g !== w) return { is: 'differs', at: i / 2 + 1, got: g, want: w };
  }
  if (got.length === want.length) return { is: 'same' };
  if (got.length > want.length) return { is: 'more', bytes: (got.length - want.length) / 2 };
  return { is: 'short', bytes: got.length / 2 };
}
