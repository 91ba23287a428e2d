import type { ComponentChildren } from 'preact';
import { t } from '../lib/i18n';
import { FormDialog } from '../ui/dialog';
import type { Edit } from './edit';

interface Props {
  edit: Edit;
  title: string;
  disabled?: boolean;
  onClose: () => void;
  children: ComponentChildren;
}

/** The dialog of an Edit, which its button saves. */
export function EditDialog({ edit, title, disabled, onClose, children }: Props) {
  return (
    <FormDialog
      title={title}
      action={t('action.save')}
      busy={edit.busy}
      disabled={disabled ?? false}
      onClose={onClose}
      onSubmit={() => void edit.save()}
      faults={edit.faults.rest}
    >
      {children}
    </FormDialog>
  );
}
