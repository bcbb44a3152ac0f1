import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, expect, onTestFinished } from 'vitest';
import type { Overview } from '../../src/explain/overview.ts';
import { OVERVIEW_PATH } from '../../src/register/local-page.ts';
import { MAX_OVERVIEW_AGE } from '../../src/register/overview-json.ts';
import { pathOf, testWith } from '../support/installed.ts';
import { startMetricsServer } from '../support/metrics-server.ts';

/** `test` if Chromium is installed. Otherwise the tests are skipped with a warning, or fail if CI=true. */
export const testInBrowser = testWith('chromium');

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser: Promise<Browser> | undefined;
afterAll(async () => (await browser)?.close());

/** One browser for all tests of a file. */
function launched(): Promise<Browser> {
  browser ??= chromium.launch({ executablePath: pathOf('chromium') ?? 'chromium', args: ['--disable-gpu'] });
  return browser;
}

export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
  readonly permissions?: readonly string[];
  /** Whether a response with an error status is part of the test. */
  readonly expectsTrouble?: boolean;
}

export interface OpenPage {
  readonly page: Page;
  readonly base: string;
  /** What the server answers from now on. */
  serve(next: Overview | (() => Promise<Overview>)): void;
  /** Waits until the data may be asked for again, asks, and waits until it is drawn. */
  poll(): Promise<void>;
  /** Ends the server. */
  stop(): Promise<void>;
}

/** Opens the page in a tab of its own, and waits until it has drawn the data. The test fails if the page breaks a rule. */
export async function openPage(
  first: Overview | (() => Promise<Overview>),
  { width = 1280, height = 900, scheme = 'light', permissions = [], expectsTrouble = false }: PageOptions = {},
): Promise<OpenPage> {
  let current = first;
  const { base, server } = await startMetricsServer({
    overview: async () => (typeof current === 'function' ? current() : current),
    onServerFault: (where, error) => expectsTrouble || expect.unreachable(`${where}: ${error}`),
  });
  const context = await (await launched()).newContext({
    viewport: { width, height },
    colorScheme: scheme,
    permissions: [...permissions],
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', error => complaints.push(`error: ${error.message}`));
  page.on('console', message => {
    if (!(expectsTrouble && /Failed to load resource/.test(message.text())))
      complaints.push(`console: ${message.text()}`);
  });
  page.on('request', request => {
    if (!request.url().startsWith(`${base}/`)) complaints.push(`request: ${request.url()}`);
  });
  page.on('dialog', dialog => complaints.push(`dialog: ${dialog.message()}`));
  await page.addInitScript(`
    globalThis.violations = [];
    addEventListener('securitypolicyviolation', event => violations.push(event.violatedDirective + ' ' + event.blockedURI));
  `);
  onTestFinished(async () => {
    const violations = await page.evaluate('violations').catch(() => []);
    await context.close();
    expect({ complaints, violations }).toEqual({ complaints: [], violations: [] });
  });

  const answered = page.waitForResponse(`${base}${OVERVIEW_PATH}`);
  await page.goto(base);
  await answered;
  await drawn(page);
  return {
    page,
    base,
    serve(next) {
      current = next;
    },
    async poll() {
      await page.waitForTimeout(MAX_OVERVIEW_AGE + 50);
      const response = page.waitForResponse(`${base}${OVERVIEW_PATH}`);
      await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
      await response;
      await drawn(page);
    },
    async stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** More frames than the page has parts: if nothing has changed for so long, all of it is drawn. */
const QUIET_FRAMES = 8;

/** Waits until the page has drawn what it has got. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate(`(async () => {
    let quiet = 0;
    const observer = new MutationObserver(() => { quiet = 0; });
    observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
    while (quiet++ < ${QUIET_FRAMES}) await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
    observer.disconnect();
  })()`);
}

/** What axe finds wrong: by the criteria of WCAG 2.2 AA and by good practice, or by one rule. */
export async function inaccessible(page: Page, rule?: string): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const options = rule === undefined ? {} : { runOnly: [rule] };
  const { violations, passes } = (await page.evaluate(`axe.run(document, ${JSON.stringify(options)})`)) as AxeResults;
  expect(passes.length).toBeGreaterThan(rule === undefined ? 10 : 0);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}
