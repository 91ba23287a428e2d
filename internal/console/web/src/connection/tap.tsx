import { Fragment } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ask, query, url } from '../lib/api';
import { clock, clockMS, download, hexSpaced, hexText, moment } from '../lib/format';
import { useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import { Stream, type StreamState } from '../lib/stream';
import type { Connection, Frame } from '../lib/types';
import { Button, Card, Empty, ErrorBox } from '../ui/basic';
import { Choice } from '../ui/form';
import { Frames, lineOf, matching, type Direction, type Kept } from './frames';

const drawn = 300; // of the newest that match

/** What the last column says of a frame. */
function noteOf(f: Frame): string {
  if (f.identity) return t('tap.identity');
  if (f.length) return t('tap.cut', { n: f.hex.length / 2, all: f.length });
  return f.decoded ?? '';
}

/** The bytes of the link: those that linkd has kept, and those that pass. */
export function Tap({ of: c }: { of: Connection }) {
  const [on, setOn] = useState(true);
  return (
    <Card
      title={t('tap.title')}
      actions={
        <Button small icon={on ? 'close' : 'play'} onClick={() => setOn(!on)}>
          {on ? t('tap.close') : t('tap.open')}
        </Button>
      }
    >
      {on ? <Watched key={c.provider + '/' + c.name} of={c} /> : <p class="muted">{t('tap.about')}</p>}
    </Card>
  );
}

function Watched({ of: c }: { of: Connection }) {
  const { frames, state } = useFrames(c);
  const [held, setHeld] = useState<{ list: Kept[]; count: number } | null>(null); // what is shown while paused
  const [dir, setDir] = useState<Direction>('both');
  const [filter, setFilter] = useState('');
  const task = useTask();
  const all = matching(held?.list ?? frames.list, dir, filter);
  const name = `${c.provider}-${c.name}-frames`;
  const capture = () =>
    task.run(async () => {
      const res = await ask('GET', url`/connections/${c.provider}/${c.name}/frames` + '?format=pcapng');
      download(name + '.pcapng', await res.blob());
    });
  return (
    <>
      <div class="row">
        <Button
          small
          icon={held ? 'play' : 'pause'}
          pressed={!!held}
          onClick={() => setHeld(held ? null : { list: [...frames.list], count: frames.count })}
        >
          {held ? t('tap.go') : t('tap.pause')}
        </Button>
        <Choice
          label={t('tap.direction')}
          value={dir}
          onChange={setDir}
          options={[
            ['both', t('tap.both')],
            ['in', t('tap.in')],
            ['out', t('tap.out')],
          ]}
        />
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
          disabled={all.length === 0}
          onClick={() => download(name + '.txt', all.map((f) => lineOf(f, noteOf(f))).join(''))}
        >
          {t('action.download')} .txt
        </Button>
        <Button small icon="save" disabled={frames.count === 0 || task.busy} onClick={() => void capture()}>
          {t('action.download')} .pcapng
        </Button>
        <span class="muted num">
          {t('tap.count', { shown: all.length, all: frames.count })}
          {held && frames.count > held.count && ' · ' + t('tap.waiting', { n: frames.count - held.count })}
          {frames.lost > 0 && ' · ' + t('tap.lost', { n: frames.lost })}
        </span>
      </div>
      <ErrorBox error={task.error} />
      {state.is === 'stale' && (
        <p class="quality-bad">{state.why?.message ?? t('live.stale', { time: clock(state.since) })}</p>
      )}
      <List of={all.slice(-drawn)} still={!!held} />
    </>
  );
}

/** The frames of a connection, drawn at most once for each frame of the screen. */
function useFrames(c: Connection): { frames: Frames; state: StreamState } {
  const [frames] = useState(() => new Frames());
  const [state, setState] = useState<StreamState>({ is: 'opening' });
  const [, draw] = useState(0);
  useEffect(() => {
    let due = 0;
    const stream = new Stream(
      () => url`/connections/${c.provider}/${c.name}/tap` + query({ after: frames.newest }),
      (_, data) => {
        frames.add(data as Frame);
        due ||= requestAnimationFrame(() => {
          due = 0;
          draw((n) => n + 1);
        });
      },
      setState,
    );
    return () => {
      stream.close();
      cancelAnimationFrame(due);
    };
  }, [c.provider, c.name, frames]);
  return { frames, state };
}

function List({ of, still }: { of: Kept[]; still: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (atEnd.current && !still && box.current) box.current.scrollTop = box.current.scrollHeight;
  });
  return (
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
      {of.length === 0 && <Empty>{t('tap.empty')}</Empty>}
      {of.map((f, i) => (
        <Fragment key={f.n}>
          {f.session !== of[i - 1]?.session && (
            <div class="frame-session">{t('tap.session', { n: f.session, time: moment(f.ts) })}</div>
          )}
          <div class={f.identity ? 'frame identity' : 'frame'}>
            <span>{clockMS(f.ts)}</span>
            <span class={'dir-' + f.dir}>{t(`tap.${f.dir}`)}</span>
            <span>{hexSpaced(f.hex)}</span>
            <span>{hexText(f.hex)}</span>
            <span class="muted">{noteOf(f)}</span>
          </div>
        </Fragment>
      ))}
    </div>
  );
}
