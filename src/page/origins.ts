import { byId, setHidden, setText } from './dom.ts';
import { eventCell, failureCell, gaugeCell, reuseCell } from './model/cells.ts';
import { duration, NOTHING } from './model/format.ts';
import { originName, shortened } from './model/names.ts';
import { type JudgedOrigin, MAX_ROWS } from './model/order.ts';
import { type History, rowKey, totalsOf } from './model/rates.ts';
import { notShown, shownOf } from './model/sentences.ts';
import { fillTable } from './table.ts';

/** The table of origins, the worst first. */
export function originsSection(
  history: History,
): (judged: readonly JudgedOrigin[], isFiltered: boolean) => Iterable<void> {
  const recentOf = ({ origin }: JudgedOrigin) => history.recent(rowKey(origin));
  const gauge = (name: string, read: (judged: JudgedOrigin) => number, above = '') => ({
    name,
    kind: `gauge ${name.toLowerCase()}`,
    text: (judged: JudgedOrigin) => gaugeCell(read(judged)),
    tone: (judged: JudgedOrigin) => (read(judged) === 0 ? 'none' : above),
  });
  const rows = fillTable<JudgedOrigin>(byId('origins-table'), [
    {
      name: 'Origin',
      kind: 'name',
      text: ({ origin }) => shortened(originName(origin)) + (origin.http ? '' : ' (not HTTP)'),
      title: ({ origin }) => originName(origin),
    },
    { name: 'Verdict', kind: 'verdict', text: ({ verdict }) => verdict.text, tone: ({ verdict }) => verdict.severity },
    {
      name: 'New connections',
      kind: 'events',
      text: judged => {
        const recent = recentOf(judged);
        return eventCell(totalsOf(judged.origin).opened, recent?.opened, recent?.seconds ?? 0);
      },
    },
    {
      name: 'Requests',
      kind: 'events',
      text: judged => {
        const [recent, { fresh, reused }] = [recentOf(judged), totalsOf(judged.origin)];
        if (!judged.origin.http) return NOTHING;
        return eventCell(fresh + reused, recent && recent.fresh + recent.reused, recent?.seconds ?? 0);
      },
    },
    { name: 'Reuse', kind: 'gauge reuse', text: judged => reuseCell(judged.origin, recentOf(judged)) },
    {
      name: 'Set-up',
      kind: 'time',
      text: ({ origin }) => (origin.setup === 0 ? NOTHING : duration(origin.setup)),
    },
    gauge('Active', ({ origin }) => origin.now.active),
    gauge('Idle', ({ origin }) => origin.now.idle),
    gauge('Opening', ({ origin }) => origin.now.opening),
    gauge('Held', ({ origin }) => origin.now.held, 'bad'),
    gauge('Waiting', ({ origin }) => origin.waiting, 'watch'),
    {
      name: 'Failures',
      kind: 'failures',
      text: ({ origin }) => failureCell(origin),
      tone: judged => {
        if (totalsOf(judged.origin).failed === 0) return 'none';
        return (recentOf(judged)?.failed ?? 0) > 0 ? 'bad' : '';
      },
    },
  ]);
  return (judged, isFiltered) => {
    const drawn = judged.slice(0, MAX_ROWS);
    setText(byId('origins-count'), shownOf(drawn.length, judged.length, 'origin'));
    setHidden(byId('origins-count'), judged.length === 0 && !isFiltered);
    setText(byId('origins-more'), notShown(judged.length - drawn.length, 'origin'));
    setHidden(byId('origins-more'), drawn.length === judged.length);
    setHidden(byId('origins-region'), judged.length === 0);
    setHidden(byId('origins-none'), judged.length > 0 || isFiltered);
    return rows.show(drawn, ({ origin }) => rowKey(origin));
  };
}
