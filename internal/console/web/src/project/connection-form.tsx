import { url } from '../lib/api';
import { t } from '../lib/i18n';
import type { Provider } from '../lib/types';
import { Check, Input } from '../ui/form';
import { loadConnection } from './config';
import { useEdit } from './edit';
import { EditDialog } from './edit-dialog';
import { NameField, TextField } from './provider-form';
import { numberOf } from './spec';

interface Props {
  provider: Provider;
  name: string;
  onClose: () => void;
  onSaved: (name: string) => void;
}

/** The dialog "Connection": what says who it is depends on its provider. */
export function ConnectionForm({ provider: p, name, onClose, onSaved }: Props) {
  const edit = useEdit(
    name,
    {},
    (n) => loadConnection(p.name, n),
    (n) => url`/connections/${p.name}/${n}`,
    onSaved,
    (s) => ({ ...s, enabled: s['enabled'] === false ? false : undefined }),
  );
  const dials = p.type === 'tcp-client';
  const common = !dials && p.conn_identity === 'common';
  return (
    <EditDialog edit={edit} title={t('connection.title', { provider: p.name })} onClose={onClose}>
      <div class="fields">
        <NameField edit={edit} placeholder="c1" />
        <TextField edit={edit} of="title" label={t('field.title')} placeholder="1# dev" />
        {common && (
          <TextField
            edit={edit}
            of="socket_conn_id"
            label={t('connection.socketConnId')}
            placeholder="c0001"
            mono
            hint={t('connection.socketConnIdHint')}
          />
        )}
        {!common && !dials && (
          <TextField
            edit={edit}
            of="remote_ip"
            label={t('connection.remoteIP')}
            placeholder="10.1.2.3"
            mono
            hint={t('connection.remoteIPHint')}
          />
        )}
        {dials && <TextField edit={edit} of="host" label={t('connection.host')} placeholder="10.1.2.3" mono />}
        {dials && (
          <Input
            label={t('connection.port')}
            value={edit.text('port')}
            placeholder="502"
            mono
            error={edit.faults.of('body.port')}
            onInput={(v) => edit.set({ port: numberOf(v) })}
          />
        )}
      </div>
      <Check
        label={t('connection.enabled')}
        checked={edit.spec['enabled'] !== false}
        onChange={(on) => edit.set({ enabled: on })}
      />
      {common && (
        <details open={!!edit.text('secret')}>
          <summary>{t('form.more')}</summary>
          <TextField edit={edit} of="secret" label={t('connection.secret')} hint={t('connection.secretHint')} mono />
        </details>
      )}
    </EditDialog>
  );
}
