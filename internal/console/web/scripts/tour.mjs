// Goes through the console as a person would, against a fresh `linkd demo`: what the seed describes, from the provider to
// the tags, then a stranger, a write, bytes, and the way back. Fails at the first thing that is not as it should be.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { open } from './browser.mjs';

const { browser, page, complaints, signIn, visit } = await open();
const wait = (ms) => new Promise((r) => setTimeout(r, ms));
const see = (words, within = 'body') =>
  page
    .waitForFunction(
      (w, css) => [...document.querySelectorAll(css)].some((el) => el.innerText.includes(w)),
      { timeout: 8000 },
      words,
      within,
    )
    .catch(() => {
      throw new Error(`not seen in ${within}: ${words}`);
    });
const press = async (words, within = 'main') => {
  const button = await page.waitForSelector(`${within} button ::-p-text(${words})`, { timeout: 8000 });
  await button.click();
};
const field = async (label, value, within = 'dialog') => {
  const input = await page.waitForSelector(`${within} ::-p-aria([name="${label}"])`, { timeout: 8000 });
  await input.evaluate((el) => {
    el.focus();
    el.select();
  });
  await page.keyboard.press('Backspace');
  await input.type(value);
};
const step = async (name, f) => {
  await f();
  console.log('ok  ' + name);
};
const closed = () =>
  page
    .waitForFunction(() => !document.querySelector('dialog'), { timeout: 8000 })
    .catch(async () => {
      throw new Error('still open: ' + (await page.$eval('dialog', (d) => d.innerText)));
    });

try {
  await page.setViewport({ width: 1280, height: 900 });
  await signIn();
  await step('a Tcp Server, from the tree by keyboard alone', async () => {
    await visit('#/project');
    await page.focus('[role=treeitem]');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Home');
    await page.keyboard.down('Shift');
    await page.keyboard.press('F10');
    await page.keyboard.up('Shift');
    await see('Add Tcp Server', '[role=menu]');
    await page.keyboard.press('Enter');
    await see('Conn Identity', 'dialog');
    await field('Name', 's9');
    await field('Title', 'S9');
    await field('Local IP', '127.0.0.1');
    await field('Local Port', '70000');
    await press('Save', 'dialog');
    await see('65535', 'dialog .field.wrong .fault');
    await field('Local Port', '0');
    await press('Save', 'dialog');
    await closed();
    await see('S9', '[role=tree]');
  });
  await step('a connection, from the menu of a right click', async () => {
    const node = await page.waitForSelector('[role=treeitem][data-id="provider/s9"]');
    await node.click({ button: 'right' });
    await press('Add Connection', '[role=menu]');
    await field('Name', 'c1');
    await field('Title', '1# dev');
    await field('Socket Conn Id', 'c0001');
    await press('Save', 'dialog');
    await closed();
    await see('c0001', 'main .card');
  });
  await step('a channel, with the drivers that the link allows', async () => {
    await press('Add Channel');
    await field('Name', 'ch_dev1');
    await see('driver sim runs without a link', 'dialog .driver.grey');
    await page.click('dialog input[value="modbus-rtu"]');
    await field('Poll every', '10x');
    await press('Save', 'dialog');
    await see('write a duration', 'dialog .field.wrong .fault');
    await field('Poll every', '10s');
    await field('Tag name', 'first');
    await field('Tag address', 'input:x');
    await press('Save', 'dialog');
    await see('input', 'dialog .field.wrong .fault');
    await field('Tag address', 'input:0');
    await press('Save', 'dialog');
    await closed();
    await see('modbus-rtu', 'main .facts');
  });
  await step('a device, and tags pasted from a spreadsheet', async () => {
    await press('Add Device');
    await field('Name', 'd2');
    await field('Unit', '999');
    await press('Save', 'dialog');
    await see('0 to 255', 'dialog .field.wrong .fault');
    await field('Unit', '2');
    await page.select('dialog select', 'climate');
    await press('Save', 'dialog');
    await closed();
    await press('Add a tag');
    await page.waitForSelector('.grid input');
    await page.$eval('.grid input', (el) => {
      const clip = new DataTransfer();
      clip.setData('text/plain', 'depth\t<b>T</b>\tinput:0\tint16\n1x\t\tinput:1\tuint16\n');
      el.dispatchEvent(new ClipboardEvent('paste', { clipboardData: clip, bubbles: true, cancelable: true }));
    });
    await press('Save');
    await see('start with a letter', '.grid .fault');
    const bad = await page.waitForSelector('.grid [data-row="1"][data-column="0"]');
    await bad.evaluate((el) => el.select());
    await bad.type('level');
    await press('Save');
    await see('is saved', '.toasts');
    await closed();
    await page.waitForFunction(
      () => ![...document.querySelectorAll('main button')].some((b) => b.innerText === 'Discard'),
    );
    await page.click('[data-id="device/ch_dev1/d2"] .twist');
    await see('level', '[role=tree]');
    assert.equal(await page.$('main b, [role=tree] b'), null, 'a title became HTML');
  });
  await step('a connection keeps what its dialog does not show when it is edited', async () => {
    await visit('#/project/connection/s9/c1');
    await press('Edit');
    await page.waitForFunction(() => document.querySelectorAll('dialog input')[2]?.value === 'c0001');
    await field('Title', 'renamed');
    await press('Save', 'dialog');
    await closed();
    await see('renamed');
    await see('c0001');
  });
  await step('a stranger is listed as text and adopted in two clicks', async () => {
    const at = await page.evaluate(
      async () => (await (await fetch('/api/v1/providers')).json()).items.find((p) => p.name === 's9').local_addr,
    );
    await visit('#/strangers');
    const device = connect(Number(at.split(':').at(-1)), '127.0.0.1', () => device.end('<i>x77</i>\n'));
    device.on('error', () => {});
    await see('<i>x77</i>', 'td');
    await press('Adopt');
    await see('It becomes a connection of s9', 'dialog');
    await press('Adopt', 'dialog');
    await closed();
    await see('is a connection now', '.toasts');
    assert.equal(await page.$('main i'), null, 'an id became HTML');
  });
  await step('a write is rejected, then confirmed, by the device', async () => {
    await visit('#/connection/s1/g2');
    await press('Write');
    await field('Value (°C)', '99');
    await press('Write', 'dialog');
    await see('Rejected', 'dialog');
    await field('Value (°C)', '28');
    await press('Write', 'dialog');
    await closed();
    await see('confirmed by the device', '.toasts');
  });
  await step('frames as they pass, and bytes sent by hand', async () => {
    await see('identity', '.frame'); // from before the page was opened
    await see('read input registers', '.frame');
    await press('Pause');
    const shown = await page.$$eval('.frame', (all) => all.length);
    await wait(3000);
    assert.equal(await page.$$eval('.frame', (all) => all.length), shown, 'frames went on while paused');
    await page.type('.send input', '01 0');
    await press('Send', '.send');
    await see('two digits', '.error-box');
    await page.$eval('.send input', (el) => el.select());
    await page.type('.send input', '01 03 00 00 00 01 84 0a');
    await field('Expected reply', '01 03 02', '.send');
    await press('Send', '.send');
    await see('begins as expected; more bytes follow: 4', 'main');
    await see('01 03 02', '.facts');
    await field('Expected reply', '01 03 04', '.send');
    await press('Send', '.send');
    await see('differs at byte 3: 02 instead of 04', 'main');
  });
  await step('a link is closed after a question, and the device comes back', async () => {
    await press('Close link');
    await see('may dial in again', 'dialog');
    await press('Close link', 'dialog');
    await closed();
    await page.waitForFunction(() => /Events: [3-9]/.test(document.body.innerText), { timeout: 20_000 });
  });
  await step('a plot and its CSV', async () => {
    await visit('#/tags?channel=ch_g1&plot=ch_g1%2Fd1%2Ftemperature,ch_g1%2Fd1%2Fhumidity');
    await page.waitForSelector('.uplot canvas');
  });
  await step('the fleet, filtered by its address', async () => {
    await visit('#/fleet?q=g1&state=online');
    await see('g19', '.vtable');
    assert.equal(await page.evaluate(() => document.querySelector('.vtable').innerText.includes('g20 ')), false);
  });
  await step('an import with an error in its line', async () => {
    await visit('#/system/import?provider=s9');
    await page.type('main textarea', 'name,socket_conn_id\na1,i1\n1a,i2\n');
    await press('Import', 'main .card');
    await see('1a', '.line-faults');
    await page.$eval('main textarea', (el) => {
      el.value = 'name,socket_conn_id\na1,i1\na2,i2\n';
      el.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await press('Import', 'main .card');
    await see('Imported', '.note');
  });
  await step('back to the first revision', async () => {
    await visit('#/project');
    await press('Changes');
    await see('project file', 'dialog');
    const all = await page.$$('dialog .revisions button');
    await all.at(-1).click();
    await see('- provider s9', 'dialog:last-of-type');
    const confirm = (await page.$$('dialog')).at(-1);
    await (await confirm.waitForSelector('button.danger')).click();
    await see('Back at revision', '.toasts');
  });
  await step('Chinese, and no act for a viewer', async () => {
    await page.keyboard.press('Escape');
    const secret = await page.evaluate(async () => {
      const made = await fetch('/api/v1/tokens', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ name: 'tour' + Date.now(), role: 'viewer' }),
      });
      return (await made.json()).token;
    });
    await page.click('header [aria-label="Sign out"]');
    await page.waitForSelector('.sign-in input');
    await press('中文', '.sign-in');
    await page.type('.sign-in input', secret);
    await page.click('.sign-in button[type=submit]');
    await page.waitForSelector('header.top');
    await visit('#/connection/s1/g1');
    await see('数据帧');
    assert.equal(await page.$('.send, td.acts button'), null, 'a viewer is offered an act');
    await visit('#/project/channel/ch_%7Bconnection%7D');
    await see('modbus-rtu');
    assert.equal(
      await page.$$eval('main .card .card-head button', (all) => all.length),
      0,
      'a viewer is offered an edit',
    );
  });
  const bad = complaints.filter((c) => !/status of (401|404|409|422)/.test(c));
  assert.deepEqual(bad, [], 'the browser complained');
} catch (err) {
  console.error('FAIL', err.message);
  await page.screenshot({ path: new URL('../shots/failed.png', import.meta.url).pathname }).catch(() => {});
  process.exitCode = 1;
} finally {
  await browser.close();
}
