import { get, url } from '../lib/api';
import { useGet } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { Config, List, Option, OutputDetail, OutputType } from '../lib/types';
import { View } from '../ui/basic';
import { Select } from '../ui/form';
import { useEdit, type Loaded } from '../project/edit';
import { EditDialog } from '../project/edit-dialog';
import { OptionFields } from '../project/options';
import { NameField, TextField } from '../project/provider-form';

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
  const fields = (list: Option[]) => (
    <OptionFields
      list={list}
      values={values}
      fault={(key) => edit.faults.of('body.options.' + key)}
      onChange={(v) => edit.set({ options: v })}
    />
  );
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
      </div>
      {fields(first)}
      <details open={rest.some((o) => o.key in values || edit.faults.self('body.options.' + o.key))}>
        <summary>{t('form.more')}</summary>
        <p class="hint">{t('output.hint')}</p>
        {fields(rest)}
      </details>
    </EditDialog>
  );
}
