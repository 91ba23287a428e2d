import { Store } from './store';

/** Where the page is: the parts of the hash's path, and its query. Every view has such an address. */
export interface Route {
  parts: string[];
  query: URLSearchParams;
}

function read(): Route {
  const [path = '', query = ''] = location.hash.replace(/^#/, '').split('?', 2);
  const parts = path.split('/').filter(Boolean).map(decode);
  return { parts, query: new URLSearchParams(query) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // somebody's own address: shown as it is
  }
}

export const route = new Store<Route>(read());

export function followAddress(): void {
  addEventListener('hashchange', () => route.set(read()));
}

type Query = Record<string, string | undefined>;

/** The address of a view. Empty members of the query are left out. */
export function href(parts: string[], query: Query = {}): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(query)) if (v) q.set(k, v);
  const tail = q.toString();
  return '#/' + parts.map(encodeURIComponent).join('/') + (tail ? '?' + tail : '');
}

export function go(parts: string[], query?: Query): void {
  location.hash = href(parts, query);
}

/** Changes members of the query without a step in the browser's history. */
export function setQuery(change: Query): void {
  const now = read();
  const merged: Query = { ...Object.fromEntries(now.query), ...change };
  history.replaceState(null, '', href(now.parts, merged));
  route.set(read());
}
