import type { Fault } from '../lib/api';

/**
 * The line of a list of connections, from 1, that each fault of its import is in; 0: it is not known. What is wrong with the
 * form of a line is said with the line. What is wrong with a connection is said with its name, which stands in one line, or
 * in two where it is there twice: the later one is meant.
 */
export function linesOf(faults: Fault[], lines: string[]): number[] {
  let named: Map<string, number> | undefined;
  return faults.map((f) => {
    const said = /^(\d+):\d+: /.exec(f.message);
    if (said) return Number(said[1]);
    const at = /\.connections\.(\w+)/.exec(f.location)?.[1] ?? '';
    // A connection whose name is none is at its number among all those of the provider; the words name it.
    const name = /^\d+$/.test(at) ? /^name "(.*?)" /.exec(f.message)?.[1] : at;
    if (!name) return 0;
    named ??= namesOf(lines);
    return named.get(name) ?? 0;
  });
}

/** The last line of each name, in a list in either form. */
function namesOf(lines: string[]): Map<string, number> {
  const head = (lines[0] ?? '').replace(/^\uFEFF/, '');
  const separator = /[,;\t]/.exec(head)?.[0] ?? ',';
  const cells = (line: string) => line.split(separator).map((c) => c.trim().replace(/^"(.*)"$/, '$1'));
  const column = cells(head).indexOf('name');
  const nameOf = head.trimStart().startsWith('{') ? nameIn : (line: string) => cells(line)[column] ?? '';
  return new Map(lines.map((line, i) => [nameOf(line), i + 1]));
}

function nameIn(document: string): string {
  try {
    return String((JSON.parse(document) as { name?: unknown } | null)?.name);
  } catch {
    return ''; // an empty line
  }
}
