import { useLayoutEffect, useRef } from 'preact/hooks';
import { Icon, type IconName } from './icons';

export interface MenuItem {
  label: string;
  icon?: IconName;
  danger?: boolean;
  run: () => void;
}

export interface MenuAt {
  x: number;
  y: number;
  label: string;
  items: MenuItem[];
}

/** A menu at a point of the page. Arrows, Home, End and letters move; Enter chooses; Escape and Tab close. */
export function Menu({ at, onClose }: { at: MenuAt; onClose: () => void }) {
  const ref = useRef<HTMLDivElement>(null);
  const back = useRef<Element | null>(null);
  useLayoutEffect(() => {
    back.current = document.activeElement;
    const box = ref.current!;
    const r = box.getBoundingClientRect();
    box.style.left = Math.max(4, Math.min(at.x, innerWidth - r.width - 4)) + 'px';
    box.style.top = Math.max(4, Math.min(at.y, innerHeight - r.height - 4)) + 'px';
    items()[0]?.focus();
    const away = (e: Event) => !box.contains(e.target as Node) && onClose();
    addEventListener('pointerdown', away, true);
    addEventListener('blur', onClose);
    return () => {
      removeEventListener('pointerdown', away, true);
      removeEventListener('blur', onClose);
    };
  }, []);
  const items = () => [...(ref.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
  const close = () => {
    if (back.current instanceof HTMLElement && back.current.isConnected) back.current.focus();
    onClose();
  };
  const onKeyDown = (e: KeyboardEvent) => {
    const all = items();
    const now = all.indexOf(document.activeElement as HTMLElement);
    let to = -1;
    if (e.key === 'ArrowDown') to = (now + 1) % all.length;
    else if (e.key === 'ArrowUp') to = (now + all.length - 1) % all.length;
    else if (e.key === 'Home') to = 0;
    else if (e.key === 'End') to = all.length - 1;
    else if (e.key === 'Escape' || e.key === 'Tab') close();
    else if (e.key.length === 1)
      to = all.findIndex((el) => el.textContent?.trim().toLowerCase().startsWith(e.key.toLowerCase()));
    else return;
    if (e.key === 'Enter' || e.key === ' ') return;
    e.preventDefault();
    e.stopPropagation();
    all[to]?.focus();
  };
  return (
    <div
      class="menu"
      role="menu"
      aria-label={at.label}
      ref={ref}
      onKeyDown={onKeyDown}
      onContextMenu={(e) => e.preventDefault()}
    >
      {at.items.map((item) => (
        <button
          type="button"
          role="menuitem"
          tabIndex={-1}
          key={item.label}
          class={item.danger ? 'danger' : ''}
          onClick={() => {
            close();
            item.run();
          }}
        >
          {item.icon && <Icon name={item.icon} />}
          <span>{item.label}</span>
        </button>
      ))}
    </div>
  );
}
