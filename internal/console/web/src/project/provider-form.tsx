import { t } from '../lib/i18n';
import { url } from '../lib/api';
import { useGet } from '../lib/hooks';
import type { Config, System } from '../lib/types';
import { Choice, Input, Parsed, Select } from '../ui/form';
import { loadProvider } from './config';
import { useEdit, type Edit } from './edit';
import { EditDialog } from './edit-dialog';
import { Identity, keptOptions } from './identity';
import { listOf, listText, numberOf, numberText } from './spec';

interface Props {
  name: string;
  type: 'tcp-server' | 'tcp-client';
  onClose: () => void;
  onSaved: (name: string) => void;
}

/** The dialog "Tcp Server", or "Tcp Client". */
export function ProviderForm({ name, type, onClose, onSaved }: Props) {
  const edit = useEdit(
    name,
    { type, ...(type === 'tcp-server' && { conn_identity: 'common' }) },
    loadProvider,
    (n) => url`/providers/${n}`,
    onSaved,
    prepared,
  );
  const system = useGet<System>('/system');
  const { faults } = edit;
  const server = type === 'tcp-server';
  const identity = edit.text('conn_identity') === 'fix-ip' ? 'fix-ip' : 'common';
  return (
    <EditDialog edit={edit} title={server ? t('provider.server') : t('provider.client')} onClose={onClose}>
      <div class="fields">
        <NameField edit={edit} placeholder="s1" />
        <TextField edit={edit} of="title" label={t('field.title')} placeholder="S1" />
        <TextField
          edit={edit}
          of="local_ip"
          label={t('provider.localIP')}
          placeholder={t('provider.allIPs')}
          list={system.data?.addresses}
        />
        {server && (
          <Input
            label={t('provider.localPort')}
            value={edit.text('local_port')}
            placeholder="30000"
            required
            error={faults.of('body.local_port')}
            onInput={(v) => edit.set({ local_port: numberOf(v) })}
          />
        )}
      </div>
      {server && (
        <div class="field">
          <span class="label">{t('provider.identity')}</span>
          <Choice
            label={t('provider.identity')}
            value={identity}
            onChange={(v) => edit.set({ conn_identity: v })}
            options={[
              ['common', t('provider.common')],
              ['fix-ip', t('provider.fixIP')],
            ]}
          />
          <p class="hint">{identity === 'common' ? t('provider.commonHint') : t('provider.fixIPHint')}</p>
          <p class="fault">{faults.of('body.conn_identity')}</p>
        </div>
      )}
      {server && identity === 'common' && (
        <Identity
          of={(edit.spec['identity'] ?? {}) as Config}
          provider={name}
          faults={faults}
          onChange={(i) => edit.set({ identity: i })}
        />
      )}
      <More edit={edit} server={server} />
    </EditDialog>
  );
}

function prepared(spec: Config): Config {
  if (spec['conn_identity'] !== 'common' && spec['conn_identity'] !== undefined)
    return { ...spec, identity: undefined };
  return spec['identity'] ? { ...spec, identity: keptOptions(spec['identity'] as Config) } : spec;
}

function More({ edit, server }: { edit: Edit; server: boolean }) {
  const keepalive = (edit.spec['downlink_keepalive'] ?? {}) as Config;
  const { faults } = edit;
  const down = (change: Config) => edit.set({ downlink_keepalive: { ...keepalive, ...change } });
  const count = (of: string, label: string) => (
    <Parsed
      label={label}
      value={edit.spec[of]}
      read={numberOf}
      write={numberText}
      error={faults.of('body.' + of)}
      onChange={(v) => edit.set({ [of]: v })}
    />
  );
  return (
    <details>
      <summary>{t('form.more')}</summary>
      <div class="fields">
        {server && (
          <>
            <Select
              label={t('provider.onDuplicate')}
              value={edit.text('on_duplicate') || 'newest'}
              error={faults.of('body.on_duplicate')}
              onChange={(v) => edit.set({ on_duplicate: v === 'newest' ? '' : v })}
              options={[
                ['newest', t('provider.newest')],
                ['oldest', t('provider.oldest')],
              ]}
            />
            {count('max_connections', t('provider.maxConnections'))}
            {count('accept_rate', t('provider.acceptRate'))}
            <Parsed
              label={t('provider.proxyFrom')}
              value={edit.spec['proxy_from']}
              read={listOf}
              write={listText}
              placeholder="10.0.0.0/8"
              error={faults.of('body.proxy_from')}
              onChange={(v) => edit.set({ proxy_from: v })}
            />
          </>
        )}
        <TextField edit={edit} of="idle_timeout" label={t('provider.idleTimeout')} placeholder="1h" />
        <TextField edit={edit} of="keepalive" label={t('provider.keepalive')} placeholder="60s" />
        <TextField edit={edit} of="user_timeout" label={t('provider.userTimeout')} placeholder="90s" />
        <Input
          label={t('provider.downEvery')}
          value={text(keepalive['every'])}
          placeholder="60s"
          error={faults.of('body.downlink_keepalive.every')}
          onInput={(v) => down({ every: v })}
        />
        <Input
          label={t('provider.downData')}
          value={text(keepalive['data'])}
          placeholder="hex:00"
          mono
          error={faults.of('body.downlink_keepalive.data')}
          onInput={(v) => down({ data: v })}
        />
        {!server && (
          <>
            <TextField edit={edit} of="connect_timeout" label={t('provider.connectTimeout')} placeholder="10s" />
            <TextField edit={edit} of="redial_min" label={t('provider.redialMin')} placeholder="1s" />
            <TextField edit={edit} of="redial_max" label={t('provider.redialMax')} placeholder="60s" />
          </>
        )}
      </div>
    </details>
  );
}

const text = (v: unknown): string => (v === undefined ? '' : String(v));

export function NameField({ edit, placeholder, hint }: { edit: Edit; placeholder: string; hint?: string }) {
  return (
    <Input
      label={t('field.name')}
      value={edit.name}
      onInput={edit.setName}
      placeholder={placeholder}
      required
      disabled={!edit.isNew}
      focus={edit.isNew}
      hint={hint}
      error={edit.faults.of('body.name')}
    />
  );
}

export function TextField({
  edit,
  of,
  label,
  placeholder,
  hint,
  mono,
  list,
}: {
  edit: Edit;
  of: string;
  label: string;
  placeholder?: string;
  hint?: string;
  mono?: boolean;
  list?: string[] | undefined; // suggestions
}) {
  return (
    <Input
      label={label}
      value={edit.text(of)}
      placeholder={placeholder}
      hint={hint}
      mono={mono ?? false}
      {...(list && { list })}
      error={edit.faults.of('body.' + of)}
      onInput={(v) => edit.set({ [of]: v })}
    />
  );
}
