import { useEffect, useState } from 'preact/hooks';
import { call, get, isAbort, problem, query, url, type Problem } from '../lib/api';
import { useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { Connection, Driver, List } from '../lib/types';
import { Empty, ErrorBox, Loading } from '../ui/basic';
import { FormDialog } from '../ui/dialog';
import { faultsOf } from '../ui/form';
import { say } from '../ui/toast';
import { loadChannel } from './config';
import { compact } from './spec';

/** The drivers that the link of a channel allows. A pattern's links are all alike: its provider's first one is asked. */
async function driversFor(connection: string, signal: AbortSignal): Promise<Driver[]> {
  let at = connection;
  if (at.includes('*')) {
    const [provider = '', pattern = ''] = at.split('/', 2);
    const q = pattern.replace(/\*.*$/, '');
    const { body } = await get<List<Connection>>('/connections' + query({ provider, q, limit: 1 }), signal);
    const first = body.items[0];
    at = first ? `${first.provider}/${first.name}` : '';
  }
  return (await get<List<Driver>>('/drivers' + query({ connection: at }), signal)).body.items;
}

interface ListProps {
  connection: string;
  value: string;
  error?: string | undefined;
  onChange: (driver: string) => void;
}

/** All drivers; those that the link forbids are grey, with the reason. */
export function DriverList({ connection, value, error, onChange }: ListProps) {
  const [list, setList] = useState<Driver[] | null>(null);
  const [failed, setFailed] = useState<Problem | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => {
      driversFor(connection, stop.signal)
        .then((d) => {
          setList(d);
          setFailed(null);
        })
        .catch((err) => !isAbort(err) && setFailed(problem(err)));
    }, 250); // while a person types
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [connection]);
  return (
    <fieldset class="drivers" aria-invalid={error ? true : undefined}>
      <legend>{t('project.selectDriver')}</legend>
      {error && <p class="fault">{error}</p>}
      <ErrorBox error={failed} />
      {!list && !failed && <Loading />}
      {list?.length === 0 && <Empty>{t('drivers.none')}</Empty>}
      <div class="driver-list">
        {list?.map((d) => (
          <label key={d.name} class={d.selectable ? 'driver' : 'driver grey'}>
            <input
              type="radio"
              name="driver"
              value={d.name}
              checked={d.name === value}
              disabled={!d.selectable}
              onChange={() => onChange(d.name)}
            />
            <span>
              <strong>{d.name}</strong> {d.title}
              {!d.selectable && <span class="why">{d.reason}</span>}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** The dialog "Select Driver" of a channel. */
export function SelectDriver({
  channel,
  onClose,
  onSaved,
}: {
  channel: string;
  onClose: () => void;
  onSaved: () => void;
}) {
  const [now, setNow] = useState<Awaited<ReturnType<typeof loadChannel>> | null>(null);
  const [driver, setDriver] = useState('');
  const task = useTask();
  const faults = faultsOf(task.error);
  useEffect(
    () =>
      void task.run(async () => {
        const read = await loadChannel(channel);
        setNow(read);
        setDriver(read.channel.driver);
      }),
    [],
  );
  const save = () =>
    task.run(async () => {
      const json = compact({ ...now!.spec, driver });
      await call('PUT', url`/channels/${channel}`, { json, headers: { 'If-Match': now!.etag } });
      say(t('project.saved', { name: channel }));
      onSaved();
    });
  return (
    <FormDialog
      title={t('drivers.title', { channel })}
      action={t('action.save')}
      busy={task.busy || !now}
      disabled={!driver}
      onClose={onClose}
      onSubmit={() => void save()}
      faults={faults.rest}
    >
      {now ? (
        <DriverList
          connection={now.channel.connection}
          value={driver}
          onChange={setDriver}
          error={faults.of('body.driver')}
        />
      ) : (
        <Loading />
      )}
    </FormDialog>
  );
}
