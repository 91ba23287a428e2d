import { t } from '../lib/i18n';
import type { Config } from '../lib/types';
import { Input } from '../ui/form';
import type { Edit, Loaded } from './edit';

// A driver's own options, as JSON text while they are edited: member "options text" of the spec.

const key = 'options text';

const read = (text: string): Config | null => {
  try {
    const v: unknown = JSON.parse(text || '{}');
    return typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Config) : null;
  } catch {
    return null;
  }
};

export function optionsRead<L extends Loaded>(from: L): L {
  const options = from.spec['options'] as Config | undefined;
  const text = options && Object.keys(options).length ? JSON.stringify(options, null, 2) : '';
  return { ...from, spec: { ...from.spec, [key]: text } };
}

export function optionsPrepared(spec: Config): Config {
  const { [key]: text, ...rest } = spec;
  return { ...rest, options: read(String(text ?? '')) ?? undefined };
}

export const optionsFault = (spec: Config): boolean => read(String(spec[key] ?? '')) === null;

export function OptionsField({ edit, error }: { edit: Edit; error: string | undefined }) {
  const text = edit.text(key);
  return (
    <details open={text !== ''}>
      <summary>{t('form.more')}</summary>
      <Input
        label={t('channel.options')}
        value={text}
        rows={5}
        mono
        hint={t('channel.optionsHint')}
        error={read(text) === null ? t('channel.optionsFault') : error}
        onInput={(v) => edit.set({ [key]: v })}
      />
    </details>
  );
}
