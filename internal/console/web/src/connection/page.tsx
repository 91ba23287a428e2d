import { useState } from 'preact/hooks';
import { call, url } from '../lib/api';
import { useFeed } from '../lib/feed';
import { age, bytes, moment, none, number } from '../lib/format';
import { useGet, useNow, useThrottle } from '../lib/hooks';
import { t } from '../lib/i18n';
import { href, type Route } from '../lib/route';
import { may } from '../lib/session';
import type { Connection } from '../lib/types';
import { Button, Card, Facts, Page, StateDot, View } from '../ui/basic';
import { Confirm } from '../ui/dialog';
import { say } from '../ui/toast';
import { History } from './history';
import { Send } from './send';
import { Tap } from './tap';
import { Values } from './values';

export function ConnectionPage({ at }: { at: Route }) {
  const [, provider = '', name = ''] = at.parts;
  return <One key={provider + '/' + name} provider={provider} name={name} />;
}

function One({ provider, name }: { provider: string; name: string }) {
  const conn = useGet<Connection>(url`/connections/${provider}/${name}`);
  const [lives, setLives] = useState(0);
  const reload = useThrottle(conn.reload, 700);
  const point = `${provider}/${name}`;
  useFeed(
    {
      event(e) {
        if (e.provider !== provider || e.connection !== name) return;
        reload();
        setLives((n) => n + 1);
      },
      value: reload, // an exchange took place: the bytes are others
    },
    `?values=true&connection=${encodeURIComponent(point)}`,
  );
  const c = conn.data;
  return (
    <Page
      title={
        <>
          <span class="muted">{provider} / </span>
          {name}
        </>
      }
      actions={c && <Acts of={c} reload={conn.reload} />}
    >
      <View of={conn}>
        {(c) => (
          <>
            <Card>
              <Who of={c} />
            </Card>
            <History of={c} turn={lives} />
            <Card title={t('tags.title')}>
              <Values connection={point} />
            </Card>
            <Tap of={c} />
            {may('operator') && <Send of={c} />}
          </>
        )}
      </View>
    </Page>
  );
}

function Who({ of: c }: { of: Connection }) {
  const now = useNow();
  return (
    <Facts
      of={[
        [t('fleet.state'), <StateDot state={c.state} flapping={c.flapping} />],
        [t('field.title'), c.title || none],
        [t('conn.since'), c.since ? `${moment(c.since)} (${age(c.since, now)})` : none],
        [t('conn.id'), <span class="mono">{c.socket_conn_id || c.remote_ip || none}</span>],
        [t('conn.address'), <span class="mono">{c.remote_addr || none}</span>],
        [t('conn.session'), c.session ? number(c.session) : none],
        [t('conn.in'), bytes(c.bytes_in)],
        [t('conn.out'), bytes(c.bytes_out)],
        [t('conn.reconnects'), number(c.reconnects)],
        [t('conn.lastClose'), c.last_close_reason || none],
        [
          t('noun.channel'),
          c.channel ? <a href={href(['tags'], { channel: c.channel })}>{c.channel}</a> : t('conn.noChannel'),
        ],
        [t('noun.driver'), c.driver || none],
      ]}
    />
  );
}

function Acts({ of: c, reload }: { of: Connection; reload: () => void }) {
  const [asking, setAsking] = useState(false);
  return (
    <>
      {may('admin') && (
        <a class="button" href={href(['project', 'connection', c.provider, c.name])}>
          {t('conn.configure')}
        </a>
      )}
      {may('operator') && c.state === 'online' && <Button onClick={() => setAsking(true)}>{t('conn.kick')}</Button>}
      {asking && (
        <Confirm
          title={t('conn.kick')}
          text={t('conn.kickAsk', { name: `${c.provider}/${c.name}` })}
          action={t('conn.kick')}
          onClose={() => setAsking(false)}
          run={async () => {
            await call('DELETE', url`/connections/${c.provider}/${c.name}/session`);
            setAsking(false);
            say(t('conn.kicked', { name: c.name }));
            reload();
          }}
        />
      )}
    </>
  );
}
