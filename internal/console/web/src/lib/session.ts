import { call, get, problem, Problem, whenSignedOut } from './api';
import { route } from './route';
import { Store } from './store';
import type { Role, Session } from './types';

/** Who is signed in. The session itself is a cookie that no script can read. */
export type Who =
  | { is: 'checking' }
  | { is: 'out'; why?: Problem | undefined } // why: the session ended by itself, or could not be asked for
  | ({ is: 'in' } & Session);

export const who = new Store<Who>({ is: 'checking' });

const order: Role[] = ['viewer', 'operator', 'admin'];

/** Whether who is signed in has a role, or one above it. */
export function may(role: Role): boolean {
  const now = who.value;
  return now.is === 'in' && order.indexOf(now.role) >= order.indexOf(role);
}

/**
 * Signs in with the code of a link, #/code/CODE, which is good once and taken out of the address at once; without one,
 * learns who is signed in.
 */
export async function enter(): Promise<void> {
  const [kind, code] = route.value.parts;
  if (kind !== 'code' || !code) return checkSession();
  location.replace('#/fleet');
  try {
    await signIn({ code });
  } catch (err) {
    await checkSession();
    if (who.value.is === 'out') who.set({ is: 'out', why: problem(err) });
  }
}

/** Learns who is signed in; without an answer it asks again until there is one. */
export async function checkSession(): Promise<void> {
  try {
    who.set({ is: 'in', ...(await get<Session>('/session')).body });
  } catch (err) {
    const p = problem(err);
    who.set({ is: 'out', why: p.status === 401 ? undefined : p });
    if (p.status === 0) setTimeout(() => who.value.is === 'out' && void checkSession(), 3000);
  }
}

/** Throws the Problem when the token, or the code, is refused. */
export async function signIn(proof: { token: string } | { code: string }): Promise<void> {
  who.set({ is: 'in', ...(await call<Session>('POST', '/session', { json: proof })).body });
}

export async function signOut(): Promise<void> {
  try {
    await call('DELETE', '/session');
  } finally {
    who.set({ is: 'out' });
  }
}

export function watchSession(): void {
  route.follow((to) => to.parts[0] === 'code' && void enter()); // a link that was opened in this tab
  whenSignedOut(() => {
    if (who.value.is === 'in') void checkSession();
  });
}
