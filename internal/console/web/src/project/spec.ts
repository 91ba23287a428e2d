import type { Config } from '../lib/types';

// What people type, as a configuration has it.

/**
 * A configuration without what says nothing: empty text, null, and lists and objects of nothing. A driver's own options
 * are left as they are, and a model has its tags also when there are none.
 */
export function compact(spec: Config): Config {
  const out: Config = {};
  for (const [k, v] of Object.entries(spec)) {
    if (v === undefined || v === null || v === '') continue;
    if (Array.isArray(v)) {
      if (v.length > 0 || k === 'tags') out[k] = v;
    } else if (typeof v === 'object') {
      const inner = k === 'options' ? (v as Config) : compact(v as Config);
      if (Object.keys(inner).length > 0) out[k] = inner;
    } else out[k] = v;
  }
  return out;
}

/** A number where one was typed; else the text, which the API then refuses in its own words; undefined for nothing. */
export function numberOf(text: string): unknown {
  const s = text.trim();
  if (s === '') return undefined;
  return Number.isFinite(Number(s)) ? Number(s) : text;
}

/** A number, or what was typed for one, as text. */
export const numberText = (v: unknown): string => (v === undefined || v === null ? '' : String(v));

/** A list as it is written in one line, with commas. */
export const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((s) => s.trim())
    .filter(Boolean);
export const listText = (v: unknown): string => (Array.isArray(v) ? v.join(', ') : v ? String(v) : '');
