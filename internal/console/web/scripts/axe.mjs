// Runs axe-core over every view and some dialogs, light and dark, wide and narrow; fails on anything serious.
import axe from 'axe-core';
import { colours, open, views } from './browser.mjs';

const grave = ['serious', 'critical'];
let found = 0;

async function look(page, name) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  for (const v of violations) {
    const bad = grave.includes(v.impact);
    if (bad) found++;
    console.log(`${bad ? 'FAIL' : 'note'} ${name}: ${v.id} (${v.impact}): ${v.help}`);
    for (const n of v.nodes.slice(0, 3))
      console.log(`       ${n.target.join(' ')} ${n.failureSummary?.split('\n')[1] ?? ''}`);
  }
}

/** Dialogs: the view, and what is clicked there. */
const dialogs = {
  'dialog of a provider': ['#/project/provider/s1', 'Edit'],
  'dialog of a channel': ['#/project/channel/ch_%7Bconnection%7D', 'Edit'],
  'dialog of drivers': ['#/project/channel/ch_%7Bconnection%7D', 'Select Driver'],
  'drawer of changes': ['#/project', 'Changes'],
  'dialog of a write': ['#/connection/s1/g1', 'Write'],
  'frames paused': ['#/connection/s1/g1', 'Pause'],
  'dialog of a token': ['#/system', 'Make a token'],
  'dialog of an output': ['#/system', 'Add Output'],
  import: ['#/system/import', ''],
};

const { browser, page, signIn, visit } = await open();
try {
  await look(page, 'sign-in');
  await signIn();
  for (const [width, scheme] of [
    [1280, 'light'],
    [390, 'dark'],
  ]) {
    await page.setViewport({ width, height: 900 });
    await colours(page, scheme);
    for (const [name, hash] of Object.entries(views)) {
      await visit(hash);
      await look(page, `${name} ${width} ${scheme}`);
    }
    for (const [name, [hash, words]] of Object.entries(dialogs)) {
      await visit(hash);
      if (words) {
        const button = await page.waitForSelector(`main button ::-p-text(${words})`);
        await button.click();
        await new Promise((r) => setTimeout(r, 900));
      }
      await look(page, `${name} ${width} ${scheme}`);
      await page.keyboard.press('Escape');
    }
  }
} finally {
  await browser.close();
}
console.log(found ? `${found} serious findings` : 'nothing serious');
process.exitCode = found ? 1 : 0;
