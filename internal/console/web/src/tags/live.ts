import { useEffect, useRef, useState } from 'preact/hooks';
import { useFeed } from '../lib/feed';
import type { TagValue } from '../lib/types';

const most = 20_000; // values kept beside the list; more than a page shows

export const keyOf = (v: { channel: string; device: string; tag: string }): string =>
  `${v.channel}/${v.device}/${v.tag}`;

/**
 * What the feed has said of values since the view was opened: a function from a value that was read to the newest one.
 * The view is drawn at most once a frame, and a few times a second.
 */
export function useLive(query?: string): (read: TagValue) => TagValue {
  const told = useRef(new Map<string, TagValue>());
  const timer = useRef(0);
  const [, draw] = useState(0);
  useFeed(
    {
      value(v) {
        if (told.current.size > most) told.current.clear();
        told.current.set(keyOf(v), v);
        timer.current ||= window.setTimeout(() => {
          timer.current = 0;
          draw((n) => n + 1);
        }, 250);
      },
    },
    query,
  );
  useEffect(() => () => clearTimeout(timer.current), []);
  return (read) => {
    const v = told.current.get(keyOf(read));
    return v && (v.ts ?? '') >= (read.ts ?? '') ? v : read;
  };
}
