import { remember, remembered } from './memory';
import { Store } from './store';

export type Theme = 'auto' | 'light' | 'dark';

const kept = remembered('theme');
export const theme = new Store<Theme>(kept === 'light' || kept === 'dark' ? kept : 'auto');

export function setTheme(to: Theme): void {
  remember('theme', to);
  theme.set(to);
  applyTheme();
}

export function applyTheme(): void {
  const root = document.documentElement;
  if (theme.value === 'auto') delete root.dataset['theme'];
  else root.dataset['theme'] = theme.value;
}

/** Calls back when the colours change, by the switch or by the system. */
export function onColours(f: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', f);
  const unfollow = theme.follow(() => f());
  return () => {
    system.removeEventListener('change', f);
    unfollow();
  };
}

/** A colour of the style sheet as it is now, such as --accent, in a form that a canvas understands. */
export function colour(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}
