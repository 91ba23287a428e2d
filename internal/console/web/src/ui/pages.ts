import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { get, isAbort, problem, type Problem } from '../lib/api';
import { feedAge } from '../lib/feed';
import { useStore } from '../lib/store';
import type { List } from '../lib/types';

const kept = 8; // pages in memory at most; a page that is scrolled back to is read again

export interface Pages<T> {
  row: (at: number) => T | undefined; // undefined: not read yet
  known: number; // rows up to the end of what was read
  more: boolean; // there are rows behind them
  error: Problem | null;
  loading: boolean;
  show: (first: number, last: number) => void; // the rows that are in sight
  refresh: () => void; // reads what is in sight again
}

interface Book<T> {
  path: string;
  starts: number[]; // row that each page begins with; one more than pages are known
  cursors: string[]; // of each page; the last is the end when it is empty and not the first
  pages: Map<number, T[]>;
  going: Set<number>;
  first: number;
  last: number;
}

const newBook = <T>(path: string): Book<T> => ({
  path,
  starts: [0],
  cursors: [''],
  pages: new Map(),
  going: new Set(),
  first: 0,
  last: 0,
});

/** A list of the API, page by page as it is looked at. pathOf must keep its identity while the list is the same. */
export function usePages<T>(pathOf: (cursor: string) => string): Pages<T> {
  const name = pathOf('');
  const book = useRef<Book<T>>(newBook<T>(name));
  const stop = useRef(new AbortController());
  const [, draw] = useState(0);
  const [error, setError] = useState<Problem | null>(null);
  const age = useStore(feedAge);
  if (book.current.path !== name) {
    stop.current.abort();
    stop.current = new AbortController();
    book.current = newBook<T>(name);
  }

  const read = useCallback(
    async (b: Book<T>, page: number) => {
      const cursor = b.cursors[page];
      if (cursor === undefined || b.going.has(page)) return;
      b.going.add(page);
      try {
        const { body } = await get<List<T>>(pathOf(cursor), stop.current.signal);
        if (book.current !== b) return;
        b.pages.set(page, body.items);
        const end = b.starts[page]! + body.items.length;
        if (b.starts[page + 1] !== end || (b.cursors[page + 1] ?? '') !== body.next) {
          // Behind a page that changed, the pages are others.
          b.starts.length = page + 1;
          b.cursors.length = page + 1;
          for (const known of [...b.pages.keys()]) if (known > page) b.pages.delete(known);
          b.starts.push(end);
          if (body.next) b.cursors.push(body.next);
        }
        for (const known of [...b.pages.keys()].sort((x, y) => Math.abs(y - page) - Math.abs(x - page)))
          if (b.pages.size > kept) b.pages.delete(known);
        setError(null);
      } catch (err) {
        if (isAbort(err) || book.current !== b) return;
        setError(problem(err));
      } finally {
        b.going.delete(page);
        if (book.current === b) draw((n) => n + 1);
      }
    },
    [pathOf],
  );

  const inSight = (b: Book<T>): number[] => {
    const out: number[] = [];
    for (let p = 0; p < b.cursors.length; p++)
      if (b.starts[p]! <= b.last && (b.starts[p + 1] ?? Infinity) > b.first) out.push(p);
    return out;
  };
  const show = useCallback(
    (first: number, last: number) => {
      const b = book.current;
      b.first = first;
      b.last = last;
      for (const p of inSight(b)) if (!b.pages.has(p)) void read(b, p);
    },
    [read],
  );
  const refresh = useCallback(() => {
    const b = book.current;
    const seen = inSight(b);
    for (const p of [...b.pages.keys()]) if (!seen.includes(p)) b.pages.delete(p);
    for (const p of seen) void read(b, p);
  }, [read]);

  useEffect(() => void read(book.current, 0), [name]);
  useEffect(() => void (age > 0 && refresh()), [age]);
  useEffect(() => () => stop.current.abort(), []);

  const b = book.current;
  const pages = b.starts.length - 1;
  return {
    row(at) {
      let p = pages - 1;
      while (p > 0 && b.starts[p]! > at) p--;
      return b.pages.get(p)?.[at - b.starts[p]!];
    },
    known: b.starts[pages]!,
    more: b.cursors.length > pages && pages > 0,
    error,
    loading: b.going.size > 0 || (pages === 0 && !error),
    show,
    refresh,
  };
}
