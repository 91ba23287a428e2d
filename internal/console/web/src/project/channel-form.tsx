import { useEffect, useState } from 'preact/hooks';
import { get, query, url } from '../lib/api';
import { t } from '../lib/i18n';
import type { Connection, List } from '../lib/types';
import { FormDialog } from '../ui/dialog';
import { Input } from '../ui/form';
import { loadChannel } from './config';
import { DriverList } from './drivers';
import { useEdit } from './edit';
import { OptionsField, optionsFault, optionsPrepared, optionsRead } from './options';
import { NameField, TextField } from './provider-form';

interface Props {
  name: string;
  connection: string; // of a new one
  onClose: () => void;
  onSaved: (name: string) => void;
}

/** The dialog "Channel": a connection, or many, and the driver that talks over them. */
export function ChannelForm({ name, connection, onClose, onSaved }: Props) {
  const edit = useEdit(name, connection ? { connection } : {}, async (n) => optionsRead(await loadChannel(n)),
    (n) => url`/channels/${n}`, onSaved, optionsPrepared);
  const at = edit.text('connection');
  const { faults } = edit;
  const known = useConnections(at);
  return (
    <FormDialog title={t('channel.title')} action={t('action.save')} busy={edit.busy} onClose={onClose}
      disabled={!edit.text('driver') || optionsFault(edit.spec)} onSubmit={() => void edit.save()} faults={faults.rest}>
      <div class="fields">
        <NameField edit={edit} placeholder="ch_dev1" hint={at.includes('*') ? t('channel.nameHint') : ''} />
        <TextField edit={edit} of="title" label={t('field.title')} />
        <Input label={t('noun.connection')} value={at} placeholder="s1/c1" mono list={known} hint={t('channel.connectionHint')}
          error={faults.of('body.connection')} onInput={(v) => edit.set({ connection: v.trim() })} />
        <TextField edit={edit} of="poll" label={t('channel.poll')} placeholder="10s" hint={t('channel.pollHint')} />
      </div>
      {!edit.loading && <DriverList connection={at} value={edit.text('driver')} error={faults.of('body.driver')}
        onChange={(driver) => edit.set({ driver })} />}
      <OptionsField edit={edit} error={faults.of('body.options')} />
    </FormDialog>
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
