import { age, none, number } from '../lib/format';
import { useGet, useNow } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { List, OutputState } from '../lib/types';
import { Card, Empty, View } from '../ui/basic';
import { poll } from './poll';

export function Outputs() {
  const now = useNow(poll);
  const list = useGet<List<OutputState>>('/bus/outputs', now);
  return (
    <Card title={t('outputs.title')}>
      <View of={list}>
        {(data) =>
          data.items.length === 0 ? (
            <Empty>{t('outputs.none')}</Empty>
          ) : (
            <div class="scroll">
              <table>
                <thead>
                  <tr>
                    <th>{t('field.name')}</th>
                    <th>{t('provider.type')}</th>
                    <th>{t('fleet.state')}</th>
                    <th class="num">{t('conn.for')}</th>
                    <th class="num">{t('bus.sent')}</th>
                    <th class="num">{t('bus.waiting')}</th>
                    <th class="num">{t('bus.dropped')}</th>
                    <th>{t('field.reason')}</th>
                  </tr>
                </thead>
                <tbody>
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
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </View>
    </Card>
  );
}
