// Loads a module of the console, bundled, so that a test can call it; and what such a module asks of a browser.
import { build } from 'esbuild';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

Object.defineProperty(globalThis, 'navigator', { value: { languages: ['en'] }, configurable: true });
globalThis.localStorage = { getItem: () => null, setItem: () => {} };
globalThis.location = { hash: '' };

export async function load(path) {
  const dir = await mkdtemp(join(tmpdir(), 'console-'));
  try {
    const outfile = join(dir, 'module.mjs');
    await build({
      entryPoints: [fileURLToPath(new URL('../src/' + path, import.meta.url))],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      jsx: 'automatic',
      jsxImportSource: 'preact',
    });
    return await import(pathToFileURL(outfile));
  } finally {
    await rm(dir, { recursive: true });
  }
}
