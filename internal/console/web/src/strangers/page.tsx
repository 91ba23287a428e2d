import { useState } from 'preact/hooks';
import { call, url } from '../lib/api';
import { useFeed } from '../lib/feed';
import { age, hexSpaced, hexText, moment, number } from '../lib/format';
import { useGet, useNow, useTask, useThrottle } from '../lib/hooks';
import { t } from '../lib/i18n';
import { href, type Route } from '../lib/route';
import { may } from '../lib/session';
import { strangerCount } from '../shell';
import type { Connection, List, Stranger, StrangerRule } from '../lib/types';
import { Button, Card, Empty, ErrorBox, Page, View } from '../ui/basic';
import { FormDialog } from '../ui/dialog';
import { faultsOf, Input } from '../ui/form';
import { Table } from '../ui/table';
import { say } from '../ui/toast';
import { Block } from './block';
import { Rules } from './rules';

export function StrangersPage(_: { at: Route }) {
  const list = useGet<List<Stranger>>('/strangers');
  const rules = useGet<List<StrangerRule>>('/strangers/rules');
  const reload = useThrottle(list.reload, 1000);
  const [adopting, setAdopting] = useState<Stranger | null>(null);
  const [blocking, setBlocking] = useState<Stranger | null>(null);
  const task = useTask();
  useFeed({ event: (e) => e.kind === 'stranger' && reload() });
  const decided = (s: Stranger, words: string) => {
    strangerCount.set(Math.max(0, strangerCount.value - 1));
    list.patch((data) => ({ ...data, items: data.items.filter((x) => x.key !== s.key) }));
    rules.reload();
    say(words);
  };
  const ignore = (s: Stranger) =>
    task.run(async () => {
      await call('POST', url`/strangers/${s.key}/ignore`);
      decided(s, t('rules.ignored', { who: s.id || s.remote_addr }));
    });
  return (
    <Page title={t('nav.strangers')}>
      <p class="muted">{t('strangers.about')}</p>
      <ErrorBox error={task.error} />
      <View of={list}>
        {(data) =>
          data.items.length === 0 ? (
            <Card>
              <Empty>{t('strangers.none')}</Empty>
            </Card>
          ) : (
            <Card>
              <Listed of={data.items} adopt={setAdopting} ignore={(s) => void ignore(s)} block={setBlocking} />
            </Card>
          )
        }
      </View>
      <Rules
        of={rules}
        onChanged={() => {
          rules.reload();
          list.reload();
        }}
      />
      {blocking && (
        <Block
          of={blocking}
          onClose={() => setBlocking(null)}
          onDone={() => {
            decided(blocking, t('rules.blocked', { who: blocking.id || blocking.remote_addr }));
            setBlocking(null);
          }}
        />
      )}
      {adopting && (
        <Adopt
          of={adopting}
          onClose={() => setAdopting(null)}
          onDone={(c) => {
            setAdopting(null);
            strangerCount.set(Math.max(0, strangerCount.value - 1));
            list.reload();
            say(t('strangers.adopted', { name: `${c.provider}/${c.name}` }));
            location.hash = href(['connection', c.provider, c.name]);
          }}
        />
      )}
    </Page>
  );
}

interface ListedProps {
  of: Stranger[];
  adopt: (s: Stranger) => void;
  ignore: (s: Stranger) => void;
  block: (s: Stranger) => void;
}

function Listed({ of, adopt, ignore, block }: ListedProps) {
  const now = useNow();
  const newest = [...of].sort((a, b) => Date.parse(b.last_seen) - Date.parse(a.last_seen));
  return (
    <Table
      heads={[
        t('conn.id'),
        t('strangers.firstBytes'),
        t('conn.address'),
        t('noun.provider'),
        [t('strangers.count'), 'num'],
        [t('strangers.lastSeen'), 'num'],
        t('field.reason'),
      ]}
      acts
      cls="cards strangers"
    >
      {newest.map((s) => (
        <tr key={s.key}>
          <td class="mono">{s.id || t('strangers.noId')}</td>
          <td class="mono bytes">
            {hexSpaced(s.first_bytes)}
            <br />
            <span class="muted">{hexText(s.first_bytes)}</span>
          </td>
          <td class="mono nowrap">{s.remote_addr}</td>
          <td data-label={t('noun.provider')}>{s.provider}</td>
          <td class="num" data-label={t('strangers.count')}>
            {number(s.count)}
          </td>
          <td class="num" title={`${moment(s.first_seen)} – ${moment(s.last_seen)}`}>
            {t('time.ago', { age: age(s.last_seen, now) })}
          </td>
          <td class="nowrap">{s.reason}</td>
          <td class="acts">
            {may('operator') && s.id && (
              <Button small icon="add" kind="primary" onClick={() => adopt(s)}>
                {t('strangers.adopt')}
              </Button>
            )}
            {may('operator') && (
              <Button small onClick={() => ignore(s)}>
                {t('strangers.ignore')}
              </Button>
            )}
            {may('admin') && (
              <Button small onClick={() => block(s)}>
                {t('strangers.block')}
              </Button>
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** Two clicks: adopt, and yes. A name is chosen by linkd unless one is typed. */
function Adopt({ of: s, onClose, onDone }: { of: Stranger; onClose: () => void; onDone: (c: Connection) => void }) {
  const [name, setName] = useState('');
  const [title, setTitle] = useState('');
  const task = useTask();
  const faults = faultsOf(task.error);
  const adopt = () =>
    task.run(async () => {
      const json = { ...(name.trim() && { name: name.trim() }), ...(title && { title }) };
      onDone((await call<Connection>('POST', url`/strangers/${s.key}/adopt`, { json })).body);
    });
  return (
    <FormDialog
      title={t('strangers.adoptTitle', { id: s.id || s.remote_addr })}
      action={t('strangers.adopt')}
      busy={task.busy}
      onClose={onClose}
      onSubmit={() => void adopt()}
      faults={faults.rest}
    >
      <p>{t('strangers.adoptText', { provider: s.provider })}</p>
      <div class="fields">
        <Input
          label={t('field.name')}
          value={name}
          onInput={setName}
          focus
          placeholder={t('strangers.anyName')}
          error={faults.of('body.name')}
        />
        <Input label={t('field.title')} value={title} onInput={setTitle} error={faults.of('body.title')} />
      </div>
    </FormDialog>
  );
}
