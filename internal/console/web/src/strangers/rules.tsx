import { useState } from 'preact/hooks';
import { call, url } from '../lib/api';
import { age, moment, none, number } from '../lib/format';
import { useNow, useTask, type Read } from '../lib/hooks';
import { t } from '../lib/i18n';
import { may } from '../lib/session';
import type { List, StrangerRule } from '../lib/types';
import { Button, Card, ErrorBox, View } from '../ui/basic';
import { Table } from '../ui/table';
import { say } from '../ui/toast';

/** What was decided about strangers, to be taken back. Nothing is shown while there is nothing. */
export function Rules({ of, onChanged }: { of: Read<List<StrangerRule>>; onChanged: () => void }) {
  const now = useNow();
  const task = useTask();
  const [gone, setGone] = useState<string[]>([]); // taken back, and in a list that was read before
  const drop = (r: StrangerRule) =>
    task.run(async () => {
      await call('DELETE', url`/strangers/rules/${r.key}`);
      setGone((all) => [...all, made(r)]);
      say(t('rules.dropped', { who: whom(r) }));
      onChanged();
    });
  if (of.data && left(of.data, gone).length === 0) return null;
  return (
    <Card title={t('rules.title')}>
      <ErrorBox error={task.error} />
      <View of={of}>
        {(data) => (
          <Table
            heads={[
              t('rules.what'),
              t('rules.whom'),
              t('noun.provider'),
              [t('strangers.count'), 'num'],
              [t('strangers.lastSeen'), 'num'],
              t('rules.by'),
            ]}
            acts
            cls="cards rules"
          >
            {left(data, gone).map((r) => (
              <tr key={r.key}>
                <td>{t(`rules.${r.action}`)}</td>
                <td class="mono">{whom(r)}</td>
                <td data-label={t('noun.provider')}>{r.provider || t('rules.all')}</td>
                <td class="num" data-label={t('strangers.count')}>
                  {number(r.count)}
                </td>
                <td class="num">{r.last_seen ? t('time.ago', { age: age(r.last_seen, now) }) : none}</td>
                <td title={moment(r.since)} data-label={t('rules.by')}>
                  {r.who}
                </td>
                <td class="acts">
                  {may(r.action === 'block' ? 'admin' : 'operator') && (
                    <Button small icon="undo" disabled={task.busy} onClick={() => void drop(r)}>
                      {t('rules.drop')}
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        )}
      </View>
    </Card>
  );
}

/** Which rule it is: one that is made again is another. */
const made = (r: StrangerRule): string => `${r.key} ${r.since}`;

const left = (all: List<StrangerRule>, gone: string[]): StrangerRule[] =>
  all.items.filter((r) => !gone.includes(made(r)));

const whom = (r: StrangerRule): string => r.id || r.address;
