import { useEffect, useMemo, useState } from 'preact/hooks';
import { ask, type Fault, Problem, query, upload, url } from '../lib/api';
import { download, duration, number } from '../lib/format';
import { useGet, useNow, useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import { href, setQuery, type Route } from '../lib/route';
import type { List, Plan, Provider } from '../lib/types';
import { Button, Card, ErrorBox, Page, View } from '../ui/basic';
import { Select } from '../ui/form';
import { PlanList } from '../project/changes';

/** Adds connections from a list: paste it or open a file, look at it, import it. */
export function Import({ at }: { at: Route }) {
  const providers = useGet<List<Provider>>('/providers');
  return (
    <Page title={t('import.title')}>
      <View of={providers}>
        {(list) => <Wizard providers={list.items} provider={at.query.get('provider') || list.items[0]?.name || ''} />}
      </View>
    </Page>
  );
}

const previewed = 10; // lines
const planned = 200; // changes that are shown
const edited = 100_000; // characters that are edited here: a browser is slow with a field that has more

function Wizard({ providers, provider }: { providers: Provider[]; provider: string }) {
  const [text, setText] = useState('');
  const [plan, setPlan] = useState<{ of: Plan; done: boolean } | null>(null);
  const [sent, setSent] = useState(0);
  const task = useTask();
  const chosen = providers.find((p) => p.name === provider);
  const lines = useMemo(() => text.split(/\r?\n/).filter((l) => l.trim()), [text]);
  useEffect(() => {
    setPlan(null);
    task.clear();
  }, [text, provider]);
  const count = isNDJSON(text) ? lines.length : Math.max(0, lines.length - 1);
  const start = (only: boolean) =>
    task.run(async () => {
      setPlan(null);
      setSent(0);
      const path = url`/providers/${provider}/connections` + query({ dry_run: only });
      setPlan({ of: await upload<Plan>(path, text, typeOf(text), setSent), done: !only });
    });
  const save = () =>
    task.run(async () => {
      const res = await ask('GET', url`/providers/${provider}/connections` + '?format=csv');
      download(`${provider}.csv`, await res.text(), 'text/csv');
    });
  return (
    <>
      <Card
        title={t('import.step1')}
        actions={
          <Button small icon="save" onClick={() => void save()}>
            {t('import.export')}
          </Button>
        }
      >
        <Select
          label={t('noun.provider')}
          value={provider}
          onChange={(p) => setQuery({ provider: p })}
          options={providers.map((p) => [p.name, p.title ? `${p.name} · ${p.title}` : p.name])}
        />
      </Card>
      <Card
        title={t('import.step2')}
        actions={
          <label class="button small file">
            {t('import.file')}
            <input
              type="file"
              class="unseen"
              accept=".csv,.tsv,.ndjson,.jsonl,text/csv"
              onChange={(e) => {
                void e.currentTarget.files?.[0]?.text().then(setText);
              }}
            />
          </label>
        }
      >
        {text.length > edited ? (
          <Long lines={lines} onDiscard={() => setText('')} />
        ) : (
          <label class="field">
            <span class="hint">{t('import.hint', { columns: columnsOf(chosen) })}</span>
            <textarea
              class="mono"
              rows={10}
              spellcheck={false}
              value={text}
              placeholder={exampleOf(chosen)}
              onInput={(e) => setText(e.currentTarget.value)}
            />
          </label>
        )}
        <p class="muted">{t('import.lines', { n: number(count) })}</p>
      </Card>
      <Card title={t('import.step3')}>
        <p class="hint">{t('import.allOrNone')}</p>
        <LineFaults error={task.error} lines={text.split(/\r?\n/)} />
        {plan && (
          <div class="note" role="status">
            <p>
              <strong>
                {plan.done
                  ? t('import.done', { n: number(plan.of.total) })
                  : plan.of.total === 0
                    ? t('import.nothing')
                    : t('import.would', { n: number(plan.of.total) })}
              </strong>{' '}
              {plan.done && <a href={href(['fleet'], { provider })}>{t('nav.fleet')}</a>}
            </p>
            <PlanList of={plan.of.changes.slice(0, planned)} />
            {plan.of.total > planned && <p class="muted">{t('import.more', { n: number(plan.of.total - planned) })}</p>}
          </div>
        )}
        {task.busy && <Progress sent={sent} count={count} />}
        <div class="row spaced">
          <Button disabled={task.busy || !text.trim() || !provider} onClick={() => void start(true)}>
            {t('import.preview')}
          </Button>
          <Button kind="primary" disabled={task.busy || !text.trim() || !provider} onClick={() => void start(false)}>
            {task.busy ? t('import.going') : t('import.action')}
          </Button>
        </div>
      </Card>
    </>
  );
}

const isNDJSON = (text: string): boolean => text.trimStart().startsWith('{');

/** CSV, a sheet's tabs, or a document a line. */
function typeOf(text: string): string {
  if (isNDJSON(text)) return 'application/x-ndjson';
  return text.slice(0, text.indexOf('\n')).includes('\t') ? 'text/tab-separated-values' : 'text/csv';
}

/** How far it is: how much has been sent, and then how long linkd has been at it. It does all or nothing, in one go. */
function Progress({ sent, count }: { sent: number; count: number }) {
  const [since] = useState(() => Date.now());
  const now = useNow(500);
  return (
    <label class="field spaced">
      <span>
        {sent < 1 ? t('import.sending', { n: number(count) }) : t('import.applying', { n: number(count) })}{' '}
        <span class="muted">{duration(now - since)}</span>
      </span>
      {sent < 1 ? <progress max={1} value={sent} /> : <progress />}
    </label>
  );
}

/** A list that is too long to be edited here. */
function Long({ lines, onDiscard }: { lines: string[]; onDiscard: () => void }) {
  return (
    <>
      <p class="hint">{t('import.first', { n: previewed })}</p>
      <pre class="mono scroll" tabIndex={0}>
        {lines.slice(0, previewed + 1).join('\n')}
      </pre>
      <div class="row">
        <Button small onClick={onDiscard}>
          {t('grid.discard')}
        </Button>
      </div>
    </>
  );
}

/** The line of the list, from 1, that a fault is in; 0: it is in none. */
const lineOf = (fault: Fault): number => Number(/^(\d+):\d+: /.exec(fault.message)?.[1] ?? 0);

/** What is wrong, each with its line of the list. */
function LineFaults({ error, lines }: { error: Problem | null; lines: string[] }) {
  if (!error) return null;
  if (error.faults.length === 0) return <ErrorBox error={error} />;
  const shown = error.faults.slice(0, previewed * 5);
  return (
    <div class="error-box" role="alert">
      <ul class="line-faults">
        {shown.map((f, i) => {
          const line = lineOf(f);
          return (
            <li key={i}>
              <p>{f.message}</p>
              {line > 0 && (
                <p>
                  <span class="muted">{t('import.line', { n: line })}</span> <code>{lines[line - 1]}</code>
                </p>
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

const columnsOf = (p: Provider | undefined): string =>
  p?.type === 'tcp-client'
    ? 'name, title, host, port, enabled'
    : p?.conn_identity === 'fix-ip'
      ? 'name, title, remote_ip, enabled'
      : 'name, title, socket_conn_id, secret, enabled';

const exampleOf = (p: Provider | undefined): string =>
  p?.type === 'tcp-client'
    ? 'name,title,host,port\nc1,1# dev,10.1.2.3,502'
    : p?.conn_identity === 'fix-ip'
      ? 'name,title,remote_ip\nc1,1# dev,10.1.2.3'
      : 'name,title,socket_conn_id\nc1,1# dev,c0001\nc2,2# dev,c0002';
