import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { call, problem, type Problem } from '../lib/api';
import { escapes, hexSpaced, hexText, none, visible } from '../lib/format';
import { t } from '../lib/i18n';
import type { Config, TriedIdentity } from '../lib/types';
import { Facts } from '../ui/basic';
import { Choice, faultsOf, Input } from '../ui/form';
import { compact, listOf } from './spec';

const pause = 250; // ms after the last key

/**
 * What linkd would do with the first bytes of a link, while they are typed. provider is empty for one that is not there
 * yet; then the ids are typed too.
 */
export function TryIdentity({ of, provider }: { of: Config; provider: string }) {
  const [as, setAs] = useState<'hex' | 'text'>('text');
  const [data, setData] = useState('');
  const [ids, setIds] = useState('');
  const [answer, setAnswer] = useState<TriedIdentity | null>(null);
  const [error, setError] = useState<Problem | null>(null);
  const bytes = as === 'text' ? escapes(data) : data;
  const asked = JSON.stringify({
    identity: compact(of),
    ...(provider ? { provider } : { ids: listOf(ids) }),
    [as]: bytes,
  });
  useEffect(() => {
    setAnswer(null);
    setError(null);
    if (bytes.trim() === '' && as === 'hex') return;
    if (bytes === '') return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      call<TriedIdentity>('POST', '/identity/try', { text: asked, type: 'application/json', signal: stop.signal })
        .then((a) => setAnswer(a.body))
        .catch((err) => !stop.signal.aborted && setError(problem(err)));
    }, pause);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [asked]);
  return (
    <fieldset class="try">
      <legend>{t('try.title')}</legend>
      <Choice
        label={t('send.as')}
        value={as}
        onChange={setAs}
        options={[
          ['text', t('send.text')],
          ['hex', t('send.hex')],
        ]}
      />
      <div class="fields">
        <Input
          label={t('try.data')}
          value={data}
          mono
          rows={2}
          placeholder={as === 'hex' ? '63 30 30 30 31 0D 0A' : 'c0001\\r\\n'}
          hint={as === 'hex' ? undefined : t('send.textHint')}
          onInput={setData}
        />
        {!provider && (
          <Input
            label={t('try.ids')}
            value={ids}
            mono
            placeholder="c0001, c0002"
            hint={t('try.idsHint')}
            onInput={setIds}
          />
        )}
      </div>
      <div aria-live="polite">
        {faultsOf(error)
          .rest()
          .map((f) => (
            <p key={f} class="fault">
              {f}
            </p>
          ))}
        {answer && <Outcome of={answer} />}
      </div>
    </fieldset>
  );
}

function Outcome({ of: a }: { of: TriedIdentity }) {
  const bytesOf = (hex: string) => (hex ? `${hexSpaced(hex)}  ${hexText(hex)}` : none);
  return (
    <>
      <p class={a.reason ? 'quality-bad' : 'quality-good'}>
        <strong>{sentence(a)}</strong>
        {a.quiet && ' ' + t('try.quiet')}
        {a.secret && a.reason === '' && ' ' + t('try.secret')}
        {a.state === 'online' && a.reason === '' && ' ' + t('try.takeover')}
      </p>
      {a.found && (
        <Facts
          of={[
            [t('conn.id'), <span class="mono">{visible(a.id)}</span>],
            [t('try.rest'), <span class="mono">{bytesOf(a.rest_hex)}</span>],
            [t('try.answer'), <span class="mono">{bytesOf(a.answer_hex)}</span>],
            ...(a.held_hex ? [[t('try.held'), <span class="mono">{bytesOf(a.held_hex)}</span>] as [string, ComponentChildren]] : []),
          ]}
        />
      )}
    </>
  );
}

function sentence(a: TriedIdentity): string {
  const name = a.connection;
  switch (a.reason) {
    case '':
      return name ? t('try.bound', { name }) : t('try.known');
    case 'unknown_id':
      return t('try.unknown');
    case 'disabled':
      return t('try.disabled', { name });
    case 'bad_secret':
      return t('try.noSecret', { name });
    case 'duplicate':
      return t('try.duplicate', { name });
    case 'identity_timeout':
      return t('try.more');
    case 'rubbish':
      return t('try.rubbish');
  }
  return t('try.closed', { reason: a.detail || a.reason });
}
