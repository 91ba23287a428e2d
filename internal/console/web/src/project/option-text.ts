import type { Config } from '../lib/types';

// What people type for options that hold several values, and how such values are shown.

/** Lines of NAME: VALUE. */
export const pairsText = (v: unknown): string =>
  v && typeof v === 'object'
    ? Object.entries(v)
        .map(([k, x]) => `${k}: ${String(x)}`)
        .join('\n')
    : '';

/** Lines of NAME: VALUE. A line that has no colon yet is a name without a value. */
export function pairsOf(text: string): unknown {
  const lines = text.split('\n').filter((line) => line.trim());
  if (!lines.length) return undefined;
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(':');
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1).replace(/^ /, '')];
    }),
  );
}

/** Whether a value can be shown as lines without a loss. */
export const isPairs = (v: unknown): boolean =>
  v === undefined || JSON.stringify(pairsOf(pairsText(v))) === JSON.stringify(v);

/** What JSON says; what is none yet stays a text, which the API then refuses in its own words. */
export function jsonOf(text: string): unknown {
  if (!text.trim()) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export const jsonText = (v: unknown): string =>
  v === undefined ? '' : typeof v === 'string' ? v : JSON.stringify(v, null, 2);

/** Bytes as text; in hex where a field of one line would lose some of them. */
export function bytesText(v: unknown): string {
  const text = v === undefined || v === null ? '' : String(v);
  if (!/[\u0000-\u001f\u007f]/.test(text)) return text;
  const hex = [...new TextEncoder().encode(text)].map((b) => b.toString(16).padStart(2, '0'));
  return 'hex:' + hex.join(' ');
}

/** Options with one of them changed; undefined where none is set. */
export function withOption(values: Config, key: string, v: unknown): Config | undefined {
  const { [key]: _, ...others } = values;
  const all = v === undefined || v === '' ? others : { ...values, [key]: v };
  return Object.keys(all).length ? all : undefined;
}
