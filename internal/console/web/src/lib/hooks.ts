import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { get, isAbort, problem, type Problem } from './api';
import { feedAge } from './feed';
import { useStore } from './store';

export interface Read<T> {
  data: T | null;
  etag: string;
  error: Problem | null;
  loading: boolean;
  reload: () => void;
  patch: (change: (data: T) => T) => void; // what is known from elsewhere
}

/** Reads a path, again when it or again changes, on reload, and when the feed was away. null reads nothing. */
export function useGet<T>(path: string | null, again = 0): Read<T> {
  const [state, set] = useState<{ path: string | null; data: T | null; etag: string; error: Problem | null }>({
    path: null,
    data: null,
    etag: '',
    error: null,
  });
  const [loading, setLoading] = useState(true);
  const [turn, setTurn] = useState(0);
  const age = useStore(feedAge);
  useEffect(() => {
    if (path === null) return setLoading(false);
    const stop = new AbortController();
    setLoading(true);
    get<T>(path, stop.signal)
      .then((a) => set({ path, data: a.body, etag: a.etag, error: null }))
      .catch((err) => {
        if (isAbort(err)) return;
        set((s) => ({ path, data: s.path === path ? s.data : null, etag: s.etag, error: problem(err) }));
      })
      .finally(() => !stop.signal.aborted && setLoading(false));
    return () => stop.abort();
  }, [path, turn, age, again]);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  const patch = useCallback((f: (data: T) => T) => set((s) => (s.data ? { ...s, data: f(s.data) } : s)), []);
  const current = state.path === path;
  return {
    data: current ? state.data : null,
    etag: state.etag,
    error: current ? state.error : null,
    loading: loading || !current,
    reload,
    patch,
  };
}

/** f, run at most once in so many ms, the last call included. */
export function useThrottle(f: () => void, ms: number): () => void {
  const latest = useRef(f);
  latest.current = f;
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    if (timer.current) return;
    timer.current = window.setTimeout(() => {
      timer.current = 0;
      latest.current();
    }, ms);
  }, [ms]);
}

/** The time, told every so many ms: ages are drawn from it. */
export function useNow(ms = 1000): number {
  const [now, set] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return now;
}

/** Something that is being done, at most once at a time, and what it was refused with. */
export function useTask(): {
  busy: boolean;
  error: Problem | null;
  run: (f: () => Promise<void>) => Promise<boolean>;
  clear: () => void;
} {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Problem | null>(null);
  const going = useRef(false);
  const run = useCallback(async (f: () => Promise<void>) => {
    if (going.current) return false;
    going.current = true;
    setBusy(true);
    setError(null);
    try {
      await f();
      return true;
    } catch (err) {
      setError(problem(err));
      return false;
    } finally {
      going.current = false;
      setBusy(false);
    }
  }, []);
  return { busy, error, run, clear: useCallback(() => setError(null), []) };
}
