import { t } from '../lib/i18n';
import type { Config } from '../lib/types';
import { Input, Parsed, Select, type Faults } from '../ui/form';
import { TryIdentity } from './identity-try';
import { listOf, listText, numberOf } from './spec';

type Option = 'length' | 'endian' | 'pattern' | 'prefix' | 'suffix' | 'mode' | 'heartbeat' | 'ack' | 'nack';

const answers: Option[] = ['heartbeat', 'ack', 'nack'];
const framed: Option[] = ['length', 'prefix', 'suffix', ...answers];

/** The options that each preset takes, as codec/README.md has them. */
const presets: Record<string, Option[]> = {
  auto: answers,
  usr: ['mode', ...answers],
  template: framed,
  'four-faith': answers,
  ddp: ['heartbeat', 'nack'],
  inhand: answers,
  imei: ['heartbeat'],
  line: ['prefix', 'suffix', ...answers],
  fixed: framed,
  hex: framed,
  'length-prefixed': ['endian', ...framed],
  regex: ['pattern', ...answers],
};
const always = ['preset', 'timeout', 'quiet', 'max_bytes'];

/** An identity without the options that its preset does not take. */
export function keptOptions(of: Config): Config {
  const takes: string[] = [...always, ...(presets[String(of['preset'] || 'auto')] ?? Object.keys(of))];
  return Object.fromEntries(Object.entries(of).filter(([k]) => takes.includes(k)));
}

interface Props {
  of: Config;
  provider: string; // whose ids are known; empty: of one that is not there yet
  faults: Faults;
  onChange: (to: Config) => void;
}

/** How a link says who it is. */
export function Identity({ of, provider, faults, onChange }: Props) {
  const preset = String(of['preset'] || 'auto');
  const takes = presets[preset] ?? [];
  const text = (k: string) => (of[k] === undefined ? '' : String(of[k]));
  const set = (k: string, v: unknown) => onChange({ ...of, [k]: v });
  const plain = (k: string, label: string, placeholder?: string, number = false) => (
    <Input
      key={k}
      label={label}
      value={text(k)}
      placeholder={placeholder}
      mono
      error={faults.of('body.identity.' + k)}
      onInput={(v) => set(k, number ? numberOf(v) : v)}
    />
  );
  return (
    <details open={preset !== 'auto'}>
      <summary>{t('identity.title')}</summary>
      <div class="fields">
        <Select
          label={t('identity.preset')}
          value={preset}
          error={faults.of('body.identity.preset')}
          onChange={(v) => set('preset', v === 'auto' ? '' : v)}
          hint={t(`preset.${preset as 'auto'}`)}
          options={Object.keys(presets).map((p) => [p, p])}
        />
        {takes.includes('length') && plain('length', t('identity.length'), undefined, true)}
        {takes.includes('endian') && (
          <Select
            label={t('identity.endian')}
            value={text('endian') || 'big'}
            error={faults.of('body.identity.endian')}
            onChange={(v) => set('endian', v)}
            options={[
              ['big', t('identity.big')],
              ['little', t('identity.little')],
            ]}
          />
        )}
        {takes.includes('mode') && (
          <Select
            label={t('identity.mode')}
            value={text('mode') || 'connect'}
            error={faults.of('body.identity.mode')}
            onChange={(v) => set('mode', v)}
            options={[
              ['connect', t('identity.connect')],
              ['packet', t('identity.packet')],
              ['both', t('identity.both')],
            ]}
          />
        )}
        {takes.includes('pattern') && plain('pattern', t('identity.pattern'), 'ID=(?P<id>\\w+);')}
        {takes.includes('prefix') && plain('prefix', t('identity.prefix'), 'hex:00 01 02 03')}
        {takes.includes('suffix') && plain('suffix', t('identity.suffix'), 'hex:00 01 02 03')}
        {takes.includes('heartbeat') && (
          <Parsed
            label={t('identity.heartbeat')}
            value={of['heartbeat']}
            read={listOf}
            write={listText}
            mono
            placeholder="LOG, hex:FE"
            error={faults.of('body.identity.heartbeat')}
            onChange={(v) => set('heartbeat', v)}
          />
        )}
        {takes.includes('ack') && plain('ack', t('identity.ack'))}
        {takes.includes('nack') && plain('nack', t('identity.nack'))}
        {plain('timeout', t('identity.timeout'), '10s')}
        {plain('quiet', t('identity.quiet'), '200ms')}
        {plain('max_bytes', t('identity.maxBytes'), '128', true)}
      </div>
      <TryIdentity of={keptOptions(of)} provider={provider} />
    </details>
  );
}
