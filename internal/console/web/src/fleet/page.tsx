import { useCallback, useEffect, useState } from 'preact/hooks';
import { query } from '../lib/api';
import { useFeed } from '../lib/feed';
import { age, bytes, none, number } from '../lib/format';
import { useGet, useNow, useThrottle } from '../lib/hooks';
import { t } from '../lib/i18n';
import { remember, remembered } from '../lib/memory';
import { href, setQuery, type Route } from '../lib/route';
import type { Connection, List, Provider, State } from '../lib/types';
import { Page, StateDot, View } from '../ui/basic';
import { Choice } from '../ui/form';
import { usePages } from '../ui/pages';
import { VTable, type Column } from '../ui/vtable';
import { BulkMenu } from './bulk';
import { Charts } from './charts';
import { ProviderCards } from './providers';
import { spans, type Span } from './series';
import { TroubleLists } from './trouble';

const pause = 300; // ms after the last key before the search is made
const states: ('' | State)[] = ['', 'online', 'offline', 'disabled'];

export function FleetPage({ at }: { at: Route }) {
  const provider = at.query.get('provider') ?? '';
  const state = (at.query.get('state') ?? '') as '' | State;
  const q = at.query.get('q') ?? '';
  const sort = at.query.get('sort') === 'trouble' ? 'trouble' : '';
  const span = at.query.get('span') ?? '';
  const providers = useGet<List<Provider>>('/providers');
  const pathOf = useCallback(
    (cursor: string) => '/connections' + query({ provider, state, q, sort, limit: 100, cursor }),
    [provider, state, q, sort],
  );
  const pages = usePages<Connection>(pathOf);
  const reload = useThrottle(() => {
    providers.reload();
    pages.refresh();
  }, 1500);
  useFeed({ event: reload });
  useEffect(() => {
    const timer = setInterval(reload, 10_000); // bytes are told by no event
    return () => clearInterval(timer);
  }, [reload]);
  return (
    <Page title={t('nav.fleet')}>
      <View of={providers}>{(list) => <ProviderCards of={list.items} chosen={provider} />}</View>
      <Lately span={span in spans ? (span as Span) : '1h'} />
      <div class="row">
        <Search now={q} />
        <Choice
          label={t('fleet.state')}
          value={state}
          onChange={(s) => setQuery({ state: s })}
          options={states.map((s) => [s, s ? t(`state.${s}`) : t('fleet.all')])}
        />
        <select
          class="filter"
          aria-label={t('noun.provider')}
          value={provider}
          onChange={(e) => setQuery({ provider: e.currentTarget.value })}
        >
          <option value="">{t('fleet.allProviders')}</option>
          {providers.data?.items.map((p) => (
            <option key={p.name} value={p.name}>
              {p.title || p.name}
            </option>
          ))}
        </select>
        <Choice
          label={t('fleet.sort')}
          value={sort}
          onChange={(to) => setQuery({ sort: to })}
          options={[
            ['', t('fleet.byPlace')],
            ['trouble', t('fleet.byTrouble')],
          ]}
        />
        <BulkMenu on={{ provider, state, q }} onDone={reload} />
      </div>
      <Connections of={pages} filtered={!!(provider || state || q)} />
    </Page>
  );
}

/** What the fleet was like, which whoever needs the room for the list can fold away. */
function Lately({ span }: { span: Span }) {
  const [open, setOpen] = useState((remembered('lately') ?? (innerWidth < 640 ? 'folded' : 'open')) === 'open');
  return (
    <details
      class="lately"
      open={open}
      onToggle={(e) => {
        setOpen(e.currentTarget.open);
        remember('lately', e.currentTarget.open ? 'open' : 'folded');
      }}
    >
      <summary>{t('fleet.lately')}</summary>
      {open && (
        <div class="stack">
          <Charts span={span} />
          <TroubleLists />
        </div>
      )}
    </details>
  );
}

function Search({ now }: { now: string }) {
  const [text, setText] = useState(now);
  useEffect(() => setText(now), [now]);
  useEffect(() => {
    if (text === now) return;
    const timer = setTimeout(() => setQuery({ q: text }), pause);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <input
      class="filter grow"
      type="search"
      aria-label={t('fleet.search')}
      placeholder={t('fleet.search')}
      value={text}
      onInput={(e) => setText(e.currentTarget.value)}
    />
  );
}

function Connections({ of, filtered }: { of: ReturnType<typeof usePages<Connection>>; filtered: boolean }) {
  const now = useNow(5000);
  const columns: Column<Connection>[] = [
    { key: 'state', title: t('fleet.state'), width: '6.2rem', cell: (c) => <StateDot state={c.state} flapping={c.flapping} /> },
    {
      key: 'name',
      title: t('noun.connection'),
      width: 'minmax(9rem, 2fr)',
      cell: (c) => (
        <a class="stretched" href={href(['connection', c.provider, c.name])}>
          <strong>{c.name}</strong> <span class="muted">{c.title}</span>
        </a>
      ),
    },
    {
      key: 'provider',
      title: t('noun.provider'),
      width: 'minmax(4rem, 0.7fr)',
      wideOnly: true,
      cell: (c) => c.provider,
    },
    {
      key: 'id',
      title: t('conn.id'),
      width: 'minmax(6rem, 1fr)',
      wideOnly: true,
      cell: (c) => <span class="mono">{c.socket_conn_id || c.remote_ip || none}</span>,
    },
    {
      key: 'addr',
      title: t('conn.address'),
      width: 'minmax(8rem, 1.1fr)',
      wideOnly: true,
      cell: (c) => <span class="mono">{c.remote_addr || none}</span>,
    },
    { key: 'since', title: t('conn.for'), width: '6rem', num: true, cell: (c) => age(c.since, now) },
    { key: 'in', title: t('conn.in'), width: '5rem', num: true, wideOnly: true, cell: (c) => bytes(c.bytes_in) },
    { key: 'out', title: t('conn.out'), width: '5rem', num: true, wideOnly: true, cell: (c) => bytes(c.bytes_out) },
    {
      key: 're',
      title: t('conn.reconnects'),
      width: '5.5rem',
      num: true,
      wideOnly: true,
      cell: (c) => number(c.reconnects),
    },
    {
      key: 'why',
      title: t('conn.lastClose'),
      width: 'minmax(6rem, 1.2fr)',
      wideOnly: true,
      cell: (c) => <span title={c.last_close_reason}>{c.last_close_reason || none}</span>,
    },
  ];
  return (
    <VTable
      label={t('fleet.table')}
      columns={columns}
      of={of}
      empty={filtered ? t('fleet.noMatch') : t('fleet.empty')}
    />
  );
}
