import { url } from '../lib/api';
import { t } from '../lib/i18n';
import { loadModel } from './config';
import { useEdit } from './edit';
import { EditDialog } from './edit-dialog';
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
    <EditDialog edit={edit} title={t('model.title')} onClose={onClose}>
      <div class="fields">
        <NameField edit={edit} placeholder="th_sensor" />
        <TextField edit={edit} of="title" label={t('field.title')} />
      </div>
    </EditDialog>
  );
}
