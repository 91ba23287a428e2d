import { url } from '../lib/api';
import { t } from '../lib/i18n';
import { FormDialog } from '../ui/dialog';
import { loadModel } from './config';
import { useEdit } from './edit';
import { NameField, TextField } from './provider-form';

/** The dialog "Model": its tags are edited in the grid of its page. */
export function ModelForm({
  name,
  onClose,
  onSaved,
}: {
  name: string;
  onClose: () => void;
  onSaved: (name: string) => void;
}) {
  const edit = useEdit(name, { tags: [] }, loadModel, (n) => url`/models/${n}`, onSaved);
  return (
    <FormDialog
      title={t('model.title')}
      action={t('action.save')}
      busy={edit.busy}
      onClose={onClose}
      onSubmit={() => void edit.save()}
      faults={edit.faults.rest}
    >
      <div class="fields">
        <NameField edit={edit} placeholder="th_sensor" />
        <TextField edit={edit} of="title" label={t('field.title')} />
      </div>
    </FormDialog>
  );
}
