import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { drawn, inaccessible, openPage, testInBrowser } from './browser.ts';
import { finding, live, origin, overview, service } from './fixtures.ts';

const textOf = (page: Page, selector: string) => page.locator(selector).innerText();
const textsOf = (page: Page, selector: string) => page.locator(selector).allInnerTexts();
const rowsOf = (page: Page, table: string) => page.locator(`#${table} tbody tr`).count();
const widthOf = (page: Page) => page.evaluate('document.documentElement.scrollWidth') as Promise<number>;

testInBrowser('without connections, the page says so', async () => {
  const { page } = await openPage(overview());

  expect(await textOf(page, 'h1')).toBe('connmeter has seen no connections yet');
  expect(await page.title()).toBe('connmeter has seen no connections yet');
  expect(await page.locator('#origins-none').isVisible()).toBe(true);
  expect(await textsOf(page, 'h2:visible')).toEqual(['Origins']);
});

testInBrowser('of ten origins, everything is shown, the worst first', async () => {
  const { page } = await openPage(service(10));

  expect(await textOf(page, 'h1')).toMatch(/^3 servers waste connections: \d+ \w+ lost$/);
  expect(await textsOf(page, 'h2:visible')).toEqual([
    'Findings',
    'Origins',
    'Advice',
    'Open connections',
    'Last closed',
  ]);
  expect(await textsOf(page, '#origins-table thead th')).toEqual([
    ...['Origin', 'Verdict', 'New connections', 'Requests', 'Reuse', 'Set-up'],
    ...['Active', 'Idle', 'Opening', 'Held', 'Waiting', 'Failures'],
  ]);
  expect((await textOf(page, '#origins-table tbody tr:first-child')).split('\t')).toEqual([
    ...['pay-0000.svc.cluster.local:443', 'a client per request', '541 total', '540 total', '0 %', '2 ms'],
    ...['0', '3', '1', '0', '0', '0'],
  ]);
  expect([await rowsOf(page, 'origins-table'), await rowsOf(page, 'live-table')]).toEqual([10, 30]);
  const [first] = await textsOf(page, '.finding');
  expect(first?.split('\n').filter(line => line.trim() !== '')).toEqual([
    'pay-0000.svc.cluster.local:443 a client per request',
    '1,200 of 1,300 connections, 4 min lost',
    'The program creates a client for each request, so no connection is ever used twice. At src/pay.ts:42, src/refund.ts:7',
    'const client = new Agent() // once, when the module is loaded',
    'Copy',
    'About new_pool',
  ]);
  expect(await page.locator('.finding a').first().getAttribute('href')).toMatch(/^https:.*#cause-new_pool$/);
});

testInBrowser(
  'of 1,000 origins and 20,000 connections, 200 each are drawn, and the filter finds the others',
  async () => {
    const { page } = await openPage(service(1000, 20_000));
    expect([await rowsOf(page, 'origins-table'), await rowsOf(page, 'live-table')]).toEqual([200, 200]);
    expect(await textOf(page, '#origins-count')).toBe('200 of 1,000 origins');
    expect(await textOf(page, '#origins-more')).toMatch(/^800 more origins are not shown/);
    expect(await textOf(page, '#live-count')).toMatch(/^200 of [12]\d,\d{3} connections$/);
    expect(await page.locator('.finding').count()).toBeLessThanOrEqual(6);

    await page.getByLabel('Filter by origin').fill('-0999.');
    await drawn(page);

    expect(await textsOf(page, '#origins-table tbody th')).toEqual(['ledger-0999.svc.cluster.local:443']);
    expect(await textsOf(page, '#live-table tbody th')).toEqual(['ledger-0999.svc.cluster.local:443']);
    expect(await page.locator('#origins-more').isVisible()).toBe(false);
    expect(await textOf(page, 'h1')).toMatch(/^\d+ servers waste connections/); // of all, whatever the filter

    await page.getByLabel('Filter by origin').fill('');
    await drawn(page);
    expect(await rowsOf(page, 'origins-table')).toBe(200);
  },
);

testInBrowser('more findings are shown when somebody asks for them', async () => {
  const { page } = await openPage(service(40));
  const more = page.getByRole('button', { name: 'Show 5 more findings' });
  expect(await page.locator('.finding:visible').count()).toBe(5 + 1); // and the advice

  await more.click();

  expect(await page.locator('#findings-list .finding').count()).toBe(10);
  await page.getByRole('button', { name: 'Show fewer findings' }).click();
  expect(await page.locator('#findings-list .finding').count()).toBe(5);
});

const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(2)</script>',
  '\u202egnp.exe\u2066',
  `${'long-'.repeat(50)}.test`,
  'javascript:alert(3)',
  '__proto__',
];

testInBrowser.for(HOSTILE)('the text %j of others is shown as text', async hostile => {
  const shown = hostile.replace(/\p{Cf}/gu, '\ufffd');
  const name = shown.includes(':') ? `[${shown}]:80` : `${shown}:80`;
  const address = { address: hostile, port: 80 };
  const { page } = await openPage(
    overview({
      origins: [origin({ ...address, failed: [{ phase: 'connect', errorType: hostile, count: 1 }] })],
      findings: [finding({ ...address, what: hostile, fix: hostile, sites: [hostile], link: hostile })],
      live: [live(address)],
      advice: [{ ...address, kind: 'client_idle_timeout', seconds: 5, observations: 20, code: hostile }],
    }),
    { width: 360 },
  );

  expect(await textOf(page, '.finding .origin >> nth=0')).toBe(name);
  expect(await textsOf(page, '#findings-list code')).toEqual([shown, shown]);
  expect(await page.locator('#findings-list a').count()).toBe(1);
  expect(await page.locator('#findings-list a').isVisible()).toBe(false);
  expect(await page.locator('#findings-list a').getAttribute('href')).toBeNull();
  expect(await page.locator('#origins-table th[scope=row]').getAttribute('title')).toBe(name);
  expect(await page.locator('main img, main script').count()).toBe(0);
  expect(await widthOf(page)).toBe(360);
});

testInBrowser.for([
  [1280, 'light', 10],
  [1280, 'dark', 10],
  [360, 'light', 10],
  [360, 'dark', 10],
  [360, 'light', 0],
  [320, 'light', 100],
] as const)(
  'at %i px, %s, with %i origins, it is accessible and does not scroll sideways',
  async ([width, scheme, origins]) => {
    const { page } = await openPage(service(origins), { width, scheme });

    expect(await inaccessible(page)).toEqual([]);
    expect(await widthOf(page)).toBe(width);
    const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(background).toBe(scheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(20, 23, 26)');
  },
);

testInBrowser('with the keyboard alone, everything can be reached and used, and the focus is visible', async () => {
  const { page } = await openPage(service(10), { permissions: ['clipboard-read', 'clipboard-write'] });
  const focused = async () => {
    await page.keyboard.press('Tab');
    return page.evaluate(`(() => {
      const { ariaLabel, textContent, id, tagName } = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      const name = ariaLabel ?? document.getElementById(document.activeElement.getAttribute('aria-labelledby'))?.textContent;
      return [tagName, name ?? (id === '' ? textContent : id), outlineStyle + ' ' + outlineWidth].join(' / ');
    })()`) as Promise<string>;
  };

  expect(await focused()).toBe('A / Skip to the findings / solid 2px');
  expect(await page.locator('.skip').boundingBox()).toMatchObject({ x: expect.closeTo(8, 0) });
  await page.keyboard.press('Enter');
  expect(await page.evaluate('document.activeElement.id')).toBe('main');

  expect(await focused()).toBe('BUTTON / Copy the fix for pay-0000.svc.cluster.local:443 / solid 2px');
  await page.keyboard.press('Enter');
  await page.getByText('Copied').waitFor();
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(
    'const client = new Agent() // once, when the module is loaded',
  );
  expect(await focused()).toBe('A / About new_pool / solid 2px');
  for (let i = 0; i < 4; i++) await focused();
  expect(await focused()).toBe('SECTION / Origins / solid 2px');
  await page.keyboard.press('ArrowDown');
  expect(await focused()).toMatch(/^BUTTON .* Copy the advice for users-0002/);
  expect(await focused()).toBe('SECTION / Open connections / solid 2px');
  expect(await focused()).toBe('SECTION / Last closed / solid 2px');
});

testInBrowser('without access to the clipboard, the copy button selects the code', async () => {
  const { page } = await openPage(service(10));
  await page.evaluate("navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed'))");

  await page.getByRole('button', { name: 'Copy the fix' }).first().click();

  await page.getByText('Selected').waitFor();
  expect(await page.evaluate('String(getSelection())')).toBe(
    'const client = new Agent() // once, when the module is loaded',
  );
});

testInBrowser('it asks again every two seconds, and changes rows in place: focus, scroll and size stay', async () => {
  let seconds = 60;
  const { page } = await openPage(
    async () => ({ ...service(100, 300, seconds), findings: service(100).findings }), // as bad as before
    { height: 600 },
  );
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
  const before = await layout();
  expect(await textOf(page, '#origins-table tbody tr >> nth=0')).toContain('541 total');

  seconds = 62;
  await page.waitForResponse('**/connmeter.json', { timeout: 3_000 });
  await drawn(page);

  expect(await textOf(page, '#origins-table tbody tr >> nth=0')).toMatch(/\t\d+(\.\d)?\/s\t/);
  expect(await layout()).toEqual(before);
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
  const { page, serve, poll } = await openPage(service(4), { expectsTrouble: true });
  serve(() => Promise.reject(new Error('no overview')));
  await poll();
  expect(await textOf(page, '#trouble')).toMatch(
    /^The process answers with status 500\. The last data is of \d+:\d\d:\d\d.*\. Trying again every 2 s\.$/,
  );
  expect(await textOf(page, '#announcement')).toBe(await textOf(page, '#trouble'));
  expect(await rowsOf(page, 'origins-table')).toBe(4);
  expect(await inaccessible(page)).toEqual([]);

  serve({ ...service(4), version: 2 } as never);
  await poll();
  expect(await textOf(page, '#trouble')).toMatch(/^The data has another version than this page: reload the page\./);

  serve(service(5));
  await page.waitForResponse('**/connmeter.json', { timeout: 3_000 });
  await drawn(page);
  expect(await page.locator('#trouble').isVisible()).toBe(false);
  expect(await rowsOf(page, 'origins-table')).toBe(5);
});

testInBrowser('if the process has ended, it says so', async () => {
  const { page, stop } = await openPage(service(4), { expectsTrouble: true });

  await stop();
  await page.locator('#trouble').waitFor({ timeout: 4_000 });

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
  expect(asked).toBe(1);
});
