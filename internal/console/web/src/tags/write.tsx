import { useState } from 'preact/hooks';
import { call, Problem, url } from '../lib/api';
import { valueJSON, valueText } from '../lib/format';
import { useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { TagValue, Value, WriteAnswer } from '../lib/types';
import { Facts } from '../ui/basic';
import { FormDialog } from '../ui/dialog';
import { Check, faultsOf, Input, Select } from '../ui/form';
import { say } from '../ui/toast';
import { keyOf } from './live';

/** Statuses with which a write is answered although it was not confirmed. */
const answered = [202, 409, 422, 504];

/** Writes a tag and shows what the device answered. */
export function Write({ of: v, onClose }: { of: TagValue; onClose: () => void }) {
  const isBool = v.type === 'bool' || typeof v.value === 'boolean';
  const [text, setText] = useState(v.value === null ? (isBool ? 'false' : '') : String(v.value));
  const [readback, setReadback] = useState(false);
  const [ttl, setTTL] = useState('');
  const [answer, setAnswer] = useState<WriteAnswer | null>(null);
  const task = useTask();
  const faults = faultsOf(task.error);
  const write = () =>
    task.run(async () => {
      setAnswer(null);
      const how = JSON.stringify({ ...(readback && { readback }), ...(ttl && { ttl }) }).slice(1, -1);
      const res = await call<WriteAnswer & { detail?: string }>('PUT', url`/tags/${v.channel}/${v.device}/${v.tag}`, {
        text: `{"value":${valueJSON(text, v.type, v.value)}${how && ',' + how}}`,
        type: 'application/json',
        accept: answered,
      });
      if (!res.body.result) throw new Problem(res.status, res.body.detail ?? String(res.status));
      if (res.body.result === 'confirmed' && res.body.readback === null) {
        say(t('write.done', { tag: keyOf(v), value: text }));
        onClose();
      } else setAnswer(res.body);
    });
  return (
    <FormDialog
      title={t('write.title', { tag: keyOf(v) })}
      action={task.busy ? t('write.waiting') : t('action.write')}
      busy={task.busy}
      onClose={onClose}
      onSubmit={() => void write()}
      faults={faults.rest}
    >
      <Facts
        of={[
          [t('write.now'), `${valueText(v.value)} ${v.unit}`],
          [t('field.quality'), t(`quality.${v.quality}`)],
        ]}
      />
      {isBool ? (
        <Select
          label={t('field.value')}
          value={text}
          onChange={setText}
          error={faults.of('body.value')}
          options={[
            ['true', t('value.true')],
            ['false', t('value.false')],
          ]}
        />
      ) : (
        <Input
          label={v.unit ? `${t('field.value')} (${v.unit})` : t('field.value')}
          value={text}
          onInput={setText}
          focus
          error={faults.of('body.value')}
        />
      )}
      <Check label={t('write.readback')} checked={readback} onChange={setReadback} />
      <Input
        label={t('write.ttl')}
        value={ttl}
        onInput={setTTL}
        placeholder="30s"
        hint={t('write.ttlHint')}
        error={faults.of('body.ttl')}
      />
      {answer && (
        <div class={answer.result === 'confirmed' || answer.result === 'queued' ? 'note' : 'error-box'} role="alert">
          <p>
            <strong>{t(`write.${answer.result}`)}</strong> {answer.reason}
            {answer.readback !== null && ' ' + t('write.has', { value: has(answer.readback) })}
          </p>
        </div>
      )}
    </FormDialog>
  );
}

const has = (v: unknown): string => (typeof v === 'object' ? JSON.stringify(v) : valueText(v as Value));
