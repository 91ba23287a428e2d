/** Reads server-sent events from a stream of text, however it was cut. */
export class SSE {
  private rest = '';
  private name = '';
  private data: string[] = [];

  constructor(private onEvent: (name: string, data: string) => void) {}

  push(text: string): void {
    this.rest += text;
    let from = 0;
    for (let at = this.rest.indexOf('\n'); at >= 0; at = this.rest.indexOf('\n', from)) {
      this.line(this.rest.slice(from, this.rest[at - 1] === '\r' ? at - 1 : at));
      from = at + 1;
    }
    this.rest = this.rest.slice(from);
  }

  private line(line: string): void {
    if (line === '') {
      if (this.data.length > 0) this.onEvent(this.name || 'message', this.data.join('\n'));
      this.name = '';
      this.data = [];
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return; // a comment
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.name = value;
    else if (field === 'data') this.data.push(value);
  }
}
