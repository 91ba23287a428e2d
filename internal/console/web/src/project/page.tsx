import { useEffect, useState } from 'preact/hooks';
import { get, query } from '../lib/api';
import { useFeed } from '../lib/feed';
import { useGet, useThrottle } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { Route } from '../lib/route';
import type { Channel, Connection, Fleet, List, Model, Provider } from '../lib/types';
import { Button, Card, Page, View } from '../ui/basic';
import { Tree } from '../ui/tree';
import { Details } from './details';
import { Dialogs, type Open } from './dialogs';
import type { Project } from './config';
import { nodesOf } from './nodes';

const few = 8; // providers, or connections of one, that are open from the beginning
const shown = 100; // connections of a provider in the tree

export function ProjectPage({ at }: { at: Route }) {
  const [providers, fleets, channels, models] = [
    useGet<List<Provider>>('/providers'),
    useGet<List<Fleet>>('/fleets'),
    useGet<List<Channel>>('/channels'),
    useGet<List<Model>>('/models'),
  ];
  const [dialog, setDialog] = useState<Open | null>(null);
  const [turn, setTurn] = useState(0);
  const reload = () => {
    for (const read of [providers, fleets, channels, models]) read.reload();
    setTurn((n) => n + 1);
  };
  const all = { data: null as Project | null, error: null as typeof providers.error, loading: false, reload };
  const reads = [providers, fleets, channels, models];
  all.error = reads.find((r) => r.error)?.error ?? null;
  all.loading = reads.some((r) => r.loading);
  if (providers.data && fleets.data && channels.data && models.data)
    all.data = {
      providers: providers.data.items,
      fleets: fleets.data.items,
      channels: channels.data.items,
      models: models.data.items,
    };
  return (
    <Page
      title={t('nav.project')}
      actions={
        <Button icon="history" onClick={() => setDialog({ kind: 'changes' })}>
          {t('changes.title')}
        </Button>
      }
    >
      <View of={all}>
        {(project) => (
          <div class="split">
            <ProjectTree project={project} at={at} turn={turn} open={setDialog} onEvent={providers.reload} />
            <Details at={at} project={project} turn={turn} open={setDialog} onChanged={reload} />
            {dialog && <Dialogs of={dialog} project={project} onClose={() => setDialog(null)} onChanged={reload} />}
          </div>
        )}
      </View>
    </Page>
  );
}

interface TreeProps {
  project: Project;
  at: Route;
  turn: number;
  open: (dialog: Open) => void;
  onEvent: () => void;
}

function ProjectTree({ project, at, turn, open, onEvent }: TreeProps) {
  const chosen = at.parts.slice(1).join('/');
  const [opened, setOpened] = useState<Set<string>>(
    () =>
      new Set([
        'connectors',
        'channels',
        'models',
        ...ancestors(at.parts.slice(1)),
        ...(project.providers.length <= few ? project.providers : [])
          .filter((p) => p.connections <= few)
          .map((p) => 'provider/' + p.name),
      ]),
  );
  useEffect(() => setOpened((s) => new Set([...s, ...ancestors(at.parts.slice(1))])), [chosen]);
  const [lists, setLists] = useState<Record<string, List<Connection> | undefined>>({});
  const [filter, setFilter] = useState('');
  const [age, setAge] = useState(0);
  const soon = useThrottle(() => {
    onEvent();
    setAge((n) => n + 1);
  }, 1500);
  useFeed({
    event: (e) => {
      if (e.kind === 'online' || e.kind === 'offline' || e.kind === 'provider') soon();
    },
  });
  const shownProviders = project.providers
    .filter((p) => opened.has('provider/' + p.name))
    .map((p) => p.name)
    .join('\n');
  useEffect(() => {
    const stop = new AbortController();
    for (const provider of shownProviders.split('\n').filter(Boolean)) {
      get<List<Connection>>('/connections' + query({ provider, q: filter, limit: shown }), stop.signal)
        .then(({ body }) => setLists((l) => ({ ...l, [provider]: body })))
        .catch(() => {}); // what was there before stays; the feed tells when linkd is away
    }
    return () => stop.abort();
  }, [shownProviders, filter, turn, age]);
  return (
    <Card>
      <input
        class="tree-filter"
        type="search"
        aria-label={t('project.filter')}
        placeholder={t('project.filter')}
        value={filter}
        onInput={(e) => setFilter(e.currentTarget.value)}
      />
      <Tree
        label={t('nav.project')}
        chosen={chosen}
        open={opened}
        nodes={nodesOf(project, { open, connections: lists, filter })}
        onOpen={(id, to) =>
          setOpened((s) => {
            const next = new Set(s);
            if (to) next.add(id);
            else next.delete(id);
            return next;
          })
        }
      />
    </Card>
  );
}

/** What must be open for a place to be seen. */
function ancestors([kind, a = '']: string[]): string[] {
  if (kind === 'connection' || kind === 'fleet') return ['provider/' + a];
  return kind === 'device' ? ['channel/' + a] : [];
}
