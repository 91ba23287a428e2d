import { t } from '../lib/i18n';
import type { Config } from '../lib/types';
import { Input, Select, type Faults } from '../ui/form';
import { types } from './tag-columns';

/** The first tag of a new device that has no model: with neither, its driver would have nothing to read. */
export type FirstTag = Record<'name' | 'address' | 'type', string>;

export const noTag: FirstTag = { name: '', address: '', type: '' };

export const tagsOf = (tag: FirstTag): Config => {
  const { name, address, type } = tag;
  if (!name.trim() && !address.trim()) return {};
  return { tags: [{ name: name.trim(), ...(address.trim() && { address: address.trim() }), ...(type && { type }) }] };
};

interface Props {
  of: FirstTag;
  base: string[]; // where the API may have the device
  faults: Faults;
  onChange: (change: Partial<FirstTag>) => void;
}

export function FirstTagFields({ of, base, faults, onChange }: Props) {
  const tags = base.flatMap((b) => [`${b}.tags.${of.name.trim()}`, `${b}.tags.0`]);
  const fault = (key: string) => faults.of(...tags.map((tag) => `${tag}.${key}`));
  const [name, type] = [fault('name') ?? faults.self(...base), fault('type')];
  const address = fault('address') ?? faults.self(...tags);
  return (
    <fieldset>
      <legend class="label">{t('device.firstTag')}</legend>
      <div class="fields">
        <Input
          label={t('device.tagName')}
          value={of.name}
          placeholder="temperature"
          onInput={(v) => onChange({ name: v })}
          error={name}
          hint={t('device.firstTagHint')}
        />
        <Input
          label={t('device.tagAddress')}
          value={of.address}
          placeholder="input:0"
          mono
          onInput={(v) => onChange({ address: v })}
          error={address}
        />
        <Select
          label={t('column.type')}
          value={of.type}
          onChange={(v) => onChange({ type: v })}
          error={type}
          options={types.map((v): [string, string] => [v, v || t('grid.default')])}
        />
      </div>
    </fieldset>
  );
}
