import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { until } from '../support/until.ts';
import { drawn, inaccessible, openPage, testInBrowser } from './browser.ts';
import { finding, origin, overview, service } from './fixtures.ts';

const textOf = (page: Page, selector: string) => page.locator(selector).innerText();
const textsOf = (page: Page, selector: string) => page.locator(selector).allInnerTexts();
const rowsOf = (page: Page, table: string) => page.locator(`#${table} tbody tr`).count();

testInBrowser('it asks again every two seconds, and changes rows in place: focus, scroll and size stay', async () => {
  const before = service(100);
  const { page, serve } = await openPage(before, { height: 600 });
  await page.getByRole('button', { name: 'Copy the fix' }).nth(2).focus();
  await page.evaluate(`
    document.querySelector('#origins-region').scrollTop = 200;
    scrollTo(0, 150);
    globalThis.marked = [...document.querySelectorAll('#origins-table tr, #live-table tr, .finding')];
  `);
  const layout = () =>
    page.evaluate(`[
      scrollY, document.querySelector('#origins-region').scrollTop, document.documentElement.scrollHeight,
      document.activeElement.ariaLabel,
      [...document.querySelectorAll('#origins-table tr')].map(row => Math.round(row.getBoundingClientRect().top)).join(),
    ]`);
  const was = await layout();
  expect(await textOf(page, '#origins-table tbody tr >> nth=0')).toContain('541 total');

  serve({ ...service(100, 300, 62), at: before.at + 2_000, findings: before.findings });
  await until(
    () => textOf(page, '#origins-table tbody tr >> nth=0'),
    row => row.includes('\t9/s\t9/s\t0 %\t'),
    10_000,
  );
  await drawn(page);

  expect(await layout()).toEqual(was);
  expect(await page.evaluate('marked.every(element => element.isConnected)')).toBe(true);
});

testInBrowser('a row that moves keeps the focus', async () => {
  const [a, b] = [finding({ address: 'a.test', seconds: 10 }), finding({ address: 'b.test', seconds: 5 })];
  const { page, serve, poll } = await openPage(overview({ findings: [a, b] }));
  await page.getByRole('button', { name: 'Copy the fix for b.test' }).focus();

  serve(overview({ findings: [b, a] }));
  await poll();

  expect(await textsOf(page, '.finding .origin')).toEqual(['b.test:443', 'a.test:443']);
  expect(await page.evaluate('document.activeElement.ariaLabel')).toBe('Copy the fix for b.test:443');
});

testInBrowser('a screen reader hears the headline when it changes, and not with each poll', async () => {
  const { page, serve, poll } = await openPage(overview({ origins: [origin()], findings: [finding({ seconds: 41 })] }));
  await page.evaluate(`
    globalThis.said = [];
    for (const region of document.querySelectorAll('[aria-live], [role=status], [role=alert]')) {
      new MutationObserver(() => said.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
    }
  `);

  serve(overview({ origins: [origin()], findings: [finding({ seconds: 43 })] }));
  await poll();
  expect(await textOf(page, 'h1')).toBe('1 server wastes connections: 43 s lost');
  expect(await page.evaluate('said')).toEqual([]);

  serve(overview({ origins: [origin()] }));
  await poll();

  expect(await page.evaluate('said')).toEqual(['No wasted connections']);
});

testInBrowser('a process that has started again starts anew', async () => {
  const { page, serve, poll } = await openPage(service(4, 12, 600));
  serve(service(4, 12, 602));
  await poll();
  const newConnections = () => textOf(page, '#origins-table tbody tr:first-child td:nth-child(3)');
  expect(await newConnections()).toMatch(/\/s$/);

  serve(service(4, 12, 1));
  await poll();

  expect(await newConnections()).toBe('10 total');
  expect(await textOf(page, '#status')).toMatch(/The process has started again: counted anew since \d/);
  expect(await page.locator('#trouble').isVisible()).toBe(false);
});

testInBrowser('if there is no answer, it says so, keeps the last data, and goes on trying', async () => {
  const { page, serve, poll } = await openPage(overview({ origins: service(4).origins }), { expectsTrouble: true });
  serve(() => Promise.reject(new Error('no overview')));
  await poll();
  expect(await textOf(page, '#trouble')).toMatch(
    /^The process answers with status 500\. The last data is of \d+:\d\d:\d\d.*\. Trying again every 2 s\.$/,
  );
  expect(await textOf(page, '#announcement')).toBe(await textOf(page, '#trouble'));
  expect(await rowsOf(page, 'origins-table')).toBe(4);
  expect(await inaccessible(page, 'color-contrast')).toEqual([]);

  serve({ ...service(4), version: 2 } as never);
  await poll();
  expect(await textOf(page, '#trouble')).toMatch(/^The data has another version than this page: reload the page\./);

  serve(service(5));
  await page.locator('#trouble').waitFor({ state: 'hidden', timeout: 10_000 });
  await drawn(page);
  expect(await rowsOf(page, 'origins-table')).toBe(5);
});

testInBrowser('if the process has ended, it says so', async () => {
  const { page, stop } = await openPage(service(4), { expectsTrouble: true });

  await stop();
  await page.locator('#trouble').waitFor({ timeout: 10_000 });

  expect(await textOf(page, '#trouble')).toMatch(/^The process does not answer\. It may have ended/);
});

testInBrowser('a tab that is hidden asks for nothing', async () => {
  const { page, poll } = await openPage(service(4));
  await page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })");
  let asked = 0;
  page.on('request', () => asked++);

  await page.waitForTimeout(2_500);
  expect(asked).toBe(0);

  await page.evaluate('delete document.hidden');
  await poll();
  expect(asked).toBeGreaterThan(0);
});
