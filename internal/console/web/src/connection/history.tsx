import { useEffect, useState } from 'preact/hooks';
import { url } from '../lib/api';
import { duration, moment, none } from '../lib/format';
import { useGet, useNow } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { Connection, Life, List } from '../lib/types';
import { Card, Empty, View } from '../ui/basic';
import { Choice } from '../ui/form';
import { piecesOf } from './lives';

const hours = { '1': 1, '24': 24, '168': 168 };
type Span = keyof typeof hours;

/** When the connection came and went, as a strip and as a list. */
export function History({ of: c, turn }: { of: Connection; turn: number }) {
  const [span, setSpan] = useState<Span>('24');
  const lives = useGet<List<Life>>(url`/connections/${c.provider}/${c.name}/history` + '?limit=500');
  useEffect(() => void (turn > 0 && setTimeout(lives.reload, 500)), [turn]); // it is kept a moment after it is told
  const to = useNow(10_000);
  const from = to - hours[span] * 3_600_000;
  return (
    <Card
      title={t('history.title')}
      actions={
        <Choice
          label={t('history.span')}
          value={span}
          onChange={setSpan}
          options={[
            ['1', t('span.1h')],
            ['24', t('span.24h')],
            ['168', t('span.7d')],
          ]}
        />
      }
    >
      <View of={lives}>
        {(list) => (
          <>
            <Strip lives={list.items} from={from} to={to} since={c.state === 'online' ? c.since : null} />
            <div class="strip-ends">
              <span>{moment(from)}</span>
              <span>{t('history.now')}</span>
            </div>
            {list.items.length === 0 ? <Empty>{t('history.empty')}</Empty> : <Lives of={list.items} />}
          </>
        )}
      </View>
    </Card>
  );
}

function Strip({ lives, from, to, since }: { lives: Life[]; from: number; to: number; since: string | null }) {
  const pieces = piecesOf(lives, from, to, since);
  const x = (ms: number) => (1000 * (ms - from)) / (to - from);
  const oldest = lives.at(-1); // nothing is known of what was before
  const known = Math.min(to, Math.max(from, Math.min(oldest ? Date.parse(oldest.ts) : to, pieces[0]?.from ?? to)));
  const online = pieces.reduce((sum, p) => sum + p.to - p.from, 0);
  return (
    <svg
      class="strip"
      viewBox="0 0 1000 34"
      preserveAspectRatio="none"
      role="img"
      aria-label={t('history.strip', { percent: ((100 * online) / (to - from)).toFixed(1), n: pieces.length })}
    >
      <rect class="offline" x={x(known)} y="14" width={1000 - x(known)} height="6" />
      {pieces.map((p) => (
        <rect class="online" key={p.from} x={x(p.from)} y="4" width={Math.max(1, x(p.to) - x(p.from))} height="26">
          <title>{`${moment(p.from)} – ${moment(p.to)} (${duration(p.to - p.from)})`}</title>
        </rect>
      ))}
    </svg>
  );
}

function Lives({ of }: { of: Life[] }) {
  return (
    <details>
      <summary>{t('history.list', { n: of.length })}</summary>
      <div class="scroll lives" tabIndex={0} role="region" aria-label={t('history.title')}>
        <table>
          <thead>
            <tr>
              <th>{t('field.time')}</th>
              <th>{t('history.event')}</th>
              <th class="num">{t('conn.session')}</th>
              <th>{t('conn.address')}</th>
              <th class="num">{t('history.lasted')}</th>
              <th>{t('field.reason')}</th>
            </tr>
          </thead>
          <tbody>
            {of.map((l) => (
              <tr key={l.ts + l.event + l.session}>
                <td class="nowrap">{moment(l.ts)}</td>
                <td>{t(`state.${l.event}`)}</td>
                <td class="num">{l.session}</td>
                <td class="mono">{l.remote_addr || none}</td>
                <td class="num">{l.duration_ms === null ? none : duration(l.duration_ms)}</td>
                <td>{l.reason || none}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
