import { number } from '../lib/format';
import { t } from '../lib/i18n';
import { setQuery } from '../lib/route';
import type { Provider } from '../lib/types';

/** How many are there, in all and of each provider; a click shows those of one. */
export function ProviderCards({ of, chosen }: { of: Provider[]; chosen: string }) {
  const sum = (f: (p: Provider) => number) => of.reduce((n, p) => n + f(p), 0);
  return (
    <div class="tiles">
      <Tile
        name={t('fleet.allProviders')}
        note={t('fleet.providers', { n: of.length })}
        online={sum((p) => p.online)}
        all={sum((p) => p.connections)}
        identifying={sum((p) => p.identifying)}
        pressed={chosen === ''}
        onClick={() => setQuery({ provider: '' })}
      />
      {of.map((p) => (
        <Tile
          key={p.name}
          name={p.title || p.name}
          note={[p.name, p.local_addr || p.type, p.state].join(' · ')}
          bad={p.state === 'failed' || p.state === 'restarting' ? p.error || p.state : ''}
          online={p.online}
          all={p.connections}
          identifying={p.identifying}
          pressed={chosen === p.name}
          onClick={() => setQuery({ provider: chosen === p.name ? '' : p.name })}
        />
      ))}
    </div>
  );
}

interface TileProps {
  name: string;
  note: string;
  bad?: string;
  online: number;
  all: number;
  identifying: number;
  pressed: boolean;
  onClick: () => void;
}

function Tile(p: TileProps) {
  return (
    <button type="button" class="tile" aria-pressed={p.pressed} onClick={p.onClick}>
      <span class="tile-name cut">{p.name}</span>
      <span class="tile-count">
        <strong>{number(p.online)}</strong> / {number(p.all)}
      </span>
      <span class="bar" aria-hidden="true">
        <span style={{ width: (p.all ? (100 * p.online) / p.all : 0) + '%' }} />
      </span>
      <span class="muted">
        {t('fleet.online')} · {t('fleet.notOnline', { n: number(Math.max(0, p.all - p.online)) })}
        {p.identifying > 0 && <> · {t('fleet.identifying', { n: number(p.identifying) })}</>}
      </span>
      <span class="muted cut">{p.note}</span>
      {p.bad && <span class="quality-bad">{p.bad}</span>}
    </button>
  );
}
