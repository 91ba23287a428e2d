import { locale, t } from './i18n';
import type { Value } from './types';

export const none = '–';

const formats = new Map<string, Intl.DateTimeFormat | Intl.NumberFormat>();

function dates(o: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale() + JSON.stringify(o);
  let f = formats.get(key) as Intl.DateTimeFormat | undefined;
  if (!f) formats.set(key, (f = new Intl.DateTimeFormat(locale(), { hourCycle: 'h23', ...o })));
  return f;
}

/** A moment with its date, to the second. */
export const moment = (ts: string | number | Date | null | undefined): string =>
  ts ? dates({ dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(ts)) : none;

/** The time of day, to the second. */
export const clock = (ts: string | number | Date): string => dates({ timeStyle: 'medium' }).format(new Date(ts));

/** The time of day, to the millisecond. */
export function clockMS(ts: string): string {
  const d = new Date(ts);
  return d.toTimeString().slice(0, 8) + '.' + String(d.getMilliseconds()).padStart(3, '0');
}

/** A length of time in its two largest units. */
export function duration(ms: number): string {
  const s = Math.max(0, ms / 1000);
  if (s < 10) return t('time.s', { n: s.toFixed(1) });
  if (s < 60) return t('time.s', { n: Math.floor(s) });
  const m = Math.floor(s / 60);
  if (m < 60) return `${t('time.m', { n: m })} ${t('time.s', { n: Math.floor(s) % 60 })}`;
  const h = Math.floor(m / 60);
  if (h < 24) return `${t('time.h', { n: h })} ${t('time.m', { n: m % 60 })}`;
  return `${t('time.d', { n: Math.floor(h / 24) })} ${t('time.h', { n: h % 24 })}`;
}

/** How long ago a moment was. */
export const age = (ts: string | null | undefined, now: number): string => (ts ? duration(now - Date.parse(ts)) : none);

export function number(n: number): string {
  const key = 'n' + locale();
  let f = formats.get(key) as Intl.NumberFormat | undefined;
  if (!f) formats.set(key, (f = new Intl.NumberFormat(locale())));
  return f.format(n);
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let i = -1;
  do {
    n /= 1024;
    i++;
  } while (n >= 1024 && i < units.length - 1);
  return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

/** Hex with a blank between bytes. */
export const hexSpaced = (hex: string): string => hex.replace(/(..)(?=.)/g, '$1 ');

/** What a person typed as hex, two digits a byte without anything between them; null where it is none. */
export function hexBytes(typed: string): string | null {
  const groups = typed.toLowerCase().split(/[\s:]+/);
  return groups.every((g) => /^([0-9a-f]{2})*$/.test(g)) ? groups.join('') : null;
}

/** The bytes of a text, as UTF-8, two digits each. */
export const hexOfText = (text: string): string =>
  [...new TextEncoder().encode(text)].map((b) => b.toString(16).padStart(2, '0')).join('');

/** Text as one line: what cannot be seen is shown by its symbol. */
export const visible = (text: string): string =>
  text.replace(/[\u0000-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0))).replace(/\u007f/g, '\u2421');

/** Hex as text of printable ASCII; other bytes are dots. */
export const hexText = (hex: string): string =>
  (hex.match(/../g) ?? [])
    .map((h) => {
      const c = parseInt(h, 16);
      return c >= 32 && c < 127 ? String.fromCharCode(c) : '·';
    })
    .join('');

/** Text with \r, \n, \t, \0 and \\ as in a program. */
export function escapes(text: string): string {
  const to: Record<string, string> = { r: '\r', n: '\n', t: '\t', '0': '\0', '\\': '\\' };
  return text.replace(/\\([rnt0\\])/g, (_, c: string) => to[c]!);
}

export function valueText(v: Value): string {
  if (v === null || v === undefined) return none;
  if (typeof v === 'boolean') return v ? t('value.true') : t('value.false');
  if (typeof v === 'number') return Number.isInteger(v) ? String(v) : String(+v.toPrecision(9));
  return visible(v);
}

/** What a person typed for a tag, as JSON: a boolean, a number with all its digits, or text. */
export function valueJSON(text: string, type: string, now: Value): string {
  const s = text.trim();
  if (typeof now === 'string' || /^(string|bytes)/.test(type)) return JSON.stringify(text);
  if (/^(true|false)$/i.test(s)) return s.toLowerCase();
  if (/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(s)) return s;
  return JSON.stringify(text);
}

/** Hands a text, or bytes, to the person as a file. */
export function download(name: string, what: string | Blob, type = 'text/plain'): void {
  const a = document.createElement('a');
  const file = typeof what === 'string' ? new Blob([what], { type: type + ';charset=utf-8' }) : what;
  a.href = URL.createObjectURL(file);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 1000);
}
