// Takes a picture of every view, 1280 and 390 px wide, light and dark, into shots/. Names on the command line choose views.
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { colours, open, views } from './browser.mjs';

const to = fileURLToPath(new URL('../shots/', import.meta.url));
await mkdir(to, { recursive: true });
const { browser, page, complaints, signIn, visit } = await open();
try {
  await page.setViewport({ width: 1280, height: 900 });
  await page.screenshot({ path: to + 'sign-in.png' });
  await signIn();
  const chosen = process.argv.slice(2);
  for (const [name, hash] of Object.entries(views)) {
    if (chosen.length && !chosen.includes(name)) continue;
    for (const [width, scheme] of [
      [1280, 'light'],
      [390, 'dark'],
      [1280, 'dark'],
      [390, 'light'],
    ]) {
      await page.setViewport({ width, height: 900 });
      await colours(page, scheme);
      await visit(hash);
      await page.screenshot({ path: `${to}${name}-${width}-${scheme}.png`, fullPage: true });
    }
  }
} finally {
  await browser.close();
}
for (const c of complaints.filter((c) => !c.includes('401'))) console.log(c);
