// A browser that is signed in to a console, for the scripts that look at one.
// CONSOLE_URL says which (http://127.0.0.1:8080), CONSOLE_TOKEN has a token, CHROMIUM the browser (/usr/bin/chromium).
import puppeteer from 'puppeteer-core';

const base = process.env.CONSOLE_URL ?? 'http://127.0.0.1:8080';

/** The views that every script visits. The connection and the channel are those of `linkd demo`. */
export const views = {
  fleet: '#/fleet',
  connection: '#/connection/s1/g1',
  project: '#/project',
  provider: '#/project/provider/s1',
  channel: '#/project/channel/ch_%7Bconnection%7D',
  model: '#/project/model/climate',
  strangers: '#/strangers',
  tags: '#/tags?channel=ch_g1&plot=ch_g1%2Fd1%2Ftemperature',
  system: '#/system',
};

export async function open() {
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--force-prefers-reduced-motion'],
  });
  const page = await browser.newPage();
  const complaints = [];
  page.on('pageerror', (err) => complaints.push(String(err)));
  page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
  page.on('request', (r) => {
    if (!r.url().startsWith(base) && !/^(blob|data):/.test(r.url())) complaints.push('another host: ' + r.url());
  });
  await page.goto(base, { waitUntil: 'load' });
  await page.waitForSelector('.sign-in input');
  const signInPage = () => page.$('.sign-in');
  const signIn = async () => {
    await page.type('.sign-in input', process.env.CONSOLE_TOKEN ?? '');
    await page.click('.sign-in button[type=submit]');
    await page.waitForSelector('header.top');
  };
  const visit = async (hash) => {
    await page.evaluate((h) => {
      location.hash = h;
    }, hash);
    await new Promise((r) => setTimeout(r, 1500));
  };
  return { browser, page, complaints, signIn, signInPage, visit };
}

export async function colours(page, scheme) {
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
}
