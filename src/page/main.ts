import type { Overview } from '../explain/overview.ts';
import { adviceSection } from './advice.ts';
import { closedSection, connectionsSection } from './connections.ts';
import { byId } from './dom.ts';
import { Drawing } from './drawing.ts';
import { findingsSection } from './findings.ts';
import { headlineSection } from './headline.ts';
import { nameFilter, originKey } from './model/names.ts';
import { findingsByOrigin, type JudgedOrigin, worstFirst } from './model/order.ts';
import { History, rowKey } from './model/rates.ts';
import { verdictOf } from './model/verdict.ts';
import { originsSection } from './origins.ts';
import { Polling } from './polling.ts';

const history = new History();
const input = byId('filter') as HTMLInputElement;
let overview: Overview | undefined;
let trouble: string | undefined;

const redraw = () => void drawing.request();
const [showHeadline, showFindings, showOrigins] = [headlineSection(), findingsSection(redraw), originsSection(history)];
const [showAdvice, showLive, showClosed] = [adviceSection(), connectionsSection(), closedSection()];

/** Each part shows what the filter lets through. */
const drawing = new Drawing([
  () => {
    showHeadline(overview, trouble, history.restartedAt);
    return [];
  },
  () => showFindings(filtered(overview?.findings)),
  () => showOrigins(worstFirst(judged(filtered(overview?.origins))), input.value.trim() !== ''),
  () => showAdvice(filtered(overview?.advice)),
  () => showLive(filtered(overview?.live), openOf(filtered(overview?.origins))),
  () => showClosed(filtered(overview?.closed)),
]);

function filtered<Item extends { readonly address: string; readonly port: number | undefined }>(
  items: readonly Item[] = [],
): Item[] {
  return items.filter(nameFilter(input.value));
}

function judged(origins: readonly Overview['origins'][number][]): JudgedOrigin[] {
  const findings = findingsByOrigin(overview?.findings ?? []);
  const withHttp = new Set(origins.filter(({ http }) => http).map(originKey));
  return origins.map(origin => {
    const key = originKey(origin);
    // An origin that is listed twice has its findings where its requests are.
    const own = origin.http || !withHttp.has(key) ? (findings.get(key) ?? []) : [];
    const seconds = own.reduce((sum, each) => sum + each.seconds, 0);
    return { origin, seconds, verdict: verdictOf(origin, own, history.recent(rowKey(origin))) };
  });
}

function openOf(origins: readonly Overview['origins'][number][]): number {
  return origins.reduce((sum, { now }) => sum + now.active + now.idle + now.opening, 0);
}

input.addEventListener('input', redraw);
new Polling(
  data => {
    [overview, trouble] = [data, undefined];
    history.add(data);
    redraw();
  },
  what => {
    trouble = what;
    redraw();
  },
).start();
