import { moment, none, number } from '../lib/format';
import { useGet, useNow } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { Bus } from '../lib/types';
import { Card, Facts, View } from '../ui/basic';
import { poll } from './poll';

/** How what goes north does. */
export function BusCard() {
  const turn = useNow(poll);
  const bus = useGet<Bus>('/bus', turn);
  return (
    <Card title={t('bus.title')}>
      <View of={bus}>
        {(b) => (
          <>
            <Facts
              of={[
                [
                  t('fleet.state'),
                  <span class={b.state === 'up' ? 'quality-good' : 'quality-bad'}>{t(`bus.${b.state}`)}</span>,
                ],
                [t('conn.since'), moment(b.since)],
                ...(b.reason ? [[t('field.reason'), b.reason] as [string, string]] : []),
                [t('bus.server'), b.external ? t('bus.external') : t('bus.embedded')],
                ['NATS', <span class="mono">{b.listen || none}</span>],
                ['MQTT', <span class="mono">{b.mqtt || none}</span>],
                [t('bus.format'), b.format],
              ]}
            />
            <table class="spaced">
              <thead>
                <tr>
                  <th>{t('bus.kind')}</th>
                  <th class="num">{t('bus.sent')}</th>
                  <th class="num">{t('bus.waiting')}</th>
                  <th class="num">{t('bus.dropped')}</th>
                </tr>
              </thead>
              <tbody>
                {b.kinds.map((k) => (
                  <tr key={k.kind}>
                    <td>{t(`bus.${k.kind}`)}</td>
                    <td class="num">{number(k.sent)}</td>
                    <td class="num">{number(k.waiting)}</td>
                    <td class={k.dropped ? 'num quality-bad' : 'num'}>{number(k.dropped)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </>
        )}
      </View>
    </Card>
  );
}
