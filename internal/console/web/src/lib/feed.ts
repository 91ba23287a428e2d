import { useEffect, useRef } from 'preact/hooks';
import { Store } from './store';
import { Stream, type StreamState } from './stream';
import type { Event, TagValue } from './types';

// The page's one stream of events. A view says which values it wants besides; when it goes, they end with it.

type Handler = { event?: (e: Event) => void; value?: (v: TagValue) => void };

const handlers = new Set<Handler>();
let wanted = '';
let open: Stream | null = null;
let pending = 0;
let rereading = 0;

const rereadPause = 2000; // ms after events were lost: a page that was too slow is not given more to do at once

export const feedState = new Store<StreamState>({ is: 'opening' });

/** Grows each time the feed begins, or has lost something: what was read before may be out of date. */
export const feedAge = new Store(0);

const older = () => feedAge.set(feedAge.value + 1);

function lost(): void {
  rereading ||= window.setTimeout(() => {
    rereading = 0;
    older();
  }, rereadPause);
}

export function startFeed(): void {
  stopFeed();
  open = new Stream(
    () => '/events' + wanted,
    (name, data) => {
      if (name === 'lost') lost();
      for (const h of [...handlers]) {
        if (name === 'value') h.value?.(data as TagValue);
        else h.event?.(data as Event);
      }
    },
    (state) => {
      if (state.is === 'live') older();
      feedState.set(state);
    },
  );
}

export function stopFeed(): void {
  clearTimeout(pending);
  open?.close();
  open = null;
}

function want(query: string): void {
  if (query === wanted) return;
  wanted = query;
  clearTimeout(pending);
  if (open) pending = window.setTimeout(startFeed, 50); // a view that goes and one that comes are one change
}

/** Follows the feed. With a query, such as ?values=true&channel=ch1, it carries what that asks for too. */
export function useFeed(handler: Handler, query?: string): void {
  const latest = useRef(handler);
  latest.current = handler;
  useEffect(() => {
    const h: Handler = { event: (e) => latest.current.event?.(e), value: (v) => latest.current.value?.(v) };
    handlers.add(h);
    return () => void handlers.delete(h);
  }, []);
  useEffect(() => {
    if (query === undefined) return;
    want(query);
    return () => want('');
  }, [query]);
}
