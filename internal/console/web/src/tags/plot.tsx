import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { get, isAbort, problem, query, type Problem } from '../lib/api';
import { feedAge } from '../lib/feed';
import { download, none } from '../lib/format';
import { useNow } from '../lib/hooks';
import { t } from '../lib/i18n';
import { useStore } from '../lib/store';
import { colour, onColours } from '../lib/theme';
import type { Bucket, List } from '../lib/types';
import { Button, Card, Empty, ErrorBox, Loading } from '../ui/basic';
import { Choice } from '../ui/form';
import { csvOf, tableOf, type Table } from './series';

const hours = { '1': 1, '6': 6, '24': 24, '168': 168 };
type Span = keyof typeof hours;
const again = 10_000; // ms between two readings
const points = 600;
const high = 300; // px

/** Colours of the lines, in order. They can be seen on a light and on a dark ground. */
const lines = ['#1f86cc', '#dc6a1c', '#14976f', '#c8689c', '#b28410', '#4aa8d8', '#8f6bd8', '#868c96'];

/** What tags were, as lines. */
export function Plot({ tags, onRemove }: { tags: string[]; onRemove: (tag: string) => void }) {
  const [span, setSpan] = useState<Span>('1');
  const [table, setTable] = useState<{ tags: string[]; data: Table } | null>(null);
  const [error, setError] = useState<Problem | null>(null);
  const turn = useNow(again);
  const age = useStore(feedAge);
  useEffect(() => {
    const stop = new AbortController();
    const to = new Date();
    const from = new Date(to.getTime() - hours[span] * 3_600_000);
    const read = (tag: string) =>
      get<List<Bucket>>(
        '/history' + query({ tag, from: from.toISOString(), to: to.toISOString(), points }),
        stop.signal,
      );
    Promise.all(tags.map(read))
      .then((all) => {
        setTable({ tags, data: tableOf(all.map((a) => a.body.items)) });
        setError(null);
      })
      .catch((err) => !isAbort(err) && setError(problem(err)));
    return () => stop.abort();
  }, [tags, span, turn, age]);
  return (
    <Card
      title={t('plot.title')}
      actions={
        <>
          <Choice
            label={t('history.span')}
            value={span}
            onChange={setSpan}
            options={[
              ['1', t('span.1h')],
              ['6', t('span.6h')],
              ['24', t('span.24h')],
              ['168', t('span.7d')],
            ]}
          />
          <Button
            small
            icon="save"
            disabled={!table || table.data[0].length === 0}
            onClick={() => table && download('linkd-tags.csv', csvOf(table.tags, table.data), 'text/csv')}
          >
            {t('plot.csv')}
          </Button>
        </>
      }
    >
      <ErrorBox error={error} />
      <div class="row chips">
        {tags.map((tag, i) => (
          <button
            type="button"
            class="chip"
            key={tag}
            aria-label={t('plot.remove', { tag })}
            onClick={() => onRemove(tag)}
          >
            <span class="dot" style={{ background: lines[i % lines.length] }} aria-hidden="true" />
            {tag}
            <span aria-hidden="true">×</span>
          </button>
        ))}
      </div>
      {!table ? (
        !error && <Loading />
      ) : table.data[0].length === 0 ? (
        <Empty>{t('plot.empty')}</Empty>
      ) : (
        <Lines tags={table.tags} data={table.data} hours={hours[span]} />
      )}
    </Card>
  );
}

function Lines({ tags, data, hours }: { tags: string[]; data: Table; hours: number }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const range = useRef<[number, number]>([0, 1]);
  const now = Date.now() / 1000;
  range.current = [now - hours * 3600, now];
  const names = tags.join(',');
  useEffect(() => {
    const el = box.current!;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(
        options(tags, el.clientWidth, () => range.current),
        data,
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
  }, [names]);
  useEffect(() => plot.current?.setData(data), [data]);
  const last = tags.map((tag, i) => `${tag} ${data[i + 1]?.findLast((v) => v != null) ?? none}`).join('; ');
  return <div class="plot" ref={box} role="img" aria-label={t('plot.about', { last })} />;
}

function options(tags: string[], width: number, range: () => [number, number]): uPlot.Options {
  const axis = {
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1 },
  };
  return {
    width,
    height: high,
    scales: { x: { time: true, range: () => range() } },
    axes: [
      { ...axis, values: timesOf },
      { ...axis, size: 60 },
    ],
    series: [
      { label: t('field.time'), value: (_, v) => (v == null ? none : new Date(v * 1000).toLocaleString()) },
      ...tags.map((label, i) => ({ label, stroke: lines[i % lines.length]!, width: 1.5, points: { size: 4 } })),
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
