import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { t } from '../lib/i18n';
import { Button } from './basic';
import { Icon } from './icons';
import { Menu, type MenuAt, type MenuItem } from './menu';

export interface Node {
  id: string;
  label: string;
  sub?: string;
  mark?: ComponentChildren;
  href?: string;
  children?: Node[]; // undefined: a leaf
  menu?: MenuItem[];
  choose?: () => void; // of a node that is no place, such as "more"
}

interface Row {
  node: Node;
  level: number;
  parent: Node | null;
}

interface Props {
  label: string;
  nodes: Node[];
  chosen: string; // id
  open: Set<string>;
  onOpen: (id: string, open: boolean) => void;
}

/** A tree. Arrows, Home, End, Enter and the menu key work as in a file browser; so do clicks, right ones included. */
export function Tree({ label, nodes, chosen, open, onOpen }: Props) {
  const [at, setAt] = useState('');
  const [menu, setMenu] = useState<MenuAt | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const rows: Row[] = [];
  const walk = (list: Node[], level: number, parent: Node | null) => {
    for (const node of list) {
      rows.push({ node, level, parent });
      if (node.children && open.has(node.id)) walk(node.children, level + 1, node);
    }
  };
  walk(nodes, 1, null);
  const here = rows.some((r) => r.node.id === at)
    ? at
    : rows.some((r) => r.node.id === chosen)
      ? chosen
      : (rows[0]?.node.id ?? '');

  const element = (id: string) =>
    [...(box.current?.querySelectorAll<HTMLElement>('[role=treeitem]') ?? [])].find((el) => el.dataset['id'] === id);
  const focus = (id: string | undefined) => {
    if (id === undefined) return;
    setAt(id);
    element(id)?.focus();
  };
  const choose = (node: Node) => {
    setAt(node.id);
    if (node.choose) node.choose();
    else if (node.href) location.hash = node.href;
    else if (node.children) onOpen(node.id, !open.has(node.id));
  };
  const showMenu = (node: Node, x: number, y: number) => {
    if (!node.menu?.length) return;
    focus(node.id);
    setMenu({ x, y, label: node.label, items: node.menu });
  };
  const onKeyDown = (e: KeyboardEvent) => {
    const i = rows.findIndex((r) => r.node.id === here);
    const row = rows[i];
    if (!row || e.target !== element(here)) return;
    const isOpen = open.has(row.node.id);
    if (e.key === 'ArrowDown') focus(rows[i + 1]?.node.id);
    else if (e.key === 'ArrowUp') focus(rows[i - 1]?.node.id);
    else if (e.key === 'Home') focus(rows[0]?.node.id);
    else if (e.key === 'End') focus(rows.at(-1)?.node.id);
    else if (e.key === 'ArrowRight') {
      if (row.node.children && !isOpen) onOpen(row.node.id, true);
      else if (row.node.children) focus(rows[i + 1]?.parent === row.node ? rows[i + 1]?.node.id : undefined);
    } else if (e.key === 'ArrowLeft') {
      if (row.node.children && isOpen) onOpen(row.node.id, false);
      else focus(row.parent?.id);
    } else if (e.key === 'Enter' || e.key === ' ') choose(row.node);
    else if (e.key === 'ContextMenu' || (e.key === 'F10' && e.shiftKey)) {
      const r = element(here)!.getBoundingClientRect();
      showMenu(row.node, r.left + 30, r.bottom);
    } else return;
    e.preventDefault();
  };

  return (
    <div class="tree" role="tree" aria-label={label} ref={box} onKeyDown={onKeyDown}>
      {rows.map(({ node, level }) => {
        const isOpen = open.has(node.id);
        return (
          <div
            key={node.id}
            role="treeitem"
            data-id={node.id}
            aria-level={level}
            tabIndex={node.id === here ? 0 : -1}
            aria-selected={node.id === chosen}
            aria-expanded={node.children ? isOpen : undefined}
            class={node.id === chosen ? 'node chosen' : 'node'}
            style={{ paddingLeft: level * 1.1 - 0.8 + 'rem' }}
            onClick={() => choose(node)}
            onFocus={() => setAt(node.id)}
            onContextMenu={(e) => {
              e.preventDefault();
              showMenu(node, e.clientX, e.clientY);
            }}
          >
            <span
              class={isOpen ? 'twist open' : 'twist'}
              aria-hidden="true"
              onClick={(e) => {
                if (node.children) {
                  e.stopPropagation();
                  onOpen(node.id, !isOpen);
                }
              }}
            >
              {node.children && <Icon name="right" />}
            </span>
            {node.mark}
            <span class="cut grow">
              {node.label} {node.sub && <span class="muted">{node.sub}</span>}
            </span>
            {node.menu && node.menu.length > 0 && (
              <span class="node-menu" onClick={(e) => e.stopPropagation()}>
                <Button
                  icon="more"
                  kind="quiet"
                  small
                  unfocused
                  label={t('action.menuOf', { name: node.label })}
                  onClick={(e) => showMenu(node, e.clientX || innerWidth / 2, e.clientY || innerHeight / 2)}
                />
              </span>
            )}
          </div>
        );
      })}
      {menu && <Menu at={menu} onClose={() => setMenu(null)} />}
    </div>
  );
}
