import { useEffect } from 'preact/hooks';
import { feedState, useFeed } from './lib/feed';
import { clock } from './lib/format';
import { useGet, useThrottle } from './lib/hooks';
import { lang, setLang, t } from './lib/i18n';
import { href } from './lib/route';
import { signOut, who } from './lib/session';
import { Store, useStore } from './lib/store';
import { setTheme, theme, type Theme } from './lib/theme';
import type { List, Stranger } from './lib/types';
import { Button } from './ui/basic';
import { Icon } from './ui/icons';

const places = ['project', 'fleet', 'strangers', 'tags', 'system'] as const;

/** Strangers that are listed now; the view of strangers and the menu both show it. */
export const strangerCount = new Store(0);

function Nav({ name, label }: { name: string; label: string }) {
  const here = name === 'connection' ? 'fleet' : name;
  const strangers = useStore(strangerCount);
  return (
    <nav aria-label={label}>
      {places.map((p) => (
        <a key={p} href={href([p])} aria-current={p === here ? 'page' : undefined}>
          <Icon name={p} />
          <span>{t(`nav.${p}`)}</span>
          {p === 'strangers' && strangers > 0 && <span class="badge">{strangers > 99 ? '99+' : strangers}</span>}
        </a>
      ))}
    </nav>
  );
}

export function Top({ name }: { name: string }) {
  const now = useStore(who);
  const strangers = useGet<List<Stranger>>('/strangers');
  const reload = useThrottle(strangers.reload, 3000);
  useFeed({ event: (e) => e.kind === 'stranger' && reload() });
  useEffect(() => {
    if (strangers.data) strangerCount.set(strangers.data.items.length);
  }, [strangers.data]);
  return (
    <header class="top">
      <a class="brand" href={href(['fleet'])}>
        linkd
      </a>
      <Nav name={name} label={t('nav.main')} />
      <div class="top-end">
        <Live />
        <Switches />
        {now.is === 'in' && (
          <span class="user">
            <strong>{now.name}</strong> <span class="muted">{t(`role.${now.role}`)}</span>
          </span>
        )}
        <Button icon="out" kind="quiet" label={t('action.signOut')} onClick={() => void signOut()} />
      </div>
    </header>
  );
}

/** On a narrow screen the places are at the bottom, where a thumb is. */
export function Bottom({ name }: { name: string }) {
  return (
    <div class="bottom">
      <Nav name={name} label={t('nav.bottom')} />
    </div>
  );
}

/** Whether what the page shows is of now. */
function Live() {
  const state = useStore(feedState);
  const words = state.is === 'stale' ? t('live.stale', { time: clock(state.since) }) : t(`live.${state.is}`);
  return (
    <span class={'live live-' + state.is} role="status" title={state.is === 'stale' ? state.why?.message : undefined}>
      <span class="dot" aria-hidden="true" />
      <span>{words}</span>
    </span>
  );
}

const nextTheme: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };
const themeIcon = { auto: 'auto', light: 'sun', dark: 'moon' } as const;

export function Switches() {
  const now = useStore(theme);
  const language = useStore(lang);
  return (
    <span class="switches">
      <Button icon={themeIcon[now]} kind="quiet" label={t(`theme.${now}`)} onClick={() => setTheme(nextTheme[now])} />
      <Button kind="quiet" label={t('lang.switch')} onClick={() => setLang(language === 'en' ? 'zh' : 'en')}>
        {language === 'en' ? '中文' : 'English'}
      </Button>
    </span>
  );
}
