import en from '../../i18n/en.json';
import zh from '../../i18n/zh.json';
import { remember, remembered } from './memory';
import { Store } from './store';

export type Key = keyof typeof en;
export type Lang = 'en' | 'zh';
type Vars = Record<string, string | number>;

const words: Record<Lang, Record<Key, string>> = { en, zh };

function first(): Lang {
  const kept = remembered('lang');
  if (kept === 'en' || kept === 'zh') return kept;
  return navigator.languages.some((l) => l.toLowerCase().startsWith('zh')) &&
    !navigator.languages[0]?.toLowerCase().startsWith('en')
    ? 'zh'
    : 'en';
}

/** The language of the page. The app is drawn anew when it changes. */
export const lang = new Store<Lang>(first());

export function setLang(to: Lang): void {
  remember('lang', to);
  lang.set(to);
}

/** The words for a key, with each {name} replaced by its variable. */
export function t(key: Key, vars?: Vars): string {
  const text: string = words[lang.value][key] ?? key;
  if (!vars) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(vars[name] ?? whole));
}

/** The tag of the language for dates and numbers. */
export const locale = (): string => (lang.value === 'zh' ? 'zh-CN' : 'en-GB');
