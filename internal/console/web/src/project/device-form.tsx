import { useState } from 'preact/hooks';
import { url } from '../lib/api';
import { useGet } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { Config, Driver, List, Model } from '../lib/types';
import { Input, Select } from '../ui/form';
import { loadChannel } from './config';
import { useEdit } from './edit';
import { EditDialog } from './edit-dialog';
import { FirstTagFields, noTag, tagsOf } from './first-tag';
import { DriverOptions } from './options';
import { numberOf } from './spec';

interface Props {
  channel: string;
  name: string;
  models: Model[];
  onClose: () => void;
  onSaved: (name: string) => void;
}

/** The dialog "Device". A device is saved with the channel that it is of; what is edited here is the device alone. */
export function DeviceForm({ channel, name, models, onClose, onSaved }: Props) {
  const load = async () => {
    const read = await loadChannel(channel);
    const devices = (read.spec['devices'] ?? []) as Config[];
    const device = devices.find((d) => d['name'] === name) ?? {};
    return { etag: read.etag, spec: { ...device, channel: read.spec } };
  };
  const [tag, setTag] = useState(noTag);
  let saved = name;
  const edit = useEdit(
    channel,
    {},
    load,
    (n) => url`/channels/${n}`,
    () => onSaved(saved),
    (spec) => {
      const { channel: whole, ...device } = spec as { channel: Config } & Config;
      const devices = (whole['devices'] ?? []) as Config[];
      saved = String(device['name'] ?? '');
      return {
        ...whole,
        devices: name
          ? devices.map((d) => (d['name'] === name ? clean(device) : d))
          : [...devices, { ...clean(device), ...(!device['model'] && tagsOf(tag)) }],
      };
    },
  );
  const { faults } = edit;
  const devices = ((edit.spec['channel'] as Config | undefined)?.['devices'] ?? []) as Config[];
  const index = name ? devices.findIndex((d) => d['name'] === name) : devices.length;
  const fault = (of: string) => faults.of(`body.devices.${edit.text('name')}.${of}`, `body.devices.${index}.${of}`);
  const drivers = useGet<List<Driver>>('/drivers');
  const text = (of: string, label: string, placeholder?: string, hint?: string, list?: string[]) => (
    <Input
      label={label}
      value={edit.text(of)}
      {...(list && { list })}
      placeholder={placeholder}
      hint={hint}
      error={fault(of)}
      onInput={(v) => edit.set({ [of]: v })}
    />
  );
  return (
    <EditDialog edit={edit} title={t('device.title', { channel })} onClose={onClose}>
      <div class="fields">
        <Input
          label={t('field.name')}
          value={edit.text('name')}
          placeholder="d1"
          required
          focus
          error={fault('name')}
          onInput={(v) => edit.set({ name: v.trim() })}
        />
        {text('title', t('field.title'))}
        <Input
          label={t('device.unit')}
          value={edit.text('unit')}
          placeholder="1"
          hint={t('device.unitHint')}
          error={fault('unit')}
          onInput={(v) => edit.set({ unit: numberOf(v) })}
        />
        {text('address', t('field.address'), undefined, t('device.addressHint'))}
        <Select
          label={t('noun.model')}
          value={edit.text('model')}
          error={fault('model')}
          onChange={(v) => edit.set({ model: v })}
          options={[['', t('device.noModel')], ...models.map((m): [string, string] => [m.name, m.title || m.name])]}
        />
        {text('poll', t('channel.poll'), '10s', t('device.pollHint'))}
        {text('driver', t('noun.driver'), undefined, t('device.driverHint'), drivers.data?.items.map((d) => d.name))}
      </div>
      {!name && !edit.text('model') && (
        <FirstTagFields
          of={tag}
          base={[`body.devices.${edit.text('name')}`, `body.devices.${index}`]}
          faults={faults}
          onChange={(change) => setTag({ ...tag, ...change })}
        />
      )}
      {drivers.data && !edit.loading && (
        <DriverOptions
          drivers={drivers.data.items}
          driver={edit.text('driver')}
          values={(edit.spec['options'] ?? {}) as Config}
          fault={(key) => fault('options.' + key)}
          onChange={(options) => edit.set({ options })}
        />
      )}
    </EditDialog>
  );
}

const clean = (device: Config): Config =>
  Object.fromEntries(Object.entries(device).filter(([, v]) => v !== undefined && v !== ''));
