import { call, url } from '../lib/api';
import { t } from '../lib/i18n';
import { href } from '../lib/route';
import { Confirm } from '../ui/dialog';
import { say } from '../ui/toast';
import { Changes } from './changes';
import { ChannelForm } from './channel-form';
import { channelSpec, loadChannel, type Project } from './config';
import { ConnectionForm } from './connection-form';
import { DeviceForm } from './device-form';
import { SelectDriver } from './drivers';
import { FleetForm } from './fleet-form';
import { ModelForm } from './model-form';
import { ProviderForm } from './provider-form';
import { compact } from './spec';

type Noun = 'provider' | 'connection' | 'fleet' | 'channel' | 'device' | 'model';

/** A dialog of the project. A name that is empty is of something new. */
export type Open =
  | { kind: 'provider'; name: string; type: 'tcp-server' | 'tcp-client' }
  | { kind: 'connection'; provider: string; name: string }
  | { kind: 'fleet'; provider: string; name: string }
  | { kind: 'channel'; name: string; connection?: string }
  | { kind: 'device'; channel: string; name: string }
  | { kind: 'model'; name: string }
  | { kind: 'driver'; channel: string }
  | { kind: 'delete'; noun: Noun; of: string[] }
  | { kind: 'changes' };

interface Props {
  of: Open;
  project: Project;
  onClose: () => void;
  onChanged: () => void;
}

export function Dialogs({ of, project, onClose, onChanged }: Props) {
  const saved = (...to: string[]) => {
    onChanged();
    onClose();
    if (to.length) location.hash = href(['project', ...to]);
  };
  switch (of.kind) {
    case 'provider':
      return <ProviderForm name={of.name} type={of.type} onClose={onClose} onSaved={(n) => saved('provider', n)} />;
    case 'connection': {
      const provider = project.providers.find((p) => p.name === of.provider);
      return provider ? (
        <ConnectionForm
          provider={provider}
          name={of.name}
          onClose={onClose}
          onSaved={(n) => saved('connection', of.provider, n)}
        />
      ) : null;
    }
    case 'fleet':
      return (
        <FleetForm
          provider={of.provider}
          name={of.name}
          onClose={onClose}
          onSaved={(n) => saved('fleet', of.provider, n)}
        />
      );
    case 'channel':
      return (
        <ChannelForm
          name={of.name}
          connection={of.connection ?? ''}
          models={project.models}
          onClose={onClose}
          onSaved={(n) => saved('channel', n)}
        />
      );
    case 'device':
      return (
        <DeviceForm
          channel={of.channel}
          name={of.name}
          models={project.models}
          onClose={onClose}
          onSaved={(n) => saved('device', of.channel, n)}
        />
      );
    case 'model':
      return <ModelForm name={of.name} onClose={onClose} onSaved={(n) => saved('model', n)} />;
    case 'driver':
      return <SelectDriver channel={of.channel} onClose={onClose} onSaved={() => saved()} />;
    case 'changes':
      return <Changes onClose={onClose} onChanged={onChanged} />;
    case 'delete':
      return (
        <Confirm
          title={t(`delete.${of.noun}`, { name: of.of.join('/') })}
          text={t(`delete.${of.noun}Text`)}
          action={t('action.delete')}
          onClose={onClose}
          run={async () => {
            await remove(of.noun, of.of);
            say(t('project.deleted', { name: of.of.join('/') }));
            saved('');
          }}
        />
      );
  }
}

async function remove(noun: Noun, of: string[]): Promise<void> {
  const [a = '', b = ''] = of;
  if (noun !== 'device') {
    await call('DELETE', b ? url`/${noun + 's'}/${a}/${b}` : url`/${noun + 's'}/${a}`);
    return;
  }
  const { channel, etag } = await loadChannel(a);
  const spec = channelSpec({ ...channel, devices: channel.devices.filter((d) => d.name !== b) });
  await call('PUT', url`/channels/${a}`, { json: compact(spec), headers: { 'If-Match': etag } });
}
