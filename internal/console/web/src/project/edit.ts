import { useEffect, useState } from 'preact/hooks';
import { call } from '../lib/api';
import { useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { Config } from '../lib/types';
import { faultsOf, type Faults } from '../ui/form';
import { say } from '../ui/toast';
import { compact } from './spec';

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
export function useEdit(
  name: string,
  fresh: Config,
  load: (name: string) => Promise<Loaded>,
  pathOf: (name: string) => string,
  onSaved: (name: string) => void,
  prepare: (spec: Config) => Config = (s) => s,
): Edit {
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
    spec,
    name: newName,
    isNew: !name,
    loading,
    busy: task.busy || loading,
    faults: faultsOf(task.error),
    setName: setNewName,
    set: (change) => setSpec((s) => ({ ...s, ...change })),
    text: (key) => (spec[key] === undefined || spec[key] === null ? '' : String(spec[key])),
    save: () =>
      task.run(async () => {
        const { name: _, ...body } = compact(prepare(spec));
        const headers: Record<string, string> = name ? { 'If-Match': etag } : { 'If-None-Match': '*' };
        await call('PUT', pathOf(newName.trim()), { json: body, headers });
        say(t('project.saved', { name: newName.trim() }));
        onSaved(newName.trim());
      }),
  };
}
