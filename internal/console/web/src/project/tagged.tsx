import { call, url } from '../lib/api';
import { none } from '../lib/format';
import { useGet } from '../lib/hooks';
import { t } from '../lib/i18n';
import { href } from '../lib/route';
import type { Channel, Config, Model } from '../lib/types';
import { Button, Card, Empty, Facts, View } from '../ui/basic';
import { say } from '../ui/toast';
import { channelSpec } from './config';
import { Acts, type DetailProps } from './details';
import { TagGrid } from './tag-grid';
import { compact } from './spec';

// What has tags: devices and models. A grid saves into the version that it was filled from.

interface From<T> {
  of: T;
  etag: string;
}

export function DeviceCard({
  channel,
  name,
  project,
  turn,
  open,
  onChanged,
}: DetailProps & { channel: string; name: string }) {
  const read = useGet<Channel>(url`/channels/${channel}`, turn);
  const save = async (tags: Config[], from: From<Channel>) => {
    const spec = channelSpec(from.of);
    const devices = (spec['devices'] as Config[]).map((x) => (x['name'] === name ? { ...x, tags } : x));
    await call('PUT', url`/channels/${channel}`, {
      json: compact({ ...spec, devices }),
      headers: { 'If-Match': from.etag },
    });
    say(t('project.saved', { name: `${channel}/${name}` }));
    onChanged();
  };
  return (
    <View of={read}>
      {(c) => {
        const d = c.devices.find((x) => x.name === name);
        if (!d)
          return (
            <Card>
              <Empty>{t('project.missing', { name: `${channel}/${name}` })}</Empty>
            </Card>
          );
        const model = project.models.find((m) => m.name === d.model);
        return (
          <div class="stack">
            <Card
              title={`${channel} / ${name} ${d.title}`}
              actions={
                <Acts>
                  <Button icon="edit" onClick={() => open({ kind: 'device', channel, name })}>
                    {t('action.edit')}
                  </Button>
                  <Button icon="remove" onClick={() => open({ kind: 'delete', noun: 'device', of: [channel, name] })}>
                    {t('action.delete')}
                  </Button>
                </Acts>
              }
            >
              <Facts
                of={[
                  [t('device.unit'), String(d.unit)],
                  [t('field.address'), d.address || none],
                  [t('noun.model'), d.model ? <a href={href(['project', 'model', d.model])}>{d.model}</a> : none],
                  [t('noun.driver'), d.driver || c.driver],
                  [t('channel.poll'), d.poll === '0s' ? none : d.poll],
                ]}
              />
              {model && (
                <p class="hint spaced">{t('device.modelTags', { names: model.tags.map((x) => x.name).join(', ') })}</p>
              )}
            </Card>
            <Card title={t('device.ownTags')}>
              <TagGrid tags={d.tags} from={{ of: c, etag: read.etag }} base={`body.devices.${name}.tags`} save={save} />
            </Card>
          </div>
        );
      }}
    </View>
  );
}

export function ModelCard({ name, turn, open, onChanged }: DetailProps & { name: string }) {
  const read = useGet<Model>(url`/models/${name}`, turn);
  const save = async (tags: Config[], from: From<Model>) => {
    const json = compact({ title: from.of.title, tags });
    await call('PUT', url`/models/${name}`, { json, headers: { 'If-Match': from.etag } });
    say(t('project.saved', { name }));
    onChanged();
  };
  return (
    <View of={read}>
      {(m) => (
        <Card
          title={`${name} ${m.title}`}
          actions={
            <Acts>
              <Button icon="edit" onClick={() => open({ kind: 'model', name })}>
                {t('action.edit')}
              </Button>
              <Button icon="remove" onClick={() => open({ kind: 'delete', noun: 'model', of: [name] })}>
                {t('action.delete')}
              </Button>
            </Acts>
          }
        >
          <TagGrid tags={m.tags} from={{ of: m, etag: read.etag }} base="body.tags" save={save} />
        </Card>
      )}
    </View>
  );
}
