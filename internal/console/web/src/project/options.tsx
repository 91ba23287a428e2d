import { useState } from 'preact/hooks';
import { t } from '../lib/i18n';
import type { Config, Driver, Option } from '../lib/types';
import { Check, Input, Parsed, Select } from '../ui/form';
import { bytesText, isPairs, jsonOf, jsonText, pairsOf, pairsText, withOption } from './option-text';
import { listOf, listText, numberOf, numberText } from './spec';

interface Props {
  list: Option[];
  values: Config;
  fault: (key: string) => string | undefined;
  onChange: (values: Config | undefined) => void;
}

/** A field for each of some options of a driver or an output. What is left empty has its default, which a field shows. */
export function OptionFields({ list, values, fault, onChange }: Props) {
  return (
    <div class="fields">
      {list.map((o) => (
        <OptionField
          key={o.key}
          of={o}
          value={values[o.key] ?? undefined}
          error={fault(o.key)}
          onChange={(v) => onChange(withOption(values, o.key, v))}
        />
      ))}
    </div>
  );
}

interface DriverProps extends Omit<Props, 'list'> {
  drivers: Driver[];
  driver: string;
}

/** All options of a driver. What is set and none of them is shown too: it is refused, and nothing is lost unseen. */
export function DriverOptions({ drivers, driver, values, fault, onChange }: DriverProps) {
  const own = drivers.find((d) => d.name === driver)?.options ?? [];
  const others = Object.keys(values).filter((key) => !own.some((o) => o.key === key));
  const list = [...own, ...others.map((key): Option => ({ key, kind: 'unknown', default: '', choices: [], about: '' }))];
  if (!list.length) return null;
  return (
    <details open={list.some((o) => o.key in values || isNested(o) || fault(o.key))}>
      <summary>{t('channel.options', { driver })}</summary>
      <p class="hint">{t('channel.optionsHint')}</p>
      <OptionFields list={list} values={values} fault={fault} onChange={onChange} />
    </details>
  );
}

const isNested = (o: Option): boolean => ['texts', 'mapping', 'mappings'].includes(o.kind);

interface FieldProps {
  of: Option;
  value: unknown;
  error: string | undefined;
  onChange: (v: unknown) => void;
}

function OptionField({ of: o, value, error, onChange }: FieldProps) {
  const common = { label: o.key, error, mono: true, hint: o.about || undefined };
  switch (o.kind) {
    case 'flag':
      return (
        <div class="field">
          <Check
            label={o.key}
            checked={(value ?? o.default === 'true') === true}
            onChange={(on) => onChange(on === (o.default === 'true') ? undefined : on)}
          />
          {o.about && <p class="hint">{o.about}</p>}
          {error && <p class="fault">{error}</p>}
        </div>
      );
    case 'choice':
      return (
        <Select
          label={o.key}
          value={String(value ?? o.default)}
          error={error}
          hint={o.about || undefined}
          onChange={(v) => onChange(v === o.default ? undefined : v)}
          options={o.choices.map((c) => [c, c])}
        />
      );
    case 'list':
      return <Parsed {...common} value={value} read={readList} write={listText} onChange={onChange} />;
    case 'texts':
    case 'mapping':
    case 'mappings':
    case 'unknown':
      return <Nested of={o} value={value} error={error} onChange={onChange} />;
    case 'number':
      return (
        <Parsed
          {...common}
          value={value}
          read={numberOf}
          write={numberText}
          placeholder={o.default}
          onChange={onChange}
        />
      );
  }
  const hidden = o.kind === 'secret' || o.kind === 'password';
  return (
    <Input
      {...common}
      value={bytesText(value)}
      type={hidden ? 'password' : 'text'}
      autocomplete={hidden ? 'new-password' : 'off'}
      placeholder={o.kind === 'secret' ? 'env:NAME, file:PATH' : o.default}
      onInput={onChange}
    />
  );
}

/** An editor for what holds more than one value: lines of names and texts, else JSON. */
function Nested({ of: o, value, error, onChange }: FieldProps) {
  const [lines] = useState(() => o.kind === 'texts' && isPairs(value));
  const [read, write] = lines ? [pairsOf, pairsText] : [jsonOf, jsonText];
  const broken = typeof value === 'string' && o.kind !== 'unknown' ? t('option.notJSON') : undefined;
  const form = { mappings: t('option.mappings'), unknown: t('option.unknown') };
  const hint = lines ? '' : (form[o.kind as keyof typeof form] ?? t('option.mapping'));
  return (
    <div class="all">
      <Parsed
        label={o.key}
        value={value}
        read={read}
        write={write}
        mono
        rows={Math.min(Math.max(write(value).split('\n').length, lines ? 2 : 3), 14)}
        placeholder={lines ? 'NAME: VALUE' : undefined}
        hint={[o.about, hint].filter(Boolean).join('. ') || undefined}
        error={broken ?? error}
        onChange={onChange}
      />
    </div>
  );
}

const readList = (text: string): unknown => (text ? listOf(text) : undefined);
