import { ask, isAbort, problem, type Problem } from './api';
import { SSE } from './sse';

const silence = 40_000; // ms; the server says something every 15 s
const firstPause = 1000; // ms before trying again, doubled up to the longest
const longestPause = 15_000;

export type StreamState = { is: 'opening' } | { is: 'live' } | { is: 'stale'; since: Date; why: Problem | null };

/** An event stream that comes back by itself until it is closed. */
export class Stream {
  private stop = new AbortController();
  private pause = firstPause;
  private timer = 0;
  private staleSince: Date | null = null;

  constructor(
    private path: () => string, // asked anew for each attempt
    private onEvent: (name: string, data: unknown) => void,
    private onState: (state: StreamState) => void,
  ) {
    void this.open();
  }

  close(): void {
    this.stop.abort();
    clearTimeout(this.timer);
  }

  private async open(): Promise<void> {
    if (!this.staleSince) this.onState({ is: 'opening' });
    const attempt = new AbortController();
    const end = () => attempt.abort();
    this.stop.signal.addEventListener('abort', end);
    let watchdog = setTimeout(end, silence);
    let why: Problem | null = null;
    try {
      const res = await ask('GET', this.path(), { signal: attempt.signal });
      const reader = res
        .body!.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>)
        .getReader();
      const sse = new SSE((name, data) => this.onEvent(name, JSON.parse(data)));
      this.staleSince = null;
      this.pause = firstPause;
      this.onState({ is: 'live' });
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        clearTimeout(watchdog);
        watchdog = setTimeout(end, silence);
        sse.push(value);
      }
    } catch (err) {
      if (!isAbort(err)) why = problem(err);
    }
    clearTimeout(watchdog);
    this.stop.signal.removeEventListener('abort', end);
    if (this.stop.signal.aborted) return;
    attempt.abort();
    this.staleSince ??= new Date();
    this.onState({ is: 'stale', since: this.staleSince, why });
    this.timer = window.setTimeout(() => void this.open(), this.pause * (0.75 + Math.random() / 2));
    this.pause = Math.min(this.pause * 2, longestPause);
  }
}
