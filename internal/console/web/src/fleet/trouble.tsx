import { duration, none, number } from '../lib/format';
import { useGet, useNow } from '../lib/hooks';
import { t } from '../lib/i18n';
import { href } from '../lib/route';
import type { Connection, Trouble } from '../lib/types';
import { Card, Empty, StateDot, View } from '../ui/basic';
import { Table } from '../ui/table';

const again = 10_000; // ms; the links are not looked at more often

/** The connections that deserve a look: those that come and go most, and those that are silent for longest. */
export function TroubleLists() {
  const now = useNow(again);
  const trouble = useGet<Trouble>('/fleet/trouble', now);
  const since = duration(now - Date.parse(trouble.data?.worst_since ?? ''));
  return (
    <div class="columns trouble">
      <Card title={t('trouble.worst')}>
        <View of={trouble}>
          {(x) => (
            <Rows
              empty={t('trouble.none', { age: since })}
              head={[t('trouble.comes', { age: since }), t('conn.lastClose')]}
              of={x.worst.map((c) => [c, number(c.comes), c.reason || none])}
            />
          )}
        </View>
      </Card>
      <Card title={t('trouble.quietest')}>
        <View of={trouble}>
          {(x) => (
            <Rows
              empty={t('trouble.noneOnline')}
              head={[t('trouble.quiet'), t('noun.channel')]}
              of={x.quietest.map((c) => [c, duration(c.quiet_s * 1000), c.channel || none])}
            />
          )}
        </View>
      </Card>
    </div>
  );
}

interface RowsProps {
  empty: string;
  head: [string, string];
  of: [Connection, string, string][];
}

function Rows({ empty, head, of }: RowsProps) {
  if (of.length === 0) return <Empty>{empty}</Empty>;
  return (
    <Table heads={[t('noun.connection'), [head[0], 'num'], head[1]]}>
      {of.map(([c, first, second]) => (
        <tr key={c.provider + '/' + c.name}>
          <td>
            <StateDot state={c.state} flapping={c.flapping} word={false} />{' '}
            <a href={href(['connection', c.provider, c.name])}>
              {c.provider}/{c.name}
            </a>{' '}
            <span class="muted">{c.title}</span>
          </td>
          <td class="num">{first}</td>
          <td>{second}</td>
        </tr>
      ))}
    </Table>
  );
}
