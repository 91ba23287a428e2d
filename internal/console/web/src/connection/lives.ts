import type { Life } from '../lib/types';

/** A piece of time in which a connection was online, in ms. */
export interface Piece {
  from: number;
  to: number;
}

/**
 * When a connection was online between two moments, by what happened to it (newest first). since is when it came
 * online, if it is online now.
 */
export function piecesOf(lives: Life[], from: number, to: number, since: string | null): Piece[] {
  const pieces: Piece[] = since ? [{ from: Date.parse(since), to }] : [];
  const began = new Map<number, number>();
  for (const l of lives) if (l.event === 'online') began.set(l.session, Date.parse(l.ts));
  for (const l of lives) {
    if (l.event !== 'offline') continue;
    const end = Date.parse(l.ts);
    const start = l.duration_ms !== null ? end - l.duration_ms : began.get(l.session);
    if (start !== undefined) pieces.push({ from: start, to: end });
  }
  return pieces
    .map((p) => ({ from: Math.max(p.from, from), to: Math.min(p.to, to) }))
    .filter((p) => p.to > p.from)
    .sort((a, b) => a.from - b.from);
}
