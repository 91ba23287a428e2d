import { useEffect, useState } from 'preact/hooks';
import { get, isAbort, problem, query, type Problem } from '../lib/api';
import { feedAge } from '../lib/feed';
import { download, none } from '../lib/format';
import { useNow } from '../lib/hooks';
import { t } from '../lib/i18n';
import { useStore } from '../lib/store';
import type { Bucket, List } from '../lib/types';
import { Button, Card, Empty, ErrorBox, Loading } from '../ui/basic';
import { Choice } from '../ui/form';
import { colourOf, Lines } from '../ui/lines';
import { csvOf, tableOf, type Table } from './series';

const hours = { '1': 1, '6': 6, '24': 24, '168': 168 };
type Span = keyof typeof hours;
const again = 10_000; // ms between two readings
const points = 600;

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
            <span class="dot" style={{ background: colourOf(i) }} aria-hidden="true" />
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
        <Lines
          names={table.tags}
          data={table.data}
          seconds={hours[span] * 3600}
          about={t('plot.about', { last: lastOf(table.tags, table.data) })}
        />
      )}
    </Card>
  );
}

const lastOf = (tags: string[], data: Table): string =>
  tags.map((tag, i) => `${tag} ${data[i + 1]?.findLast((v) => v != null) ?? none}`).join('; ');
