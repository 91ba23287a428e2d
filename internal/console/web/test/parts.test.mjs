import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { SSE } = await load('lib/sse.ts');
const { csvOf, tableOf } = await load('tags/series.ts');
const { livesOf, rate, sheetOf, took } = await load('fleet/series.ts');
const { piecesOf } = await load('connection/lives.ts');
const { Frames, compare, matching } = await load('connection/frames.ts');
const { hexBytes, hexOfText } = await load('lib/format.ts');
const { cellsOf, columns, pasted, rowOf, specOf } = await load('project/tag-columns.ts');

test('server-sent events are the same however the stream is cut', () => {
  const stream =
    ': linkd\n\nevent: value\ndata: {"a":1}\r\n\r\ndata: one\ndata:two\n\nevent: nothing\n\nid: 7\nevent: e\ndata: 3\n\n';
  const want = [
    ['value', '{"a":1}'],
    ['message', 'one\ntwo'],
    ['e', '3'],
  ];
  for (const size of [1, 2, 3, 7, stream.length]) {
    const got = [];
    const sse = new SSE((name, data) => got.push([name, data]));
    for (let i = 0; i < stream.length; i += size) sse.push(stream.slice(i, i + size));
    assert.deepEqual(got, want, `pieces of ${size}`);
  }
});

const bucket = (s, mean, last = mean) => ({
  ts: new Date(s * 1000).toISOString(),
  min: mean,
  max: mean,
  mean,
  count: 1,
  last,
});

test('a plot has a gap where nothing was heard, and none where another series has a moment of its own', () => {
  const table = tableOf([
    [bucket(0, 1), bucket(10, 2), bucket(20, 3), bucket(100, 4)],
    [bucket(5, 7), bucket(15, 8)],
  ]);
  assert.deepEqual(table[0], [0, 5, 10, 15, 20, 30, 100]);
  assert.deepEqual(table[1], [1, undefined, 2, undefined, 3, null, 4]);
  assert.deepEqual(table[2], [undefined, 7, undefined, 8, undefined, undefined, undefined]);
});

test('a plot shows truth as 1, and text as nothing', () => {
  assert.deepEqual(tableOf([[bucket(0, null, true), bucket(1, null, 'on')]])[1], [1, null]);
});

test('a plot as CSV has no line for a gap', () => {
  const table = tableOf([[bucket(0, 1), bucket(10, 2), bucket(20, 2.5), bucket(100, 4)]]);
  assert.equal(
    csvOf(['ch/d,1/t'], table),
    'time,"ch/d,1/t"\r\n1970-01-01T00:00:00.000Z,1\r\n1970-01-01T00:00:10.000Z,2\r\n' +
      '1970-01-01T00:00:20.000Z,2.5\r\n1970-01-01T00:01:40.000Z,4\r\n',
  );
});

test('when a connection was online', () => {
  const at = (s) => new Date(s * 1000).toISOString();
  const lives = [
    { ts: at(90), event: 'online', session: 3, duration_ms: null },
    { ts: at(80), event: 'offline', session: 2, duration_ms: 20_000 },
    { ts: at(50), event: 'offline', session: 1, duration_ms: null },
    { ts: at(10), event: 'online', session: 1, duration_ms: null },
  ];
  assert.deepEqual(piecesOf(lives, 20_000, 100_000, at(90)), [
    { from: 20_000, to: 50_000 },
    { from: 60_000, to: 80_000 },
    { from: 90_000, to: 100_000 },
  ]);
  assert.deepEqual(piecesOf([], 0, 1000, null), []);
});

test('cells of a spreadsheet', () => {
  assert.deepEqual(cellsOf('a\tb\r\nc\t"d\t""e""\nf"\r\n'), [
    ['a', 'b'],
    ['c', 'd\t"e"\nf'],
  ]);
  assert.deepEqual(cellsOf('alone'), [['alone']]);
});

test('pasted cells go into the grid, and make rows', () => {
  const shown = columns.filter((c) => ['name', 'address', 'writable'].includes(c.key));
  const rows = pasted(
    [rowOf({ name: 'a', unit: 'V' })],
    cellsOf('b\tinput:1\tyes\nc\tinput:2\tno\ttoo far'),
    0,
    0,
    shown,
  );
  assert.deepEqual(rows.map(specOf), [
    { name: 'b', address: 'input:1', unit: 'V', writable: true },
    { name: 'c', address: 'input:2' },
  ]);
});

test('a tag is the same after a visit to the grid', () => {
  const tag = {
    name: 't',
    address: 'holding:0',
    type: 'int16',
    scale: 0.1,
    clamp: [5, 40],
    decimals: 0,
    writable: true,
  };
  assert.deepEqual(specOf(rowOf(tag)), tag);
  assert.deepEqual(specOf({ name: 't', scale: 'ten', clamp: '1;2' }), { name: 't', scale: 'ten', clamp: [1, 2] });
});

test('frames are counted, bounded, and known by the newest of them', () => {
  const frames = new Frames();
  const at = (ns) => ({ ts: `2026-01-02T03:04:05${ns}Z`, dir: 'in', hex: '00', session: 1, lost: 0 });
  for (const ns of ['', '.5', '.51', '.500000001']) frames.add(at(ns));
  assert.equal(frames.newest, '2026-01-02T03:04:05.51Z');
  for (let i = 0; i < 3000; i++) frames.add({ ...at('.6'), lost: 1 });
  assert.deepEqual([frames.count, frames.list.length, frames.lost], [3004, 2000, 3000]);
  assert.equal(frames.list[0].n, 1005);
});

test('frames are found by direction, hex byte by byte, text and meaning', () => {
  const list = [
    { dir: 'in', hex: '0102', decoded: 'unit 1' },
    { dir: 'out', hex: '1011', decoded: 'read holding' },
    { dir: 'in', hex: '48692110' },
  ];
  const found = (dir, typed) => matching(list, dir, typed).map((f) => list.indexOf(f));
  assert.deepEqual(found('both', ''), [0, 1, 2]);
  assert.deepEqual(found('in', ' '), [0, 2]);
  assert.deepEqual(found('both', '10'), [1, 2]);
  assert.deepEqual(found('out', '10:11'), [1]);
  assert.deepEqual(found('both', 'hi!'), [2]);
  assert.deepEqual(found('both', 'HOLD'), [1]);
  assert.deepEqual(found('in', 'hold'), []);
});

test('a reply is compared with the one that was expected', () => {
  assert.deepEqual(compare('0103', '0103'), { is: 'same' });
  assert.deepEqual(compare('', '0103'), { is: 'none' });
  assert.deepEqual(compare('010302', '0103'), { is: 'more', bytes: 1 });
  assert.deepEqual(compare('01', '0103'), { is: 'short', bytes: 1 });
  assert.deepEqual(compare('0183', '0103ff'), { is: 'differs', at: 2, got: '83', want: '03' });
  assert.equal(hexBytes(' 01:03 FF\t0a0B '), '0103ff0a0b');
  assert.deepEqual(['0', '0g', '01 3'].map(hexBytes), [null, null, null]);
  assert.equal(hexBytes(''), '');
  assert.equal(hexOfText('é\n'), 'c3a90a');
});

test('closes have a line for each of the most frequent reasons, and one for the rest', () => {
  const closes = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((r, i) => [r, [i, null, i]]));
  const series = { since: '', step_s: 10, times: [10, 20, 30], lines: { opened: [1, 2, 3] }, closes };
  const { names, data } = livesOf(series, 'opened', (r) => r, 'rest');
  assert.deepEqual(names, ['opened', 'g', 'f', 'e', 'd', 'c', 'rest']);
  assert.deepEqual(data[1], [1, 2, 3]);
  assert.deepEqual(data[2], [6, null, 6]);
  assert.deepEqual(data.at(-1), [1, 0, 1]);
  assert.deepEqual(livesOf({ ...series, closes: {} }, 'opened', (r) => r, 'rest').names, ['opened']);
  assert.deepEqual(sheetOf({ ...series, lines: {} }, [['opened', 'x']]).data, [
    [10, 20, 30],
    [null, null, null],
  ]);
});

test('rates and times are short', () => {
  assert.deepEqual([0, 0.001, 0.1234, 12.34, 1234.5].map(rate), ['0', '1e-3', '0.12', '12', '1235']);
  assert.deepEqual([0, 0.0123, 0.999, 1, 12.345].map(took), ['0 ms', '12 ms', '0.999 s', '1 s', '12.3 s']);
});
