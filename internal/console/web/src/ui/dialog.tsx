import type { ComponentChildren } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks';
import type { Problem } from '../lib/api';
import { useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import { Button } from './basic';

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  wide?: boolean;
  drawer?: boolean; // at the side
}

/** A modal dialog: the browser keeps the focus inside, and gives it back. Escape closes it. */
export function Dialog({ title, onClose, children, wide, drawer }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const back = document.activeElement;
    const d = ref.current!;
    d.showModal();
    return () => {
      d.close();
      if (back instanceof HTMLElement && back.isConnected) back.focus();
    };
  }, []);
  useEffect(() => {
    const first = ref.current?.querySelector<HTMLElement>('[autofocus], .dialog-body input, .dialog-body select');
    first?.focus();
  }, []);
  return (
    <dialog
      ref={ref}
      class={['dialog', wide && 'wide', drawer && 'drawer'].filter(Boolean).join(' ')}
      aria-labelledby={id}
      onCancel={(e) => {
        e.preventDefault();
        onClose();
      }}
    >
      <div class="dialog-head">
        <h2 id={id}>{title}</h2>
        <Button icon="close" kind="quiet" label={t('action.close')} onClick={onClose} />
      </div>
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}

interface FormDialogProps {
  title: string;
  action: string;
  onClose: () => void;
  busy: boolean;
  faults: () => string[]; // those that are shown at no field
  onSubmit: () => void;
  children: ComponentChildren;
  wide?: boolean;
  disabled?: boolean;
}

/** A dialog whose form is submitted by its button, or Enter. */
export function FormDialog(p: FormDialogProps) {
  return (
    <Dialog title={p.title} onClose={p.onClose} wide={p.wide ?? false}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          p.onSubmit();
        }}
      >
        {p.children}
        <Rest faults={p.faults} />
        <div class="dialog-foot">
          <Button onClick={p.onClose}>{t('action.cancel')}</Button>
          <Button submit kind="primary" disabled={p.busy || p.disabled}>
            {p.action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Drawn after the fields, when it is known which faults they show. */
function Rest({ faults }: { faults: () => string[] }) {
  const list = faults();
  if (list.length === 0) return null;
  return (
    <div class="error-box" role="alert">
      {list.map((f) => (
        <p key={f}>{f}</p>
      ))}
    </div>
  );
}

interface ConfirmProps {
  title: string;
  text: string;
  action: string;
  onClose: () => void;
  run: () => Promise<void>; // closes the dialog itself when it is done
}

/** Asks before something that cannot simply be taken back. */
export function Confirm({ title, text, action, onClose, run }: ConfirmProps) {
  const task = useTask();
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <ErrorText error={task.error} />
      <div class="dialog-foot">
        <Button onClick={onClose}>{t('action.cancel')}</Button>
        <Button kind="danger" disabled={task.busy} onClick={() => void task.run(run)}>
          {action}
        </Button>
      </div>
    </Dialog>
  );
}

function ErrorText({ error }: { error: Problem | null }) {
  return (
    error && (
      <div class="error-box" role="alert">
        <p>{error.message}</p>
      </div>
    )
  );
}
