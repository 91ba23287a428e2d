import { useEffect, useState } from 'preact/hooks';
import { ask } from '../lib/api';
import { age, bytes, download, moment, none, number } from '../lib/format';
import { useGet, useNow, useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import { may } from '../lib/session';
import type { System } from '../lib/types';
import { Button, Card, ErrorBox, Facts, View } from '../ui/basic';
import { poll } from './poll';

/** This linkd: what it is, how it is, and what helps those who help with it. */
export function About() {
  const [ready, setReady] = useState('');
  const turn = useNow(poll);
  const system = useGet<System>('/system', turn);
  const now = useNow();
  useEffect(() => {
    fetch('/readyz')
      .then((r) => r.text())
      .then((text) => setReady(text.trim()))
      .catch(() => setReady(t('error.network')));
  }, [turn]);
  return (
    <Card title="linkd" actions={may('admin') && <Bundle />}>
      <View of={system}>
        {(s) => (
          <Facts
            of={[
              [t('system.version'), s.revision ? `${s.version} (${s.revision.slice(0, 12)})` : s.version],
              [t('system.ready'), ready || none],
              [t('system.uptime'), <span title={moment(s.started)}>{age(s.started, now)}</span>],
              [t('system.links'), t('system.linksOf', { n: number(s.sessions), most: number(s.capacity) })],
              [t('system.connections'), number(s.connections)],
              [t('system.files'), number(s.descriptors)],
              [t('system.memory'), bytes(s.heap_bytes)],
              [t('system.processors'), number(s.processors)],
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

function Bundle() {
  const task = useTask();
  const make = () =>
    task.run(async () => {
      const res = await ask('GET', '/system/bundle');
      const name = /filename="([^"]+)"/.exec(res.headers.get('Content-Disposition') ?? '')?.[1];
      download(name ?? 'linkd-support.zip', await res.blob());
    });
  return (
    <>
      <ErrorBox error={task.error} />
      <Button small icon="save" disabled={task.busy} onClick={() => void make()}>
        {task.busy ? t('system.bundling') : t('system.bundle')}
      </Button>
    </>
  );
}
