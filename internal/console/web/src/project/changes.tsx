import { useState } from 'preact/hooks';
import { call, url } from '../lib/api';
import { moment } from '../lib/format';
import { useGet, useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import { may } from '../lib/session';
import type { List, Plan, Revision } from '../lib/types';
import { Button, Empty, ErrorBox, Loading, View } from '../ui/basic';
import { Confirm, Dialog } from '../ui/dialog';
import { say } from '../ui/toast';

/** The drawer "Changes": who changed what, and the way back. */
export function Changes({ onClose, onChanged }: { onClose: () => void; onChanged: () => void }) {
  return (
    <Dialog title={t('changes.title')} onClose={onClose} drawer>
      <Revisions onChanged={onChanged} />
    </Dialog>
  );
}

export function Revisions({ onChanged }: { onChanged: () => void }) {
  const list = useGet<List<Revision>>('/revisions?limit=50');
  const [older, setOlder] = useState<{ items: Revision[]; next: string } | null>(null);
  const [back, setBack] = useState<{ to: number; plan: string[] } | null>(null);
  const task = useTask();
  const more = (cursor: string) =>
    task.run(async () => {
      const { body } = await call<List<Revision>>('GET', `/revisions?limit=50&cursor=${cursor}`);
      setOlder({ items: [...(older?.items ?? []), ...body.items], next: body.next });
    });
  const plan = (to: number) =>
    task.run(async () => {
      const { body } = await call<Plan>('POST', url`/revisions/${to}/undo` + '?dry_run=true');
      setBack({ to, plan: body.changes });
    });
  return (
    <View of={list}>
      {(data) => {
        const items = [...data.items, ...(older?.items ?? [])];
        const next = older ? older.next : data.next;
        return (
          <>
            <ErrorBox error={task.error} />
            {items.length === 0 && <Empty>{t('changes.none')}</Empty>}
            <ol class="revisions">
              {items.map((r, i) => (
                <li key={r.revision}>
                  <div class="row">
                    <strong>{r.revision}</strong>
                    <span class="grow">{r.what}</span>
                    {may('admin') && i > 0 && (
                      <Button small icon="undo" disabled={task.busy} onClick={() => void plan(r.revision)}>
                        {t('changes.back')}
                      </Button>
                    )}
                  </div>
                  <p class="muted">
                    {moment(r.time)} · {r.who}
                    {r.undoes > 0 && ` · ${t('changes.undoes', { n: r.undoes })}`}
                  </p>
                  <PlanList of={r.changes} />
                </li>
              ))}
            </ol>
            {task.busy && <Loading />}
            {next && <Button onClick={() => void more(next)}>{t('changes.older')}</Button>}
            {back && (
              <Confirm
                title={t('changes.backTo', { n: back.to })}
                action={t('changes.back')}
                onClose={() => setBack(null)}
                text={back.plan.length ? back.plan.join('\n') : t('changes.nothing')}
                run={async () => {
                  await call('POST', url`/revisions/${back.to}/undo`);
                  setBack(null);
                  setOlder(null);
                  say(t('changes.done', { n: back.to }));
                  list.reload();
                  onChanged();
                }}
              />
            )}
          </>
        );
      }}
    </View>
  );
}

const shown = 12; // lines of a change

/** The first lines of a plan; total is how many there are when of has not got all. */
export function PlanList({ of, total = of.length }: { of: string[]; total?: number }) {
  if (of.length === 0) return null;
  return (
    <ul class="plan">
      {of.slice(0, shown).map((line, i) => (
        <li key={i} class={'plan-' + sign(line)}>
          {line}
        </li>
      ))}
      {total > shown && <li class="muted">{t('changes.more', { n: total - Math.min(shown, of.length) })}</li>}
    </ul>
  );
}

const sign = (line: string): string => ({ '+': 'add', '-': 'remove' })[line[0] ?? ''] ?? 'change';
