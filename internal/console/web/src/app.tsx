import type { ComponentType } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { ConnectionPage } from './connection/page';
import { FleetPage } from './fleet/page';
import { startFeed, stopFeed } from './lib/feed';
import { lang, t } from './lib/i18n';
import { href, route, type Route } from './lib/route';
import { who } from './lib/session';
import { useStore } from './lib/store';
import { ProjectPage } from './project/page';
import { Bottom, Top } from './shell';
import { SignIn } from './sign-in';
import { StrangersPage } from './strangers/page';
import { SystemPage } from './system/page';
import { TagsPage } from './tags/page';
import { Empty, Loading, Page } from './ui/basic';
import { Toasts } from './ui/toast';

type View = ComponentType<{ at: Route }>;

const views: Record<string, View> = {
  project: ProjectPage,
  fleet: FleetPage,
  connection: ConnectionPage,
  strangers: StrangersPage,
  tags: TagsPage,
  system: SystemPage,
};

export function App() {
  const language = useStore(lang);
  const now = useStore(who);
  useLayoutEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en';
  }, [language]);
  if (now.is === 'checking') return <Loading />;
  if (now.is === 'out') return <SignIn key={language} why={now.why} />;
  return <SignedIn key={language + now.name + now.role} />;
}

function SignedIn() {
  const at = useStore(route);
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const name = at.parts[0] ?? 'fleet';
  const View = Object.hasOwn(views, name) ? views[name] : undefined;
  useEffect(() => {
    startFeed();
    return stopFeed;
  }, []);
  useEffect(() => {
    document.title = `${t(`nav.${navKey(name)}`)} · linkd`;
    if (first.current) first.current = false;
    else main.current?.querySelector<HTMLElement>('h1')?.focus(); // a reader is told of the new view
  }, [name]);
  return (
    <>
      <a
        class="skip"
        href={'#main'}
        onClick={(e) => {
          e.preventDefault();
          main.current?.focus();
        }}
      >
        {t('nav.skip')}
      </a>
      <Top name={name} />
      <main id="main" tabIndex={-1} ref={main}>
        {View ? <View at={at} /> : <NoView />}
      </main>
      <Bottom name={name} />
      <Toasts />
    </>
  );
}

function navKey(name: string): 'project' | 'fleet' | 'strangers' | 'tags' | 'system' | 'connection' {
  return name in views ? (name as 'project') : 'fleet';
}

function NoView() {
  return (
    <Page title={t('nav.noView')}>
      <Empty>
        <a href={href(['fleet'])}>{t('nav.fleet')}</a>
      </Empty>
    </Page>
  );
}
