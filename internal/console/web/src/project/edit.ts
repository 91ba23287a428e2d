import { useEffect, useState } from 'preact/hooks';
import { call } from '../lib/api';
import { useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { Config } from '../lib/types';
import { faultsOf, type Faults } from '../ui/form';
import { say } from '../ui/toast';

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

export interface Loaded {
  spec: Config;
  etag: string;
}

export interface Edit {
  spec: Config;
  name: string;
  isNew: boolean;
  loading: boolean;
  busy: boolean;
  faults: Faults;
  setName: (name: string) => void;
  set: (change: Config) => void;
  text: (key: string) => string;
  save: () => Promise<boolean>;
}

/**
 * Edits one thing of the project. name is empty for a new one; then nothing is read. What is saved must still be what
 * was read: the API refuses a change that somebody else's has overtaken.
 */
export function useEdit(name: string, fresh: Config, load: (name: string) => Promise<Loaded>,
  pathOf: (name: string) => string, onSaved: (name: string) => void, prepare: (spec: Config) => Config = (s) => s): Edit {
  const [spec, setSpec] = useState<Config>(fresh);
  const [etag, setEtag] = useState('');
  const [newName, setNewName] = useState(name);
  const [loading, setLoading] = useState(name !== '');
  const task = useTask();
  useEffect(() => {
    if (!name) return;
    void task.run(async () => {
      const now = await load(name);
      setSpec(now.spec);
      setEtag(now.etag);
      setLoading(false);
    });
  }, []);
  return {
    spec, name: newName, isNew: !name, loading, busy: task.busy || loading, faults: faultsOf(task.error),
    setName: setNewName,
    set: (change) => setSpec((s) => ({ ...s, ...change })),
    text: (key) => (spec[key] === undefined || spec[key] === null ? '' : String(spec[key])),
    save: () => task.run(async () => {
      const { name: _, ...body } = compact(prepare(spec));
      const headers: Record<string, string> = name ? { 'If-Match': etag } : { 'If-None-Match': '*' };
      await call('PUT', pathOf(newName.trim()), { json: body, headers });
      say(t('project.saved', { name: newName.trim() }));
      onSaved(newName.trim());
    }),
  };
}

/** A number where one was typed; else the text, which the API then refuses in its own words; undefined for nothing. */
export function numberOf(text: string): unknown {
  const s = text.trim();
  if (s === '') return undefined;
  return Number.isFinite(Number(s)) ? Number(s) : text;
}

/** A list as it is written in one line, with commas. */
export const listOf = (text: string): string[] => text.split(',').map((s) => s.trim()).filter(Boolean);
export const listText = (v: unknown): string => (Array.isArray(v) ? v.join(', ') : v ? String(v) : '');
