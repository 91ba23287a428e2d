import type { ComponentChildren } from 'preact';
import { url } from '../lib/api';
import { none, number } from '../lib/format';
import { useGet } from '../lib/hooks';
import { t } from '../lib/i18n';
import { href, type Route } from '../lib/route';
import { may } from '../lib/session';
import type { Channel, Config, Connection, Model, ProviderDetail } from '../lib/types';
import { DeviceCard, ModelCard } from './tagged';
import { Button, Card, Empty, Facts, StateDot, View } from '../ui/basic';
import { Table } from '../ui/table';
import type { Project } from './config';
import type { Open } from './dialogs';

export interface DetailProps {
  at: Route;
  project: Project;
  turn: number;
  open: (dialog: Open) => void;
  onChanged: () => void;
}

/** What is chosen in the tree. */
export function Details(p: DetailProps) {
  const [, kind = '', a = '', b = ''] = p.at.parts;
  switch (kind) {
    case 'provider':
      return <ProviderCard name={a} {...p} />;
    case 'connection':
      return <ConnectionCard provider={a} name={b} {...p} />;
    case 'fleet':
      return <FleetCard provider={a} name={b} {...p} />;
    case 'channel':
      return <ChannelCard name={a} {...p} />;
    case 'device':
      return <DeviceCard key={a + '/' + b} channel={a} name={b} {...p} />;
    case 'model':
      return <ModelCard key={a} name={a} {...p} />;
    default:
      return <Overview {...p} />;
  }
}

const Missing = ({ name }: { name: string }) => (
  <Card>
    <Empty>{t('project.missing', { name })}</Empty>
  </Card>
);

export function Acts({ children }: { children: ComponentChildren }) {
  return may('admin') ? <>{children}</> : null;
}

function Overview({ project: p, open }: DetailProps) {
  const sum = p.providers.reduce((n, x) => n + x.connections, 0);
  return (
    <Card title={t('project.overview')}>
      <Facts
        of={[
          [t('project.connectors'), number(p.providers.length)],
          [t('fleet.table'), number(sum)],
          [t('project.channels'), number(p.channels.length)],
          [t('project.models'), number(p.models.length)],
        ]}
      />
      <p class="hint spaced">{t('project.howTo')}</p>
      <Acts>
        <div class="row">
          <Button icon="add" onClick={() => open({ kind: 'provider', name: '', type: 'tcp-server' })}>
            {t('project.addServer')}
          </Button>
          <Button icon="add" onClick={() => open({ kind: 'channel', name: '' })}>
            {t('project.addChannel')}
          </Button>
          <Button icon="add" onClick={() => open({ kind: 'model', name: '' })}>
            {t('project.addModel')}
          </Button>
        </div>
      </Acts>
    </Card>
  );
}

function ProviderCard({ name, open, turn }: DetailProps & { name: string }) {
  const read = useGet<ProviderDetail>(url`/providers/${name}`, turn);
  return (
    <View of={read}>
      {(p) => (
        <Card
          title={`${p.name} ${p.title}`}
          actions={
            <Acts>
              <Button icon="add" kind="primary" onClick={() => open({ kind: 'connection', provider: name, name: '' })}>
                {t('project.addConnection')}
              </Button>
              <Button icon="edit" onClick={() => open({ kind: 'provider', name, type: p.type })}>
                {t('action.edit')}
              </Button>
              <Button icon="remove" onClick={() => open({ kind: 'delete', noun: 'provider', of: [name] })}>
                {t('action.delete')}
              </Button>
            </Acts>
          }
        >
          {p.error && <p class="error-box">{p.error}</p>}
          <Facts
            of={[
              [t('fleet.state'), p.state],
              [t('provider.type'), p.type],
              [t('conn.address'), <span class="mono">{p.local_addr || none}</span>],
              [
                t('provider.identity'),
                p.type === 'tcp-client'
                  ? none
                  : p.conn_identity === 'common'
                    ? t('provider.common')
                    : t('provider.fixIP'),
              ],
              [t('identity.preset'), p.preset || none],
              [t('fleet.table'), <a href={href(['fleet'], { provider: name })}>{number(p.connections)}</a>],
              [t('fleet.online'), number(p.online)],
              [t('provider.accepted'), number(p.accepted)],
              [t('provider.refused'), number(p.refused)],
            ]}
          />
        </Card>
      )}
    </View>
  );
}

function ConnectionCard({ provider, name, open, turn }: DetailProps & { provider: string; name: string }) {
  const read = useGet<Connection>(url`/connections/${provider}/${name}`, turn);
  return (
    <View of={read}>
      {(c) => (
        <Card
          title={`${provider} / ${name}`}
          actions={
            <>
              <a class="button primary" href={href(['connection', provider, name])}>
                {t('project.openLive')}
              </a>
              <Acts>
                {!c.channel && (
                  <Button
                    icon="add"
                    onClick={() => open({ kind: 'channel', name: '', connection: `${provider}/${name}` })}
                  >
                    {t('project.addChannel')}
                  </Button>
                )}
                <Button icon="edit" onClick={() => open({ kind: 'connection', provider, name })}>
                  {t('action.edit')}
                </Button>
                <Button
                  icon="remove"
                  onClick={() => open({ kind: 'delete', noun: 'connection', of: [provider, name] })}
                >
                  {t('action.delete')}
                </Button>
              </Acts>
            </>
          }
        >
          <Facts
            of={[
              [t('fleet.state'), <StateDot state={c.state} flapping={c.flapping} />],
              [t('field.title'), c.title || none],
              [t('conn.id'), <span class="mono">{c.socket_conn_id || c.remote_ip || none}</span>],
              [t('conn.address'), <span class="mono">{c.remote_addr || none}</span>],
              [t('noun.channel'), c.channel || t('conn.noChannel')],
              [t('noun.driver'), c.driver || none],
            ]}
          />
        </Card>
      )}
    </View>
  );
}

function FleetCard({ provider, name, project, open }: DetailProps & { provider: string; name: string }) {
  const f = project.fleets.find((x) => x.provider === provider && x.name === name);
  if (!f) return <Missing name={`${provider}/${name}`} />;
  return (
    <Card
      title={`${provider} / ${name}`}
      actions={
        <Acts>
          <Button icon="edit" onClick={() => open({ kind: 'fleet', provider, name })}>
            {t('action.edit')}
          </Button>
          <Button icon="remove" onClick={() => open({ kind: 'delete', noun: 'fleet', of: [provider, name] })}>
            {t('action.delete')}
          </Button>
        </Acts>
      }
    >
      <Facts
        of={[
          [t('field.title'), f.title || none],
          [t('connection.socketConnId'), <span class="mono">{f.socket_conn_id}</span>],
          [t('fleetForm.from'), String(f.from)],
          [t('fleetForm.to'), String(f.to)],
        ]}
      />
    </Card>
  );
}

function ChannelCard({ name, project, open }: DetailProps & { name: string }) {
  const c = project.channels.find((x) => x.name === name);
  if (!c) return <Missing name={name} />;
  return (
    <Card
      title={`${c.name} ${c.title}`}
      actions={
        <Acts>
          <Button icon="system" onClick={() => open({ kind: 'driver', channel: name })}>
            {t('project.selectDriver')}
          </Button>
          <Button icon="add" onClick={() => open({ kind: 'device', channel: name, name: '' })}>
            {t('project.addDevice')}
          </Button>
          <Button icon="edit" onClick={() => open({ kind: 'channel', name })}>
            {t('action.edit')}
          </Button>
          <Button icon="remove" onClick={() => open({ kind: 'delete', noun: 'channel', of: [name] })}>
            {t('action.delete')}
          </Button>
        </Acts>
      }
    >
      <Facts
        of={[
          [t('noun.connection'), <span class="mono">{c.connection || none}</span>],
          [t('noun.driver'), c.driver],
          [t('channel.poll'), c.poll === '0s' ? none : c.poll],
          [t('channel.options', { driver: c.driver }), optionsText(c.options)],
        ]}
      />
      {c.devices.length === 0 ? (
        <Empty>{t('channel.noDevices')}</Empty>
      ) : (
        <DeviceTable of={c} models={project.models} />
      )}
    </Card>
  );
}

function DeviceTable({ of: c, models }: { of: Channel; models: Model[] }) {
  return (
    <Table
      heads={[
        t('noun.device'),
        [t('device.unit'), 'num'],
        t('field.address'),
        t('noun.model'),
        t('noun.driver'),
        [t('tags.title'), 'num'],
      ]}
    >
      {c.devices.map((d) => (
        <tr key={d.name}>
          <td>
            <a href={href(['project', 'device', c.name, d.name])}>{d.name}</a> <span class="muted">{d.title}</span>
          </td>
          <td class="num">{d.unit}</td>
          <td class="mono">{d.address || none}</td>
          <td>{d.model || none}</td>
          <td>{d.driver || c.driver}</td>
          <td class="num">{d.tags.length + (models.find((m) => m.name === d.model)?.tags.length ?? 0)}</td>
        </tr>
      ))}
    </Table>
  );
}

const optionsText = (o: Config): string => (Object.keys(o).length ? JSON.stringify(o) : none);
