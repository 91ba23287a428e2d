import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { get, isAbort, problem, query, type Problem } from '../lib/api';
import { clockMS, download, moment, visible } from '../lib/format';
import { t } from '../lib/i18n';
import { setQuery } from '../lib/route';
import type { Level, List, LogRecord } from '../lib/types';
import { Button, Card, Empty, ErrorBox } from '../ui/basic';
import { Choice } from '../ui/form';

const every = 2000; // ms between two readings
const kept = 1000; // records, as many as linkd keeps
const levels: Level[] = ['debug', 'info', 'warn', 'error'];

/** The last of linkd's log, and what it says from then on. */
export function Log({ level: wanted }: { level: string }) {
  const level = levels.find((l) => l === wanted) ?? 'info';
  const [records, setRecords] = useState<LogRecord[] | null>(null);
  const [error, setError] = useState<Problem | null>(null);
  const [held, setHeld] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (held) return;
    const stop = new AbortController();
    let timer = 0;
    let after = 0;
    const read = async () => {
      try {
        const { body } = await get<List<LogRecord>>(
          '/system/log' + query({ level, after: after || undefined, limit: kept }),
          stop.signal,
        );
        const first = after === 0;
        after = body.items.at(-1)?.number ?? after;
        setError(null);
        setRecords((now) => (first ? body.items : [...(now ?? []), ...body.items].slice(-kept)));
      } catch (err) {
        if (isAbort(err)) return;
        setError(problem(err));
        after = 0; // it may be another linkd when it is back
      }
      timer = window.setTimeout(() => void read(), every);
    };
    void read();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [level, held]);
  useLayoutEffect(() => {
    if (atEnd.current && !held && box.current) box.current.scrollTop = box.current.scrollHeight;
  });
  const lines = () => records!.map((r) => `${r.time} ${r.level} ${r.message} ${r.attrs}`).join('\n') + '\n';
  return (
    <Card
      title={t('log.title')}
      actions={
        <>
          <Choice
            label={t('log.level')}
            value={level}
            onChange={(l) => setQuery({ level: l === 'info' ? '' : l })}
            options={levels.map((l) => [l, t(`log.${l}`)])}
          />
          <Button small icon={held ? 'play' : 'pause'} pressed={held} onClick={() => setHeld(!held)}>
            {held ? t('tap.go') : t('tap.pause')}
          </Button>
          <Button small icon="save" disabled={!records?.length} onClick={() => download('linkd-log.txt', lines())}>
            {t('action.download')}
          </Button>
        </>
      }
    >
      <ErrorBox error={error} />
      <div
        class="frames log"
        ref={box}
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label={t('log.title')}
        onScroll={(e) => {
          const el = e.currentTarget;
          atEnd.current = el.scrollHeight - el.scrollTop - el.clientHeight < 30;
        }}
      >
        {records?.length === 0 && <Empty>{t('log.empty')}</Empty>}
        {records?.map((r) => (
          <div class="frame" key={r.number}>
            <span title={moment(r.time)}>{clockMS(r.time)}</span>
            <span class={'level-' + r.level}>{t(`log.${r.level}`)}</span>
            <span>
              {visible(r.message)} <span class="muted">{visible(r.attrs)}</span>
            </span>
          </div>
        ))}
      </div>
    </Card>
  );
}
