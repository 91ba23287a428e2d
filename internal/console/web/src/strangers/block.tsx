import { useState } from 'preact/hooks';
import { call, url } from '../lib/api';
import { useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { Stranger } from '../lib/types';
import { FormDialog } from '../ui/dialog';
import { Check, Choice, faultsOf } from '../ui/form';

const conflict = 409; // known devices come from the address too

/** What of a stranger is to be turned away. Its id is proposed: many honest devices may share its address. */
export function Block({ of: s, onClose, onDone }: { of: Stranger; onClose: () => void; onDone: () => void }) {
  const [by, setBy] = useState<'id' | 'address'>(s.id ? 'id' : 'address');
  const [force, setForce] = useState(false);
  const task = useTask();
  const known = task.error?.status === conflict;
  const block = () =>
    task.run(async () => {
      const json = { by, ...(by === 'address' && force && { force }) };
      await call('POST', url`/strangers/${s.key}/block`, { json });
      onDone();
    });
  const address = s.remote_addr.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return (
    <FormDialog
      title={t('block.title', { id: s.id || address })}
      action={t('block.action')}
      busy={task.busy}
      disabled={known && by === 'address' && !force}
      onClose={onClose}
      onSubmit={() => void block()}
      faults={faultsOf(task.error).rest}
    >
      {s.id && (
        <Choice
          label={t('block.what')}
          value={by}
          onChange={(v) => {
            setBy(v);
            task.clear();
          }}
          options={[
            ['id', t('block.id')],
            ['address', t('block.address')],
          ]}
        />
      )}
      {by === 'id' ? (
        <p>{t('block.idText', { id: s.id, provider: s.provider })}</p>
      ) : (
        <>
          <p>{t('block.addressText', { address })}</p>
          <p class="warning">{t('block.warning')}</p>
          {known && <Check label={t('block.force')} checked={force} onChange={setForce} />}
        </>
      )}
    </FormDialog>
  );
}
