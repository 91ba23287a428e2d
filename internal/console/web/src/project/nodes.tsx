import { t } from '../lib/i18n';
import { href } from '../lib/route';
import { may } from '../lib/session';
import type { Channel, Connection, List, Model, Provider } from '../lib/types';
import { StateDot } from '../ui/basic';
import type { MenuItem } from '../ui/menu';
import type { Node } from '../ui/tree';
import type { Project } from './config';
import type { Open } from './dialogs';

const mostShown = 200; // channels or models; the filter finds the others

interface Tools {
  open: (dialog: Open) => void;
  connections: Record<string, List<Connection> | undefined>; // by provider, of those that are open
  filter: string;
}

const id = (...parts: string[]) => parts.join('/');
const link = (...parts: string[]) => href(['project', ...parts]);
const sub = (title: string, name: string) => (title && title !== name ? title : '');

/** The project as a tree: connectors and channels, as they depend on each other, and models. */
export function nodesOf(p: Project, tools: Tools): Node[] {
  const admin = may('admin');
  const menu = (items: MenuItem[]): MenuItem[] => (admin ? items : []);
  const { open } = tools;
  const fits = (name: string, title: string) =>
    !tools.filter || (name + ' ' + title).toLowerCase().includes(tools.filter.toLowerCase());
  const some = <T extends { name: string; title: string }>(list: T[], node: (x: T) => Node): Node[] => {
    const found = list.filter((x) => fits(x.name, x.title));
    const nodes = found.slice(0, mostShown).map(node);
    if (found.length > mostShown)
      nodes.push({ id: 'more' + found[0]!.name, label: t('project.moreHidden', { n: found.length - mostShown }) });
    return nodes;
  };
  return [
    {
      id: 'connectors',
      label: t('project.connectors'),
      children: some(p.providers, (x) => providerNode(x, p, tools, menu)),
      menu: menu([
        {
          label: t('project.addServer'),
          icon: 'add',
          run: () => open({ kind: 'provider', name: '', type: 'tcp-server' }),
        },
        {
          label: t('project.addClient'),
          icon: 'add',
          run: () => open({ kind: 'provider', name: '', type: 'tcp-client' }),
        },
      ]),
    },
    {
      id: 'channels',
      label: t('project.channels'),
      children: some(p.channels, (c) => channelNode(c, p.models, open, menu)),
      menu: menu([{ label: t('project.addChannel'), icon: 'add', run: () => open({ kind: 'channel', name: '' }) }]),
    },
    {
      id: 'models',
      label: t('project.models'),
      children: some(p.models, (m) => modelNode(m, open, menu)),
      menu: menu([{ label: t('project.addModel'), icon: 'add', run: () => open({ kind: 'model', name: '' }) }]),
    },
  ];
}

type Menus = (items: MenuItem[]) => MenuItem[];
type Opener = (dialog: Open) => void;

function providerNode(p: Provider, project: Project, { open, connections }: Tools, menu: Menus): Node {
  const list = connections[p.name];
  const children: Node[] = project.fleets
    .filter((f) => f.provider === p.name)
    .map((f) => ({
      id: id('fleet', p.name, f.name),
      label: f.name,
      sub: t('project.fleetOf', { n: f.to - f.from + 1 }),
      href: link('fleet', p.name, f.name),
      menu: menu([
        { label: t('action.edit'), icon: 'edit', run: () => open({ kind: 'fleet', provider: p.name, name: f.name }) },
        {
          label: t('action.delete'),
          icon: 'remove',
          danger: true,
          run: () => open({ kind: 'delete', noun: 'fleet', of: [p.name, f.name] }),
        },
      ]),
    }));
  if (!list) children.push({ id: id('loading', p.name), label: t('state.loading') });
  for (const c of list?.items ?? []) {
    children.push({
      id: id('connection', p.name, c.name),
      label: c.name,
      sub: sub(c.title, c.name),
      mark: <StateDot state={c.state} flapping={c.flapping} word={false} />,
      href: link('connection', p.name, c.name),
      menu: [
        {
          label: t('project.openLive'),
          icon: 'fleet',
          run: () => {
            location.hash = href(['connection', p.name, c.name]);
          },
        },
        ...menu([
          ...(c.channel
            ? []
            : [
                {
                  label: t('project.addChannel'),
                  icon: 'add' as const,
                  run: () => open({ kind: 'channel', name: '', connection: `${p.name}/${c.name}` }),
                },
              ]),
          {
            label: t('action.edit'),
            icon: 'edit',
            run: () => open({ kind: 'connection', provider: p.name, name: c.name }),
          },
          {
            label: t('action.delete'),
            icon: 'remove',
            danger: true,
            run: () => open({ kind: 'delete', noun: 'connection', of: [p.name, c.name] }),
          },
        ]),
      ],
    });
  }
  if (list?.next)
    children.push({
      id: id('more', p.name),
      label: t('project.allInFleet', { n: p.connections }),
      href: href(['fleet'], { provider: p.name }),
    });
  return {
    id: id('provider', p.name),
    label: p.name,
    sub: sub(p.title, p.name),
    href: link('provider', p.name),
    children,
    mark: <StateDot state={p.state === 'listening' || p.state === 'dialling' ? 'online' : 'offline'} word={false} />,
    menu: menu([
      {
        label: t('project.addConnection'),
        icon: 'add',
        run: () => open({ kind: 'connection', provider: p.name, name: '' }),
      },
      ...(p.type === 'tcp-server'
        ? [
            {
              label: t('project.addFleet'),
              icon: 'add' as const,
              run: () => open({ kind: 'fleet', provider: p.name, name: '' }),
            },
          ]
        : []),
      {
        label: t('import.title'),
        icon: 'save',
        run: () => {
          location.hash = href(['system', 'import'], { provider: p.name });
        },
      },
      { label: t('action.edit'), icon: 'edit', run: () => open({ kind: 'provider', name: p.name, type: p.type }) },
      {
        label: t('action.delete'),
        icon: 'remove',
        danger: true,
        run: () => open({ kind: 'delete', noun: 'provider', of: [p.name] }),
      },
    ]),
  };
}

function channelNode(c: Channel, models: Model[], open: Opener, menu: Menus): Node {
  return {
    id: id('channel', c.name),
    label: c.name,
    sub: [c.title, c.connection].filter(Boolean).join(' · '),
    href: link('channel', c.name),
    children: c.devices.map((d) => {
      const tags = [...(models.find((m) => m.name === d.model)?.tags ?? []), ...d.tags];
      return {
        id: id('device', c.name, d.name),
        label: d.name,
        sub: sub(d.title, d.name),
        href: link('device', c.name, d.name),
        children: tags.map((tag) => ({
          id: id('tag', c.name, d.name, tag.name),
          label: tag.name,
          sub: [sub(tag.title, tag.name), tag.unit].filter(Boolean).join(' '),
          href: link('device', c.name, d.name),
        })),
        menu: menu([
          { label: t('action.edit'), icon: 'edit', run: () => open({ kind: 'device', channel: c.name, name: d.name }) },
          {
            label: t('action.delete'),
            icon: 'remove',
            danger: true,
            run: () => open({ kind: 'delete', noun: 'device', of: [c.name, d.name] }),
          },
        ]),
      };
    }),
    menu: menu([
      { label: t('project.selectDriver'), icon: 'system', run: () => open({ kind: 'driver', channel: c.name }) },
      { label: t('project.addDevice'), icon: 'add', run: () => open({ kind: 'device', channel: c.name, name: '' }) },
      { label: t('action.edit'), icon: 'edit', run: () => open({ kind: 'channel', name: c.name }) },
      {
        label: t('action.delete'),
        icon: 'remove',
        danger: true,
        run: () => open({ kind: 'delete', noun: 'channel', of: [c.name] }),
      },
    ]),
  };
}

function modelNode(m: Model, open: Opener, menu: Menus): Node {
  return {
    id: id('model', m.name),
    label: m.name,
    sub: sub(m.title, m.name),
    href: link('model', m.name),
    children: m.tags.map((tag) => ({
      id: id('mtag', m.name, tag.name),
      label: tag.name,
      sub: [sub(tag.title, tag.name), tag.unit].filter(Boolean).join(' '),
      href: link('model', m.name),
    })),
    menu: menu([
      { label: t('action.edit'), icon: 'edit', run: () => open({ kind: 'model', name: m.name }) },
      {
        label: t('action.delete'),
        icon: 'remove',
        danger: true,
        run: () => open({ kind: 'delete', noun: 'model', of: [m.name] }),
      },
    ]),
  };
}
