import { t } from './i18n';

/** One fault of what was sent, and the field that it is in, such as body.socket_conn_id. */
export interface Fault {
  location: string;
  message: string;
}

/** A refusal, in the API's own words (RFC 9457). Status 0: no answer came. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly faults: Fault[] = [],
    readonly body: unknown = null,
  ) {
    super(message);
  }
}

export interface Answer<T> {
  status: number;
  body: T;
  etag: string;
}

export interface Options {
  json?: unknown;
  text?: string;
  type?: string; // of text
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  accept?: number[]; // statuses that are an answer although they are no success
}

let onSignedOut: () => void = () => {};

/** Says what happens when the API no longer knows who asks. */
export function whenSignedOut(f: () => void): void {
  onSignedOut = f;
}

export function signedOut(): void {
  onSignedOut();
}

/** A path under /api/v1 whose values are encoded: url`/connections/${provider}/${name}`. */
export function url(parts: TemplateStringsArray, ...values: (string | number)[]): string {
  return parts.reduce((path, part, i) => path + encodeURIComponent(values[i - 1] ?? '') + part);
}

/** A query of the members that are not empty, with its question mark. */
export function query(members: Record<string, string | number | boolean | undefined>): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(members)) if (v !== undefined && v !== '' && v !== false) q.set(k, String(v));
  const text = q.toString();
  return text && '?' + text;
}

/** Asks without reading the body. A path is under /api/v1 unless it begins with /api/. Throws a Problem. */
export async function ask(method: string, path: string, o: Options = {}): Promise<Response> {
  const headers: Record<string, string> = { ...o.headers };
  let body: string | undefined = o.text;
  if (o.json !== undefined) {
    headers['Content-Type'] = 'application/json';
    body = JSON.stringify(o.json);
  } else if (o.type) headers['Content-Type'] = o.type;
  const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-store' };
  if (body !== undefined) init.body = body;
  if (o.signal) init.signal = o.signal;
  let res: Response;
  try {
    res = await fetch(path.startsWith('/api/') ? path : '/api/v1' + path, init);
  } catch (err) {
    if (o.signal?.aborted) throw err;
    throw new Problem(0, t('error.network'));
  }
  if (res.ok || o.accept?.includes(res.status)) return res;
  if (res.status === 401 && path !== '/session') onSignedOut();
  throw await problemOf(res);
}

async function problemOf(res: Response): Promise<Problem> {
  const text = await res.text().catch(() => '');
  try {
    const p = JSON.parse(text) as { detail?: string; title?: string; errors?: Partial<Fault>[] };
    const faults = (p.errors ?? []).map((e) => ({ location: e.location ?? '', message: e.message ?? '' }));
    return new Problem(res.status, p.detail || p.title || String(res.status), faults, p);
  } catch {
    return new Problem(res.status, t('error.status', { status: `${res.status} ${res.statusText}` }));
  }
}

export async function call<T>(method: string, path: string, o: Options = {}): Promise<Answer<T>> {
  const res = await ask(method, path, o);
  const text = await res.text();
  return {
    status: res.status,
    body: (text ? JSON.parse(text) : null) as T,
    etag: res.headers.get('ETag') ?? '',
  };
}

/** POSTs a long text, and says which part of it has been sent. */
export function upload<T>(path: string, text: string, type: string, onSent: (part: number) => void): Promise<T> {
  return new Promise((done, refused) => {
    const x = new XMLHttpRequest();
    x.open('POST', '/api/v1' + path);
    x.setRequestHeader('Content-Type', type);
    x.upload.onprogress = (e) => onSent(e.total ? e.loaded / e.total : 0);
    x.upload.onload = () => onSent(1);
    x.onerror = () => refused(new Problem(0, t('error.network')));
    x.onload = () => {
      if (x.status < 300) return done(JSON.parse(x.responseText) as T);
      if (x.status === 401) onSignedOut();
      void problemOf(new Response(x.responseText, { status: x.status, statusText: x.statusText })).then(refused);
    };
    x.send(text);
  });
}

export const get = <T>(path: string, signal?: AbortSignal): Promise<Answer<T>> => call<T>('GET', path, { signal });

export const isAbort = (err: unknown): boolean => err instanceof DOMException && err.name === 'AbortError';

/** Anything thrown, as a Problem. */
export const problem = (err: unknown): Problem =>
  err instanceof Problem ? err : new Problem(0, err instanceof Error ? err.message : String(err));
