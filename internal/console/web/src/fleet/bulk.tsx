import { useEffect, useState } from 'preact/hooks';
import { call, get, problem, query, type Answer } from '../lib/api';
import { number } from '../lib/format';
import { useGet, useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import { may } from '../lib/session';
import type { Act, Channel, List, Plan, Revision } from '../lib/types';
import { Button, ErrorBox, Loading } from '../ui/basic';
import { Dialog } from '../ui/dialog';
import { Select } from '../ui/form';
import { Menu, type MenuAt, type MenuItem } from '../ui/menu';
import { say } from '../ui/toast';
import { PlanList } from '../project/changes';

/** What the list shows, as the API takes it. */
export interface Filters {
  provider: string;
  state: string;
  q: string;
}

type Verb = 'kick' | 'enable' | 'disable' | 'move';

/** Acts on all connections that match, on those too that are not in sight. */
export function BulkMenu({ on, onDone }: { on: Filters; onDone: () => void }) {
  const [menu, setMenu] = useState<MenuAt | null>(null);
  const [verb, setVerb] = useState<Verb | null>(null);
  if (!may('operator')) return null;
  const verbs: Verb[] = may('admin') ? ['kick', 'enable', 'disable', 'move'] : ['kick'];
  const items: MenuItem[] = verbs.map((v) => ({
    label: t(`bulk.${v}`),
    danger: v === 'kick' || v === 'disable',
    run: () => setVerb(v),
  }));
  return (
    <>
      <Button
        icon="more"
        onClick={(e) => {
          const r = (e.currentTarget as HTMLElement).getBoundingClientRect();
          setMenu({ x: r.left, y: r.bottom + 2, label: t('bulk.menu'), items });
        }}
      >
        {t('bulk.menu')}
      </Button>
      {menu && <Menu at={menu} onClose={() => setMenu(null)} />}
      {verb && <BulkDialog verb={verb} on={on} onClose={() => setVerb(null)} onDone={onDone} />}
    </>
  );
}

interface Props {
  verb: Verb;
  on: Filters;
  onClose: () => void;
  onDone: () => void;
}

function BulkDialog({ verb, on, onClose, onDone }: Props) {
  const [channel, setChannel] = useState('');
  const [preview, setPreview] = useState<Answer<Act> | null>(null);
  const [again, setAgain] = useState(false); // it changed under the person's eyes
  const [filters] = useState(on); // the address may change behind the dialog
  const look = useTask();
  const act = useTask();
  const ask = (o: { etag?: string }) =>
    call<Act>('POST', `/connections/actions/${verb}` + query({ dry_run: !o.etag }), {
      json: { query: members(filters), ...(verb === 'move' && { channel }) },
      headers: o.etag ? { 'If-Match': o.etag } : {},
    });
  const refresh = () => look.run(async () => setPreview(await ask({})));
  useEffect(() => {
    setPreview(null);
    if (verb !== 'move' || channel) void refresh();
  }, [channel]);
  const confirm = () =>
    act.run(async () => {
      try {
        const done = await ask({ etag: preview!.etag });
        onClose();
        onDone();
        tell(verb, done.body, onDone);
      } catch (err) {
        if (problem(err).status !== 412) throw err;
        setAgain(true);
        await refresh();
      }
    });
  const n = preview?.body.count ?? 0;
  return (
    <Dialog title={t(`bulk.${verb}`)} onClose={onClose}>
      <p>{t(`bulk.${verb}Hint`)}</p>
      <p class="muted">{wordsOf(filters)}</p>
      {verb === 'move' && <Channels value={channel} onChange={setChannel} />}
      <ErrorBox error={look.error} />
      <ErrorBox error={act.error} />
      {again && (
        <p class="note" role="status">
          {t('bulk.again')}
        </p>
      )}
      {look.busy && <Loading />}
      {preview && !look.busy && <Preview of={preview.body} />}
      <div class="dialog-foot">
        <Button onClick={onClose}>{t('action.cancel')}</Button>
        <Button
          kind={verb === 'kick' || verb === 'disable' ? 'danger' : 'primary'}
          disabled={!preview || look.busy || act.busy || n === 0}
          onClick={() => void confirm()}
        >
          {n > 0 ? t(`bulk.${verb}Do`, { n: number(n) }) : t(`bulk.${verb}`)}
        </Button>
      </div>
      {act.busy && <Loading />}
    </Dialog>
  );
}

function Preview({ of }: { of: Act }) {
  return (
    <div role="status">
      <p>
        <strong>{t('bulk.count', { n: number(of.count), of: number(of.matching) })}</strong>
      </p>
      {of.sample.length > 0 && (
        <p class="muted">
          {of.sample.join(', ')}
          {of.count > of.sample.length && ' ' + t('changes.more', { n: number(of.count - of.sample.length) })}
        </p>
      )}
      {of.plan && <PlanList of={of.plan.changes} total={of.plan.total} />}
    </div>
  );
}

function Channels({ value, onChange }: { value: string; onChange: (to: string) => void }) {
  const channels = useGet<List<Channel>>('/channels');
  const all = channels.data?.items.filter((c) => c.connection) ?? [];
  return (
    <>
      <ErrorBox error={channels.error} retry={channels.reload} />
      <Select
        label={t('noun.channel')}
        value={value}
        onChange={onChange}
        options={[
          ['', t('bulk.choose')],
          ...all.map((c): [string, string] => [c.name, `${c.name} · ${c.driver} · ${c.connection}`]),
        ]}
      />
    </>
  );
}

/** Says what was done, and offers the way back. */
function tell(verb: Verb, done: Act, onDone: () => void): void {
  const text = t(`bulk.${verb}Done`, { n: number(done.count) });
  if (!done.undo || !done.plan) return say(text);
  const made = done.plan.revision;
  say(text, false, {
    label: t('bulk.undo'),
    run: () =>
      void undo(done.undo, made)
        .then(() => {
          say(t('changes.done', { n: done.undo }));
          onDone();
        })
        .catch((err) => say(problem(err).message, true)),
  });
}

/** Goes back to a revision, unless somebody has changed something since the one that was made. */
async function undo(to: number, made: number): Promise<void> {
  const { body } = await get<List<Revision>>('/revisions?limit=1');
  if (body.items[0]?.revision !== made) throw new Error(t('bulk.overtaken'));
  await call<Plan>('POST', `/revisions/${to}/undo`);
}

const members = (f: Filters): Partial<Filters> =>
  Object.fromEntries(Object.entries(f).filter(([, v]) => v !== '')) as Partial<Filters>;

/** The filters in words. */
function wordsOf(f: Filters): string {
  const words = [
    f.provider && `${t('noun.provider')}: ${f.provider}`,
    f.state && `${t('fleet.state')}: ${t(`state.${f.state as 'online'}`)}`,
    f.q && `“${f.q}”`,
  ].filter(Boolean);
  return words.length ? words.join(' · ') : t('bulk.everything');
}
