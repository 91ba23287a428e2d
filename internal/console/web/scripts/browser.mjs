// A browser that is signed in to a console, for the script that goes through one.
// CONSOLE_URL says which (http://127.0.0.1:8080), CONSOLE_TOKEN has a token, CHROMIUM the browser (/usr/bin/chromium).
import puppeteer from 'puppeteer-core';

const base = process.env.CONSOLE_URL ?? 'http://127.0.0.1:8080';

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
  return { browser, page, complaints, signIn, visit };
}
