import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';

const root = new URL('../', import.meta.url);
const words = async (lang) => JSON.parse(await readFile(new URL(`i18n/${lang}.json`, root), 'utf8'));
const [en, zh] = [await words('en'), await words('zh')];

async function sources() {
  const names = await readdir(new URL('src/', root), { recursive: true });
  const files = names.filter((n) => /\.tsx?$/.test(n));
  return Promise.all(files.map(async (n) => [n, await readFile(new URL('src/' + n, root), 'utf8')]));
}

test('both languages have the same keys, and words for each', () => {
  assert.deepEqual(Object.keys(zh), Object.keys(en));
  for (const [lang, all] of [
    ['en', en],
    ['zh', zh],
  ])
    for (const [key, text] of Object.entries(all)) assert.ok(text.trim(), `${lang}: ${key} is empty`);
});

test('both languages use the same variables', () => {
  const vars = (s) => [...new Set(s.match(/\{\w+\}/g) ?? [])].sort();
  const names = (s) => vars(s).filter((v) => !['{n}', '{connection}'].includes(v) || !/Hint$/.test(s));
  for (const key of Object.keys(en)) assert.deepEqual(names(zh[key]), names(en[key]), key);
});

test('every key in the code has words, and all words are used', async () => {
  const used = new Set();
  for (const [name, text] of await sources()) {
    for (const [, key] of text.matchAll(/\bt\(\s*'([^']+)'/g)) {
      assert.ok(key in en, `${name}: ${key}`);
      used.add(key);
    }
    for (const [, prefix, rest] of text.matchAll(/\bt\(\s*`([^`$]*)\$\{[^}]*\}([^`]*)`/g)) {
      const fits = Object.keys(en).filter((k) => k.startsWith(prefix) && k.endsWith(rest));
      assert.ok(fits.length > 0, `${name}: ${prefix}…${rest}`);
      fits.forEach((k) => used.add(k));
    }
  }
  assert.deepEqual(
    Object.keys(en).filter((k) => !used.has(k)),
    [],
  );
});
