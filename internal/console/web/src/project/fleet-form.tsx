import { url } from '../lib/api';
import { t } from '../lib/i18n';
import { Input } from '../ui/form';
import { loadFleet } from './config';
import { useEdit } from './edit';
import { EditDialog } from './edit-dialog';
import { NameField, TextField } from './provider-form';
import { numberOf } from './spec';

interface Props {
  provider: string;
  name: string;
  onClose: () => void;
  onSaved: (name: string) => void;
}

/** The dialog "Fleet": many connections by pattern. */
export function FleetForm({ provider, name, onClose, onSaved }: Props) {
  const edit = useEdit(
    name,
    { from: 1 },
    (n) => loadFleet(provider, n),
    (n) => url`/fleets/${provider}/${n}`,
    onSaved,
  );
  const count = (of: string, label: string) => (
    <Input
      label={label}
      value={edit.text(of)}
      required
      error={edit.faults.of('body.' + of)}
      onInput={(v) => edit.set({ [of]: numberOf(v) })}
    />
  );
  return (
    <EditDialog edit={edit} title={t('fleetForm.title', { provider })} onClose={onClose}>
      <div class="fields">
        <NameField edit={edit} placeholder="f{n}" hint={t('fleetForm.nameHint')} />
        <TextField edit={edit} of="title" label={t('field.title')} placeholder="Greenhouse {n}" />
        <TextField edit={edit} of="socket_conn_id" label={t('connection.socketConnId')} placeholder="c{n:07}" mono />
        {count('from', t('fleetForm.from'))}
        {count('to', t('fleetForm.to'))}
      </div>
    </EditDialog>
  );
}
