import { useEffect, useState } from 'preact/hooks';

/** A value that tells those who follow it when it becomes another. */
export class Store<T> {
  private followers = new Set<(value: T) => void>();
  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set(value: T): void {
    if (Object.is(value, this.current)) return;
    this.current = value;
    for (const follow of [...this.followers]) follow(value);
  }

  follow(f: (value: T) => void): () => void {
    this.followers.add(f);
    return () => this.followers.delete(f);
  }
}

/** The store's value, now and after every change. */
export function useStore<T>(store: Store<T>): T {
  const [value, set] = useState(() => store.value);
  useEffect(() => {
    set(() => store.value);
    return store.follow((next) => set(() => next));
  }, [store]);
  return value;
}
