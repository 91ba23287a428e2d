import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { faultsOf } = await load('ui/form.tsx');
const { compact, numberOf } = await load('project/spec.ts');
const { bytesText, isPairs, jsonOf, jsonText, pairsOf, pairsText, withOption } = await load('project/option-text.ts');
const { valueJSON, bytes, duration, visible } = await load('lib/format.ts');
const { url, query } = await load('lib/api.ts');

test('faults go to their fields, and the rest is said', () => {
  const error = {
    message: 'all',
    faults: [
      { location: 'body.title', message: 'too long' },
      { location: 'body.identity.pattern', message: 'no pattern' },
      { location: 'providers.3.name', message: 'no name' },
      { location: 'body.tags.a', message: 'no such address' },
      { location: 'body.tags.a.type', message: 'no such type' },
      { location: 'channels.ch1.connection', message: 'breaks' },
    ],
  };
  const f = faultsOf(error);
  assert.equal(f.of('body.title'), 'too long');
  assert.equal(f.of('body.identity'), 'no pattern');
  assert.equal(f.of('body.name'), 'no name');
  assert.equal(f.of('body.local_port'), undefined);
  assert.equal(f.self('body.tags.a'), 'no such address');
  assert.deepEqual(f.rest(), ['body.tags.a.type: no such type', 'channels.ch1.connection: breaks']);
  assert.deepEqual(faultsOf({ message: 'stale', faults: [] }).rest(), ['stale']);
  assert.deepEqual(faultsOf(null).rest(), []);
});

test("a configuration loses what says nothing, and keeps a driver's own options", () => {
  assert.deepEqual(compact({ a: '', b: null, c: [], d: { e: '' }, f: 0, g: false, options: { end: '' }, tags: [] }), {
    f: 0,
    g: false,
    options: { end: '' },
    tags: [],
  });
  assert.equal(numberOf(' 30000 '), 30000);
  assert.equal(numberOf('3000x'), '3000x');
  assert.equal(numberOf(''), undefined);
});

test('options of many values are typed as lines or as JSON, and nothing of them is lost', () => {
  const pairs = { weather: '^T=(?P<t>\\d+): $', b: ' x' };
  assert.deepEqual(pairsOf(pairsText(pairs)), pairs);
  assert.deepEqual(pairsOf('a: 1\n\nb'), { a: '1', b: '' });
  assert.equal(pairsOf('\n'), undefined);
  for (const v of [{ a: 1 }, { a: 'x\ny' }, { 'a:b': 'x' }, 'text', [], {}]) assert.equal(isPairs(v), false, jsonText(v));
  for (const v of [undefined, pairs]) assert.equal(isPairs(v), true);
  for (const v of [undefined, { a: [1, { b: null }] }, [{ c: '\\d' }], 7, true]) assert.deepEqual(jsonOf(jsonText(v)), v);
  assert.equal(jsonOf('{"a": '), '{"a": ');
  assert.equal(jsonText('{"a": '), '{"a": ');
  assert.equal(bytesText('\r\n'), 'hex:0d 0a');
  assert.equal(bytesText(';'), ';');
  assert.equal(bytesText(undefined), '');
  assert.deepEqual(withOption({ a: 1, unknown: 2 }, 'a', ''), { unknown: 2 });
  assert.deepEqual(withOption({ unknown: 2 }, 'flag', false), { unknown: 2, flag: false });
  assert.equal(withOption({ a: 1 }, 'a', undefined), undefined);
});

test('a typed value as JSON', () => {
  assert.equal(valueJSON('9007199254740993', 'uint64', 1), '9007199254740993');
  assert.equal(valueJSON(' -2.5e3 ', 'float32', 0), '-2.5e3');
  assert.equal(valueJSON('TRUE', 'bool', null), 'true');
  assert.equal(valueJSON('12', 'string', null), '"12"');
  assert.equal(valueJSON('12', '', 'text'), '"12"');
  assert.equal(valueJSON('0x10', 'uint16', 1), '"0x10"');
});

test('what a person reads', () => {
  assert.equal(bytes(1023), '1023 B');
  assert.equal(bytes(1536), '1.5 KiB');
  assert.equal(duration(90_000), '1 min 30 s');
  assert.equal(duration(90_000_000), '1 d 1 h');
  assert.equal(visible('a\r\n<b>\u007f'), 'a␍␊<b>␡');
});

test('what goes into a path or a query is encoded', () => {
  assert.equal(url`/channels/${'ch_{connection}'}/${'a/b?'}`, '/channels/ch_%7Bconnection%7D/a%2Fb%3F');
  assert.equal(query({ a: '', b: 'x&y', c: false, d: true }), '?b=x%26y&d=true');
});
