import { useState } from 'preact/hooks';
import { call, url } from '../lib/api';
import { useFeed } from '../lib/feed';
import { age, hexSpaced, hexText, moment, number } from '../lib/format';
import { useGet, useNow, useTask, useThrottle } from '../lib/hooks';
import { t } from '../lib/i18n';
import { href, type Route } from '../lib/route';
import { may } from '../lib/session';
import { strangerCount } from '../shell';
import type { Connection, List, Stranger } from '../lib/types';
import { Button, Card, Empty, Page, View } from '../ui/basic';
import { FormDialog } from '../ui/dialog';
import { faultsOf, Input } from '../ui/form';
import { say } from '../ui/toast';

export function StrangersPage(_: { at: Route }) {
  const list = useGet<List<Stranger>>('/strangers');
  const reload = useThrottle(list.reload, 1000);
  const [adopting, setAdopting] = useState<Stranger | null>(null);
  useFeed({ event: (e) => e.kind === 'stranger' && reload() });
  return (
    <Page title={t('nav.strangers')}>
      <p class="muted">{t('strangers.about')}</p>
      <View of={list}>
        {(data) =>
          data.items.length === 0 ? (
            <Card>
              <Empty>{t('strangers.none')}</Empty>
            </Card>
          ) : (
            <Card>
              <Table of={data.items} adopt={setAdopting} />
            </Card>
          )
        }
      </View>
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

function Table({ of, adopt }: { of: Stranger[]; adopt: (s: Stranger) => void }) {
  const now = useNow();
  const newest = [...of].sort((a, b) => Date.parse(b.last_seen) - Date.parse(a.last_seen));
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>{t('conn.id')}</th>
            <th>{t('strangers.firstBytes')}</th>
            <th>{t('conn.address')}</th>
            <th>{t('noun.provider')}</th>
            <th class="num">{t('strangers.count')}</th>
            <th class="num">{t('strangers.lastSeen')}</th>
            <th>{t('field.reason')}</th>
            <th>
              <span class="unseen">{t('field.actions')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {newest.map((s) => (
            <tr key={s.key}>
              <td class="mono">{s.id || t('strangers.noId')}</td>
              <td class="mono bytes">
                {hexSpaced(s.first_bytes)}
                <br />
                <span class="muted">{hexText(s.first_bytes)}</span>
              </td>
              <td class="mono">{s.remote_addr}</td>
              <td>{s.provider}</td>
              <td class="num">{number(s.count)}</td>
              <td class="num" title={`${moment(s.first_seen)} – ${moment(s.last_seen)}`}>
                {t('time.ago', { age: age(s.last_seen, now) })}
              </td>
              <td>{s.reason}</td>
              <td class="acts">
                {may('operator') && (
                  <Button small icon="add" kind="primary" onClick={() => adopt(s)}>
                    {t('strangers.adopt')}
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
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
