import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { url } from '../lib/api';
import { clock, clockMS, download, hexSpaced, hexText } from '../lib/format';
import { t } from '../lib/i18n';
import { Stream, type StreamState } from '../lib/stream';
import type { Connection, Frame } from '../lib/types';
import { Button, Card, Empty } from '../ui/basic';

const kept = 2000; // frames; older ones go
const drawn = 300; // of the newest that match

type Kept = Frame & { n: number };

const lineOf = (f: Frame): string => [f.ts, f.dir, hexSpaced(f.hex), hexText(f.hex), f.decoded ?? ''].join('\t');

/** The bytes of the link as they pass. */
export function Tap({ of: c }: { of: Connection }) {
  const [on, setOn] = useState(false);
  return (
    <Card
      title={t('tap.title')}
      actions={
        <Button small icon={on ? 'pause' : 'play'} onClick={() => setOn(!on)}>
          {on ? t('tap.close') : t('tap.open')}
        </Button>
      }
    >
      {on ? <Frames key={c.provider + c.name} of={c} /> : <p class="muted">{t('tap.about')}</p>}
    </Card>
  );
}

function Frames({ of: c }: { of: Connection }) {
  const frames = useRef<Kept[]>([]);
  const count = useRef(0);
  const lost = useRef(0);
  const due = useRef(0);
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const [, draw] = useState(0);
  const [state, setState] = useState<StreamState>({ is: 'opening' });
  const [held, setHeld] = useState<Kept[] | null>(null); // what is shown while paused
  const [filter, setFilter] = useState('');

  useEffect(() => {
    const stream = new Stream(
      url`/connections/${c.provider}/${c.name}/tap`,
      (_, data) => {
        const f = data as Frame;
        lost.current += f.lost;
        frames.current.push({ ...f, n: ++count.current });
        if (frames.current.length > kept) frames.current.splice(0, frames.current.length - kept);
        due.current ||= requestAnimationFrame(() => {
          due.current = 0;
          draw((n) => n + 1);
        });
      },
      setState,
    );
    return () => {
      stream.close();
      cancelAnimationFrame(due.current);
    };
  }, [c.provider, c.name]);

  const want = filter.trim().toLowerCase();
  const bare = want.replace(/[\s:]/g, '');
  const matching = (held ?? frames.current).filter(
    (f) =>
      !want ||
      f.dir === want ||
      f.hex.includes(bare) ||
      (f.decoded ?? '').toLowerCase().includes(want) ||
      hexText(f.hex).toLowerCase().includes(want),
  );
  const shown = matching.slice(-drawn);
  useLayoutEffect(() => {
    if (atEnd.current && !held && box.current) box.current.scrollTop = box.current.scrollHeight;
  });
  return (
    <>
      <div class="row">
        <Button
          small
          icon={held ? 'play' : 'pause'}
          pressed={!!held}
          onClick={() => setHeld(held ? null : [...frames.current])}
        >
          {held ? t('tap.go') : t('tap.pause')}
        </Button>
        <input
          class="filter grow"
          type="search"
          aria-label={t('tap.filter')}
          placeholder={t('tap.filter')}
          value={filter}
          onInput={(e) => setFilter(e.currentTarget.value)}
        />
        <Button
          small
          icon="save"
          disabled={matching.length === 0}
          onClick={() => download(`${c.provider}-${c.name}-frames.txt`, matching.map(lineOf).join('\n') + '\n')}
        >
          {t('action.download')}
        </Button>
        <span class="muted num">
          {t('tap.count', { shown: matching.length, all: count.current })}
          {lost.current > 0 && ' · ' + t('tap.lost', { n: lost.current })}
        </span>
      </div>
      {state.is === 'stale' && (
        <p class="quality-bad">{state.why?.message ?? t('live.stale', { time: clock(state.since) })}</p>
      )}
      <div
        class="frames"
        ref={box}
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label={t('tap.title')}
        onScroll={(e) => {
          const el = e.currentTarget;
          atEnd.current = el.scrollHeight - el.scrollTop - el.clientHeight < 30;
        }}
      >
        {shown.length === 0 && <Empty>{t('tap.empty')}</Empty>}
        {shown.map((f) => (
          <div class="frame" key={f.n}>
            <span>{clockMS(f.ts)}</span>
            <span class={'dir-' + f.dir}>{t(`tap.${f.dir}`)}</span>
            <span>{hexSpaced(f.hex)}</span>
            <span>{hexText(f.hex)}</span>
            <span class="muted">{f.decoded}</span>
          </div>
        ))}
      </div>
    </>
  );
}
