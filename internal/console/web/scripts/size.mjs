// Prints the size of the bundle and fails when it is over its budget.
import { readdir, readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

const budget = 120 * 1024; // bytes of all files, each gzipped
const dist = new URL('../../dist/', import.meta.url);
let all = 0;
for (const name of (await readdir(dist)).sort()) {
  const bytes = await readFile(new URL(name, dist));
  const packed = gzipSync(bytes, { level: 9 }).length;
  all += packed;
  console.log(`${name.padEnd(12)} ${String(bytes.length).padStart(8)} B  ${String(packed).padStart(7)} B gzipped`);
}
console.log(`${'all'.padEnd(12)} ${''.padStart(8)}    ${String(all).padStart(7)} B of ${budget}`);
if (all > budget) {
  console.error(`the bundle is ${all - budget} bytes over its budget`);
  process.exitCode = 1;
}
