import { useEffect, useState } from 'preact/hooks';
import { get, query, url } from '../lib/api';
import { useGet } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { Config, Connection, Driver, List, Model } from '../lib/types';
import { Input, Select, type Faults } from '../ui/form';
import { loadChannel } from './config';
import { DriverList } from './drivers';
import { useEdit } from './edit';
import { EditDialog } from './edit-dialog';
import { FirstTagFields, noTag, tagsOf, type FirstTag } from './first-tag';
import { DriverOptions } from './options';
import { NameField, TextField } from './provider-form';
import { numberOf } from './spec';

interface Props {
  name: string;
  connection: string; // of a new one
  models: Model[];
  onClose: () => void;
  onSaved: (name: string) => void;
}

/** The dialog "Channel": a connection, or many, and the driver that talks over them. */
export function ChannelForm({ name, connection, models, onClose, onSaved }: Props) {
  const [first, setFirst] = useState<First>({ name: 'd1', unit: '1', address: '', model: '', tag: noTag });
  const withDevice = (spec: Config) => !name && first.name.trim() !== '' && hasDevices(String(spec['driver'] ?? ''));
  const edit = useEdit(
    name,
    connection ? { connection } : {},
    loadChannel,
    (n) => url`/channels/${n}`,
    onSaved,
    (spec) => ({ ...spec, ...(withDevice(spec) && { devices: [deviceOf(first)] }) }),
  );
  const at = edit.text('connection');
  const { faults } = edit;
  const known = useConnections(at);
  const drivers = useGet<List<Driver>>('/drivers');
  return (
    <EditDialog
      edit={edit}
      title={t('channel.title')}
      disabled={!edit.text('driver')}
      onClose={onClose}
    >
      <div class="fields">
        <NameField edit={edit} placeholder="ch_dev1" hint={at.includes('*') ? t('channel.nameHint') : ''} />
        <TextField edit={edit} of="title" label={t('field.title')} />
        <Input
          label={t('noun.connection')}
          value={at}
          placeholder="s1/c1"
          mono
          list={known}
          hint={t('channel.connectionHint')}
          error={faults.of('body.connection')}
          onInput={(v) => edit.set({ connection: v.trim() })}
        />
        <TextField edit={edit} of="poll" label={t('channel.poll')} placeholder="10s" hint={t('channel.pollHint')} />
      </div>
      {!edit.loading && (
        <DriverList
          connection={at}
          value={edit.text('driver')}
          error={faults.of('body.driver')}
          onChange={(driver) => edit.set({ driver })}
        />
      )}
      {edit.isNew && hasDevices(edit.text('driver')) && (
        <FirstDevice
          of={first}
          models={models}
          faults={faults}
          onChange={(change) => setFirst({ ...first, ...change })}
        />
      )}
      {drivers.data && !edit.loading && (
        <DriverOptions
          drivers={drivers.data.items}
          driver={edit.text('driver')}
          values={(edit.spec['options'] ?? {}) as Config}
          fault={(key) => faults.of('body.options.' + key)}
          onChange={(options) => edit.set({ options })}
        />
      )}
    </EditDialog>
  );
}

type First = Record<'name' | 'unit' | 'address' | 'model', string> & { tag: FirstTag };

/** Drivers that only pass bytes have no devices; most of the others need one to begin with. */
const hasDevices = (driver: string): boolean => driver !== '' && driver !== 'raw';

function deviceOf(first: First): Config {
  const { name, unit, address, model } = first;
  return {
    name: name.trim(),
    unit: numberOf(unit),
    ...(address.trim() && { address: address.trim() }),
    ...(model ? { model } : tagsOf(first.tag)),
  };
}

interface FirstProps {
  of: First;
  models: Model[];
  faults: Faults;
  onChange: (change: Partial<First>) => void;
}

/** The first device of a new channel. */
function FirstDevice({ of, models, faults, onChange }: FirstProps) {
  const fault = (key: string) => faults.of(`body.devices.${of.name.trim()}.${key}`, `body.devices.0.${key}`);
  const base = [`body.devices.${of.name.trim()}`, 'body.devices.0'];
  const [unit, address, model] = [fault('unit'), fault('address'), fault('model')];
  const tag = !of.model && (
    <FirstTagFields
      of={of.tag}
      base={base}
      faults={faults}
      onChange={(change) => onChange({ tag: { ...of.tag, ...change } })}
    />
  );
  return (
    <fieldset class="stack">
      <legend class="label">{t('channel.firstDevice')}</legend>
      <div class="fields">
        <Input
          label={t('device.name')}
          value={of.name}
          onInput={(v) => onChange({ name: v })}
          hint={t('channel.firstDeviceHint')}
          error={fault('name')}
        />
        <Input label={t('device.unit')} value={of.unit} onInput={(v) => onChange({ unit: v })} error={unit} />
        <Input
          label={t('field.address')}
          value={of.address}
          onInput={(v) => onChange({ address: v })}
          error={address}
          hint={t('device.addressHint')}
        />
        <Select
          label={t('noun.model')}
          value={of.model}
          onChange={(v) => onChange({ model: v })}
          error={model}
          options={[['', t('device.noModel')], ...models.map((m): [string, string] => [m.name, m.title || m.name])]}
        />
      </div>
      {tag}
    </fieldset>
  );
}

/** Connections that what was typed may mean. */
function useConnections(typed: string): string[] {
  const [list, setList] = useState<string[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => {
      const [provider = '', q = ''] = typed.includes('/') ? typed.split('/', 2) : ['', typed];
      get<List<Connection>>('/connections' + query({ provider, q: q.replace(/\*$/, ''), limit: 20 }), stop.signal)
        .then(({ body }) => setList(body.items.map((c) => `${c.provider}/${c.name}`)))
        .catch(() => setList([])); // what is typed is judged when it is saved
    }, 250);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [typed]);
  return list;
}
