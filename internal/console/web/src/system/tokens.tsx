import { useState } from 'preact/hooks';
import { call, url } from '../lib/api';
import { moment, none } from '../lib/format';
import { useGet, useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { List, Role, Token } from '../lib/types';
import { Button, Card, View } from '../ui/basic';
import { Confirm, Dialog, FormDialog } from '../ui/dialog';
import { faultsOf, Input, Select } from '../ui/form';
import { Table } from '../ui/table';
import { say } from '../ui/toast';

const roles: Role[] = ['viewer', 'operator', 'admin'];

/** Who may come in. */
export function Tokens() {
  const list = useGet<List<Token>>('/tokens');
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState('');
  const [revoking, setRevoking] = useState<Token | null>(null);
  return (
    <Card
      title={t('tokens.title')}
      actions={
        <Button small icon="add" onClick={() => setAdding(true)}>
          {t('tokens.add')}
        </Button>
      }
    >
      <View of={list}>
        {(data) => (
          <Table
            heads={[t('field.name'), t('tokens.role'), t('tokens.created'), t('tokens.by')]}
            acts
          >
            {data.items.map((x) => (
              <tr key={x.id}>
                <td>{x.name}</td>
                <td>{t(`role.${x.role}`)}</td>
                <td>{moment(x.created)}</td>
                <td>{x.who || none}</td>
                <td class="acts">
                  <Button small onClick={() => setRevoking(x)}>
                    {t('tokens.revoke')}
                  </Button>
                </td>
              </tr>
            ))}
          </Table>
        )}
      </View>
      {adding && (
        <Add
          onClose={() => setAdding(false)}
          onMade={(secret) => {
            setAdding(false);
            setMade(secret);
            list.reload();
          }}
        />
      )}
      {made && (
        <Dialog title={t('tokens.made')} onClose={() => setMade('')}>
          <p>{t('tokens.once')}</p>
          <Input label={t('signIn.token')} value={made} onInput={() => {}} mono />
          <div class="dialog-foot">
            <Button onClick={() => void navigator.clipboard?.writeText(made).then(() => say(t('tokens.copied')))}>
              {t('tokens.copy')}
            </Button>
            <Button kind="primary" onClick={() => setMade('')}>
              {t('action.close')}
            </Button>
          </div>
        </Dialog>
      )}
      {revoking && (
        <Confirm
          title={t('tokens.revokeTitle', { name: revoking.name })}
          text={t('tokens.revokeText')}
          action={t('tokens.revoke')}
          onClose={() => setRevoking(null)}
          run={async () => {
            await call('DELETE', url`/tokens/${revoking.id}`);
            setRevoking(null);
            list.reload();
          }}
        />
      )}
    </Card>
  );
}

function Add({ onClose, onMade }: { onClose: () => void; onMade: (secret: string) => void }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState<string>('viewer');
  const task = useTask();
  const faults = faultsOf(task.error);
  const add = () =>
    task.run(async () => {
      onMade((await call<{ token: string }>('POST', '/tokens', { json: { name: name.trim(), role } })).body.token);
    });
  return (
    <FormDialog
      title={t('tokens.add')}
      action={t('tokens.add')}
      busy={task.busy}
      onClose={onClose}
      onSubmit={() => void add()}
      faults={faults.rest}
    >
      <Input label={t('field.name')} value={name} onInput={setName} focus required error={faults.of('body.name')} />
      <Select
        label={t('tokens.role')}
        value={role}
        onChange={setRole}
        error={faults.of('body.role')}
        hint={t(`tokens.${role as Role}May`)}
        options={roles.map((r) => [r, t(`role.${r}`)])}
      />
    </FormDialog>
  );
}
