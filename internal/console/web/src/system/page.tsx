import { useEffect, useState } from 'preact/hooks';
import { age, moment, none, number } from '../lib/format';
import { useGet, useNow } from '../lib/hooks';
import { t } from '../lib/i18n';
import { href, type Route } from '../lib/route';
import { may } from '../lib/session';
import type { Bus, List, OutputState } from '../lib/types';
import { Revisions } from '../project/changes';
import { Card, Empty, Facts, Page, View } from '../ui/basic';
import { Import } from './import';
import { Tokens } from './tokens';

const poll = 5000; // ms between two readings of what no event tells

export function SystemPage({ at }: { at: Route }) {
  if (at.parts[1] === 'import' && may('admin')) return <Import at={at} />;
  return (
    <Page
      title={t('nav.system')}
      actions={
        may('admin') && (
          <a class="button" href={href(['system', 'import'])}>
            {t('import.title')}
          </a>
        )
      }
    >
      <div class="columns">
        <About />
        <BusCard />
      </div>
      <Outputs />
      {may('admin') && <Tokens />}
      <Card title={t('changes.title')}>
        <Revisions onChanged={() => {}} />
      </Card>
    </Page>
  );
}

function About() {
  const [ready, setReady] = useState('');
  const described = useGet<{ info: { version: string } }>('/api/openapi.json');
  const turn = useNow(poll);
  useEffect(() => {
    fetch('/readyz')
      .then((r) => r.text())
      .then((text) => setReady(text.trim()))
      .catch(() => setReady(t('error.network')));
  }, [turn]);
  return (
    <Card title="linkd">
      <View of={described}>
        {(d) => (
          <Facts
            of={[
              [t('system.version'), d.info.version],
              [t('system.ready'), ready || none],
              [t('system.api'), <a href="/api/openapi.json">OpenAPI</a>],
              [t('system.metrics'), <a href="/metrics">Prometheus</a>],
              [t('system.dashboard'), <Offered file="grafana/linkd.json" />],
              [t('system.rules'), <Offered file="prometheus/rules.yml" />],
            ]}
          />
        )}
      </View>
    </Card>
  );
}

/** A file for those who watch linkd by other means. */
const Offered = ({ file }: { file: string }) => (
  <a href={'/deploy/' + file} download>
    {file}
  </a>
);

function BusCard() {
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

function Outputs() {
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
