import { get, url } from '../lib/api';
import { useGet } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { Config, List, OutputDetail, OutputOption, OutputType } from '../lib/types';
import { View } from '../ui/basic';
import { Check, Input, Parsed, Select } from '../ui/form';
import { useEdit, type Edit, type Loaded } from '../project/edit';
import { EditDialog } from '../project/edit-dialog';
import { NameField, TextField } from '../project/provider-form';
import { listOf, listText, numberOf, numberText } from '../project/spec';

async function load(name: string): Promise<Loaded> {
  const { body, etag } = await get<OutputDetail>(url`/outputs/${name}`);
  const { name: _, ...spec } = body;
  return { spec: spec as unknown as Config, etag };
}

/** The dialog "Output": the fields are those that its type and format have. */
export function OutputForm({ name, onClose, onSaved }: { name: string; onClose: () => void; onSaved: () => void }) {
  const types = useGet<List<OutputType>>('/output-types');
  return (
    <View of={types}>{(list) => <Form name={name} types={list.items} onClose={onClose} onSaved={onSaved} />}</View>
  );
}

interface Props {
  name: string;
  types: OutputType[];
  onClose: () => void;
  onSaved: () => void;
}

function Form({ name, types, onClose, onSaved }: Props) {
  const edit = useEdit(name, { type: types[0]?.type }, load, (n) => url`/outputs/${n}`, onSaved);
  const type = types.find((x) => x.type === edit.text('type'));
  const format = type?.formats.find((f) => f.format === edit.text('format')) ?? type?.formats[0];
  const options = format?.options ?? [];
  // What most people need: where to, and as whom. All else has a default.
  const first = options.filter((o) => ['server', 'url', 'path', 'user', 'password', 'token'].includes(o.key));
  const rest = options.filter((o) => !first.includes(o));
  const values = (edit.spec['options'] ?? {}) as Config;
  return (
    <EditDialog edit={edit} title={t('output.title')} onClose={onClose}>
      <div class="fields">
        <NameField edit={edit} placeholder="cloud" />
        <TextField edit={edit} of="title" label={t('field.title')} />
        <Select
          label={t('provider.type')}
          value={edit.text('type')}
          disabled={!edit.isNew}
          error={edit.faults.self('body.type')}
          onChange={(v) => edit.set({ type: v, format: undefined, options: undefined })}
          options={types.map((x) => [x.type, `${x.type} · ${x.title}`])}
        />
        <Select
          label={t('output.format')}
          value={format?.format ?? ''}
          error={edit.faults.self('body.format')}
          onChange={(v) => edit.set({ format: v === type?.formats[0]?.format ? '' : v })}
          options={(type?.formats ?? []).map((f) => [f.format, f.format])}
        />
        {first.map((o) => (
          <OptionField key={o.key} of={o} edit={edit} />
        ))}
      </div>
      <details open={rest.some((o) => o.key in values || edit.faults.self('body.options.' + o.key))}>
        <summary>{t('form.more')}</summary>
        <p class="hint">{t('output.hint')}</p>
        <div class="fields">
          {rest.map((o) => (
            <OptionField key={o.key} of={o} edit={edit} />
          ))}
        </div>
      </details>
    </EditDialog>
  );
}

/** One option. What is left empty has its default, which the field shows. */
function OptionField({ of: o, edit }: { of: OutputOption; edit: Edit }) {
  const values = (edit.spec['options'] ?? {}) as Config;
  const now = values[o.key];
  const error = edit.faults.of('body.options.' + o.key);
  const set = (v: unknown) => {
    const { [o.key]: _, ...others } = values;
    edit.set({ options: v === undefined || v === '' ? others : { ...others, [o.key]: v } });
  };
  switch (o.kind) {
    case 'flag':
      return (
        <div class="field">
          <Check label={o.key} checked={(now ?? o.default === 'true') === true} onChange={(on) => set(on)} />
          {error && <p class="fault">{error}</p>}
        </div>
      );
    case 'choice':
      return (
        <Select
          label={o.key}
          value={String(now ?? o.default)}
          error={error}
          onChange={set}
          options={o.choices.map((c) => [c, c])}
        />
      );
    case 'list':
      return <Parsed label={o.key} value={now} read={readList} write={listText} mono error={error} onChange={set} />;
    case 'texts':
      return (
        <Parsed
          label={o.key}
          value={now}
          read={pairsOf}
          write={pairsText}
          mono
          rows={2}
          placeholder="NAME: VALUE"
          error={error}
          onChange={set}
        />
      );
    case 'number':
      return (
        <Parsed
          label={o.key}
          value={now}
          read={numberOf}
          write={numberText}
          placeholder={o.default}
          mono
          error={error}
          onChange={set}
        />
      );
  }
  return (
    <Input
      label={o.key}
      value={now === undefined ? '' : String(now)}
      type={o.kind === 'secret' ? 'password' : 'text'}
      autocomplete={o.kind === 'secret' ? 'new-password' : 'off'}
      placeholder={o.kind === 'secret' ? 'env:NAME, file:PATH' : o.default}
      mono
      error={error}
      onInput={set}
    />
  );
}

const readList = (text: string): unknown => (text ? listOf(text) : undefined);

const pairsText = (v: unknown): string =>
  v && typeof v === 'object'
    ? Object.entries(v)
        .map(([k, x]) => `${k}: ${String(x)}`)
        .join('\n')
    : '';

/** Lines of NAME: VALUE. A line that has no colon yet is a name without a value. */
function pairsOf(text: string): unknown {
  if (!text) return undefined;
  return Object.fromEntries(
    text.split('\n').map((line) => {
      const at = line.indexOf(':');
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1).trimStart()];
    }),
  );
}
