import { useState } from 'preact/hooks';
import { call, url } from '../lib/api';
import { age, none, number } from '../lib/format';
import { useGet, useNow } from '../lib/hooks';
import { t } from '../lib/i18n';
import { may } from '../lib/session';
import type { List, OutputState } from '../lib/types';
import { Button, Card, Empty, View } from '../ui/basic';
import { Confirm } from '../ui/dialog';
import { Table } from '../ui/table';
import { OutputForm } from './output-form';
import { poll } from './poll';

/** Where values go beside the bus, how that does, and how it is configured. */
export function Outputs() {
  const now = useNow(poll);
  const list = useGet<List<OutputState>>('/bus/outputs', now);
  const [editing, setEditing] = useState<string | null>(null); // empty: a new one
  const [deleting, setDeleting] = useState('');
  const changed = () => {
    setEditing(null);
    setDeleting('');
    list.reload();
  };
  return (
    <Card
      title={t('outputs.title')}
      actions={
        may('admin') && (
          <Button small icon="add" onClick={() => setEditing('')}>
            {t('output.add')}
          </Button>
        )
      }
    >
      {editing !== null && <OutputForm name={editing} onClose={() => setEditing(null)} onSaved={changed} />}
      {deleting && (
        <Confirm
          title={t('output.delete', { name: deleting })}
          text={t('output.deleteText')}
          action={t('action.delete')}
          onClose={() => setDeleting('')}
          run={async () => {
            await call('DELETE', url`/outputs/${deleting}`);
            changed();
          }}
        />
      )}
      <View of={list}>
        {(data) =>
          data.items.length === 0 ? (
            <Empty>{t('outputs.none')}</Empty>
          ) : (
            <Table
              heads={[
                t('field.name'),
                t('provider.type'),
                t('fleet.state'),
                [t('conn.for'), 'num'],
                [t('bus.sent'), 'num'],
                [t('bus.waiting'), 'num'],
                [t('bus.dropped'), 'num'],
                t('field.reason'),
              ]}
              acts
            >
              {data.items.map((o) => (
                <tr key={o.name}>
                  <td>{o.name}</td>
                  <td>{o.type}</td>
                  <td>{o.state}</td>
                  <td class="num">{age(o.since, now)}</td>
                  <td class="num">{number(o.sent)}</td>
                  <td class="num">{number(o.queued)}</td>
                  <td class="num">{number(o.dropped)}</td>
                  <td>{o.error || none}</td>
                  <td class="acts">
                    {may('admin') && (
                      <>
                        <Button small onClick={() => setEditing(o.name)}>
                          {t('action.edit')}
                        </Button>
                        <Button small onClick={() => setDeleting(o.name)}>
                          {t('action.delete')}
                        </Button>
                      </>
                    )}
                  </td>
                </tr>
              ))}
            </Table>
          )
        }
      </View>
    </Card>
  );
}
