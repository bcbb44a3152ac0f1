import type { ClosedConnection, LiveConnection } from '../client/snapshot.ts';
import { byId, setHidden, setText } from './dom.ts';
import { phaseCell, poolCell, requestsCell } from './model/cells.ts';
import { counted, duration, NOTHING } from './model/format.ts';
import { originName, shortened, visible } from './model/names.ts';
import { heldFirst, MAX_ROWS } from './model/order.ts';
import { shownOf } from './model/sentences.ts';
import { causeWords, reasonWords } from './model/words.ts';
import { type Column, fillTable } from './table.ts';

type AnyConnection = LiveConnection | ClosedConnection;

const origin: Column<AnyConnection> = {
  name: 'Origin',
  kind: 'name',
  text: connection => shortened(originName(connection)),
  title: originName,
};
const cause: Column<AnyConnection> = {
  name: 'Opened because',
  kind: 'cause',
  text: connection => visible(causeWords(connection.cause)),
  title: connection => visible(connection.cause),
};
const age: Column<AnyConnection> = { name: 'Age', kind: 'time', text: connection => duration(connection.age) };
const requests: Column<AnyConnection> = { name: 'Requests', kind: 'events', text: requestsCell };
const pool: Column<AnyConnection> = { name: 'Pool', kind: 'gauge', text: poolCell };
const setUp: readonly Column<AnyConnection>[] = [
  { name: 'DNS', kind: 'phase', text: ({ phases }) => phaseCell(phases.dns) },
  { name: 'TCP', kind: 'phase', text: ({ phases }) => phaseCell(phases.connect) },
  { name: 'TLS', kind: 'phase', text: ({ phases }) => phaseCell(phases.tls) },
];

/** The open connections: those that a body holds come first. `open`: how many there are, listed or not. */
export function connectionsSection(): (live: readonly LiveConnection[], open: number) => Iterable<void> {
  const rows = fillTable<LiveConnection>(byId('live-table'), [
    origin,
    {
      name: 'State',
      kind: 'state',
      text: ({ state, heldFor }) => (heldFor === undefined ? visible(state) : 'held'),
      tone: ({ state, heldFor }) => (heldFor === undefined ? state : 'bad'),
    },
    age,
    requests,
    pool,
    {
      name: 'Idle for',
      kind: 'time',
      text: ({ idleFor }) => (idleFor === undefined ? NOTHING : duration(idleFor)),
    },
    {
      name: 'Held for',
      kind: 'time',
      text: ({ heldFor }) => (heldFor === undefined ? NOTHING : duration(heldFor)),
    },
    ...setUp,
    cause,
  ]);
  return (live, open) => {
    const drawn = heldFirst(live).slice(0, MAX_ROWS);
    setText(byId('live-count'), shownOf(drawn.length, Math.max(open, live.length), 'connection'));
    setHidden(byId('live-more'), drawn.length === live.length);
    setHidden(byId('live'), live.length === 0);
    // Open connections have no name of their own: a row is a place in the table.
    return rows.show(drawn, (_connection, index) => `${index}`);
  };
}

/** The last connections that were closed, the latest first. */
export function closedSection(): (closed: readonly ClosedConnection[]) => Iterable<void> {
  const rows = fillTable<ClosedConnection>(byId('closed-table'), [
    origin,
    {
      name: 'Closed because',
      kind: 'cause',
      text: ({ reason }) => visible(reasonWords(reason)),
      title: ({ reason }) => visible(reason),
    },
    cause,
    { ...age, name: 'Lived' },
    requests,
    pool,
    ...setUp,
  ]);
  return closed => {
    setText(byId('closed-count'), counted(closed.length, 'connection'));
    setHidden(byId('closed'), closed.length === 0);
    return rows.show(closed.toReversed(), (_connection, index) => `${index}`);
  };
}
