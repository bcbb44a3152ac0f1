import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { drawn, inaccessible, openPage, testInBrowser } from './browser.ts';
import { finding, live, origin, overview, service } from './fixtures.ts';

const textOf = (page: Page, selector: string) => page.locator(selector).innerText();
const textsOf = (page: Page, selector: string) => page.locator(selector).allInnerTexts();
const rowsOf = (page: Page, table: string) => page.locator(`#${table} tbody tr`).count();
const widthOf = (page: Page) => page.evaluate('document.documentElement.scrollWidth') as Promise<number>;

testInBrowser('without connections, the page says so', async () => {
  const { page } = await openPage(overview(), { width: 360 });

  expect(await widthOf(page)).toBe(360);
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
    expect(await page.locator('#live-more').isVisible()).toBe(true);
    expect(await textOf(page, '#live-count')).toMatch(/^200 of [12]\d,\d{3} connections$/);
    expect(await page.locator('.finding').count()).toBeLessThanOrEqual(6);

    await page.getByLabel('Filter by origin').fill('-0999.');
    await drawn(page);

    expect(await textsOf(page, '#origins-table tbody th')).toEqual(['ledger-0999.svc.cluster.local:443']);
    expect(await textsOf(page, '#live-table tbody th')).toEqual(['ledger-0999.svc.cluster.local:443']);
    expect(await page.locator('#origins-more:visible, #live-more:visible').count()).toBe(0);
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
  await drawn(page);

  expect(await page.locator('#findings-list .finding').count()).toBe(10);
  await page.getByRole('button', { name: 'Show fewer findings' }).click();
  await drawn(page);
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

testInBrowser('hostile texts of others are shown as text', async () => {
  const shown = HOSTILE.map(hostile => hostile.replace(/\p{Cf}/gu, '\ufffd'));
  const names = shown.map(name => (name.includes(':') ? `[${name}]:80` : `${name}:80`));
  const addresses = HOSTILE.map(address => ({ address, port: 80 }));
  const { page } = await openPage(
    overview({
      origins: addresses.map(each =>
        origin({ ...each, failed: [{ phase: 'connect', errorType: each.address, count: 1 }] }),
      ),
      findings: addresses.map(each =>
        finding({ ...each, what: each.address, fix: each.address, sites: [each.address], link: each.address }),
      ),
      live: addresses.map(each => live(each)),
      advice: addresses.map(each => ({
        ...each,
        kind: 'client_idle_timeout',
        seconds: 5,
        observations: 20,
        code: each.address,
      })),
    }),
    { width: 360 },
  );
  await page.getByRole('button', { name: 'more findings' }).click();
  await drawn(page);

  expect(await textsOf(page, '#findings-list .origin')).toEqual(names);
  expect(await textsOf(page, '#findings-list .what')).toEqual(shown);
  expect(await textsOf(page, '#findings-list code')).toEqual(shown.flatMap(each => [each, each]));
  expect(await page.locator('#findings-list a').count()).toBe(HOSTILE.length);
  expect(await page.locator('#findings-list a:visible, #findings-list a[href]').count()).toBe(0);
  expect(await textsOf(page, '#advice-list code')).toEqual(shown);
  expect(
    await page.evaluate("[...document.querySelectorAll('#origins-table th[scope=row]')].map(cell => cell.title)"),
  ).toEqual(names.toSorted());
  expect(await page.locator('main img, main script').count()).toBe(0);
  expect(await widthOf(page)).toBe(360);
});

testInBrowser.for([
  [1280, 'light'],
  [360, 'dark'],
] as const)('at %i px, %s, it is accessible and does not scroll sideways', async ([width, scheme]) => {
  const { live: open, closed, ...whole } = service(13);
  const { page } = await openPage({ ...whole, live: open.slice(0, 8), closed: closed.slice(0, 3) }, { width, scheme });

  expect(await inaccessible(page)).toEqual([]);
  expect(await widthOf(page)).toBe(width);
  const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
  expect(background).toBe(scheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(20, 23, 26)');

  await page.emulateMedia({ colorScheme: scheme === 'light' ? 'dark' : 'light' });
  expect(await inaccessible(page, 'color-contrast')).toEqual([]);
});

testInBrowser('at 320 px, with 100 origins, it does not scroll sideways', async () => {
  const { page } = await openPage(service(100), { width: 320 });

  expect(await widthOf(page)).toBe(320);
});

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
