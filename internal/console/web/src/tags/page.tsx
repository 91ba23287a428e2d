import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { query } from '../lib/api';
import { age, number, valueText } from '../lib/format';
import { useGet, useNow } from '../lib/hooks';
import { t } from '../lib/i18n';
import { href, setQuery, type Route } from '../lib/route';
import { may } from '../lib/session';
import type { List, Provider, TagValue } from '../lib/types';
import { Button, Page, QualityMark } from '../ui/basic';
import { usePages } from '../ui/pages';
import { VTable, type Column } from '../ui/vtable';
import { keyOf, useLive } from './live';
import { Plot } from './plot';
import { Write } from './write';

const mostLive = 2000; // connections online whose values are all followed; of more, a channel must be chosen
const mostPlotted = 8;
const poll = 3000; // ms between two readings where values are not followed

export function TagsPage({ at }: { at: Route }) {
  const channel = at.query.get('channel') ?? '';
  const device = at.query.get('device') ?? '';
  const connection = at.query.get('connection') ?? '';
  const plotted = useMemo(() => (at.query.get('plot') ?? '').split(',').filter(Boolean), [at.query.get('plot')]);
  const providers = useGet<List<Provider>>('/providers');
  const online = providers.data?.items.reduce((n, p) => n + p.online, 0) ?? Infinity;
  const follows = channel !== '' || connection !== '' || online <= mostLive;
  const live = useLive(follows ? query({ values: true, channel, connection }) : '');
  const pathOf = useCallback(
    (cursor: string) => '/tags' + query({ channel, device, connection, limit: 100, cursor }),
    [channel, device, connection],
  );
  const pages = usePages<TagValue>(pathOf);
  useEffect(() => {
    if (follows) return;
    const timer = setInterval(pages.refresh, poll);
    return () => clearInterval(timer);
  }, [follows, pages.refresh]);
  const [writing, setWriting] = useState<TagValue | null>(null);
  const toggle = (key: string) =>
    setQuery({
      plot: (plotted.includes(key) ? plotted.filter((k) => k !== key) : [...plotted, key].slice(-mostPlotted)).join(
        ',',
      ),
    });
  const clear = () => setQuery({ channel: '', device: '', connection: '' });
  return (
    <Page title={t('tags.title')}>
      <div class="row">
        <Filter label={t('noun.channel')} now={channel} onSet={(v) => setQuery({ channel: v })} placeholder="ch_dev1" />
        <Filter label={t('noun.device')} now={device} onSet={(v) => setQuery({ device: v })} placeholder="d1" />
        <Filter
          label={t('noun.connection')}
          now={connection}
          onSet={(v) => setQuery({ connection: v })}
          placeholder="s1/c1"
        />
        {(channel || device || connection) && <Button onClick={clear}>{t('tags.allTags')}</Button>}
        {!follows && providers.data && <span class="muted">{t('tags.choose', { n: number(mostLive) })}</span>}
      </div>
      {plotted.length > 0 && <Plot tags={plotted} onRemove={toggle} />}
      <Values of={pages} live={live} plotted={plotted} toggle={toggle} write={setWriting} />
      {writing && <Write of={live(writing)} onClose={() => setWriting(null)} />}
    </Page>
  );
}

function Filter({
  label,
  now,
  onSet,
  placeholder,
}: {
  label: string;
  now: string;
  onSet: (v: string) => void;
  placeholder: string;
}) {
  const [text, setText] = useState(now);
  useEffect(() => setText(now), [now]);
  return (
    <form
      class="tag-filter"
      onSubmit={(e) => {
        e.preventDefault();
        onSet(text.trim());
      }}
    >
      <label>
        <span class="muted">{label}</span>
        <input
          value={text}
          placeholder={placeholder}
          onInput={(e) => setText(e.currentTarget.value)}
          onBlur={() => text.trim() !== now && onSet(text.trim())}
          autocomplete="off"
          spellcheck={false}
        />
      </label>
    </form>
  );
}

interface ValuesProps {
  of: ReturnType<typeof usePages<TagValue>>;
  live: (v: TagValue) => TagValue;
  plotted: string[];
  toggle: (key: string) => void;
  write: (v: TagValue) => void;
}

function Values({ of, live, plotted, toggle, write }: ValuesProps) {
  const now = useNow();
  const columns: Column<TagValue>[] = [
    {
      key: 'plot',
      title: t('tags.plot'),
      width: '2.2rem',
      cell: (v) => (
        <input
          type="checkbox"
          aria-label={t('tags.plotOf', { tag: keyOf(v) })}
          checked={plotted.includes(keyOf(v))}
          onChange={() => toggle(keyOf(v))}
        />
      ),
    },
    {
      key: 'tag',
      title: t('noun.tag'),
      width: 'minmax(6rem, 2fr)',
      cell: (v) => (
        <span title={keyOf(v)}>
          <span class="muted wide-only">{v.channel}/</span>
          <span class="muted">{v.device}/</span>
          <strong>{v.tag}</strong> {v.title}
        </span>
      ),
    },
    {
      key: 'value',
      title: t('field.value'),
      width: 'minmax(4.6rem, 0.8fr)',
      num: true,
      cell: (v) => (
        <>
          <strong>{valueText(live(v).value)}</strong> <span class="muted">{v.unit}</span>
        </>
      ),
    },
    {
      key: 'quality',
      title: t('field.quality'),
      width: 'minmax(3rem, 1fr)',
      cell: (v) => (
        <span title={live(v).reason}>
          <QualityMark quality={live(v).quality} reason={live(v).reason} />
          <span class="muted wide-only"> {live(v).reason}</span>
        </span>
      ),
    },
    { key: 'age', title: t('field.age'), width: '4.2rem', num: true, cell: (v) => age(live(v).ts, now) },
    {
      key: 'conn',
      title: t('noun.connection'),
      width: 'minmax(5rem, 0.8fr)',
      wideOnly: true,
      cell: (v) => {
        const [provider = '', name = ''] = v.connection.split('/', 2);
        return name ? <a href={href(['connection', provider, name])}>{v.connection}</a> : '';
      },
    },
    {
      key: 'write',
      title: t('field.actions'),
      width: '5.6rem',
      wideOnly: true,
      cell: (v) =>
        v.writable &&
        may('operator') && (
          <Button small icon="edit" onClick={() => write(v)}>
            {t('action.write')}
          </Button>
        ),
    },
  ];
  return <VTable label={t('tags.title')} columns={columns} of={of} empty={t('tags.none')} />;
}
