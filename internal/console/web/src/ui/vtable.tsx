import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../lib/i18n';
import { Empty, ErrorBox, Loading } from './basic';
import type { Pages } from './pages';

const high = 36; // px of a row, as in the style sheet
const spare = 12; // rows that are drawn out of sight

export interface Column<T> {
  key: string;
  title: string;
  width: string; // of a grid column
  num?: boolean;
  wideOnly?: boolean;
  cell: (row: T) => ComponentChildren;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  of: Pages<T>;
  empty: ComponentChildren;
}

/** A list of any length: only the rows in sight are in the page, and only their pages are read. */
export function VTable<T>({ label, columns, of, empty }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [tall, setTall] = useState(600);
  const narrow = useNarrow();
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const watch = new ResizeObserver(() => setTall(el.clientHeight));
    watch.observe(el);
    return () => watch.disconnect();
  }, [of.known === 0]);
  const rows = of.known + (of.more ? 1 : 0);
  const first = Math.max(0, Math.floor(top / high) - spare);
  const last = Math.min(rows, Math.ceil((top + tall) / high) + spare);
  useEffect(() => of.show(first, last), [first, last, of.known, of.show]);
  if (of.error && of.known === 0) return <ErrorBox error={of.error} retry={of.refresh} />;
  if (of.known === 0) return of.loading ? <Loading /> : <Empty>{empty}</Empty>;

  const shown = columns.filter((c) => !narrow || !c.wideOnly);
  const grid = shown.map((c) => c.width).join(' ');
  const line = { gridTemplateColumns: grid };
  const cells = [];
  for (let i = first; i < last; i++) {
    const row = of.row(i);
    cells.push(
      <div class="vrow" role="row" aria-rowindex={i + 2} key={i} style={{ ...line, top: i * high + 'px' }}>
        {row === undefined ? (
          <span role="cell" class="muted">
            {t('state.loading')}
          </span>
        ) : (
          shown.map((c) => (
            <span role="cell" key={c.key} class={c.num ? 'num cut' : 'cut'}>
              {c.cell(row)}
            </span>
          ))
        )}
      </div>,
    );
  }
  return (
    <>
      <ErrorBox error={of.error} retry={of.refresh} />
      <div
        class="vtable"
        ref={box}
        tabIndex={0}
        role="table"
        aria-label={label}
        aria-rowcount={of.more ? -1 : rows + 1}
        onScroll={(e) => setTop(e.currentTarget.scrollTop)}
      >
        <div role="rowgroup">
          <div class="vrow vhead" role="row" style={line}>
            {shown.map((c) => (
              <span role="columnheader" key={c.key} class={c.num ? 'num cut' : 'cut'}>
                {c.title}
              </span>
            ))}
          </div>
        </div>
        <div class="vbody" role="rowgroup" style={{ height: rows * high + 'px' }}>
          {cells}
        </div>
      </div>
    </>
  );
}

function useNarrow(): boolean {
  const [query] = useState(() => matchMedia('(max-width: 40rem)'));
  const [narrow, set] = useState(query.matches);
  useEffect(() => {
    const f = () => set(query.matches);
    query.addEventListener('change', f);
    return () => query.removeEventListener('change', f);
  }, [query]);
  return narrow;
}
