import type { EventEmitter } from 'node:events';
import { type Guard, guardWith } from './guard.ts';

const events = process.getBuiltinModule('node:events');
const { nextTick } = process;

type Listener = (...args: never[]) => void;

/** What is listened to on an emitter. */
export type Listeners = readonly (readonly [event: string, listener: Listener])[];

/** All listeners of ours, on whatever emitter. */
const known = new WeakSet<Listener>();

/** Marks them as ours, for `stepAside` to know them by. */
export function markAsOurs(listeners: Listeners): Listeners {
  for (const [, listener] of listeners) known.add(listener);
  return listeners;
}

/** Makes connmeter's own listeners of a table of events and handlers, each behind the guard. */
export function guardedListeners(
  guard: Guard,
  handlers: Readonly<Record<string, (this: never, ...args: never[]) => void>>,
): Listeners {
  return markAsOurs(Object.entries(handlers).map(([event, handle]) => [event, guard(event, handle) as Listener]));
}

/**
 * Adds listeners before those of all others: Node's own end and destroy sockets, and then nobody can see who began. Leaves
 * out what the emitter has already, as a socket that is connected again. Neither warns of too many listeners, nor
 * changes the limit on them.
 */
export function listenFirst(emitter: EventEmitter, listeners: Listeners): void {
  const limit = emitter.getMaxListeners();
  for (const [event, listener] of listeners) {
    const others = emitter.listenerCount(event);
    if (others > 0 && emitter.listeners(event).includes(listener as () => void)) continue;

    if (limit === 0 || others < limit) emitter.prependListener(event, listener as () => void);
    else withoutLimit(emitter, () => emitter.prependListener(event, listener as () => void));
  }
}

/**
 * From now on, Node warns of too many listeners when it would without ours, in the same words: whatever limit the program
 * sets, before or after, and though the default changes. Node counts when one is added, and says so before. If the limit is
 * reached by then, ours are taken away, and come back when the code that runs now has returned.
 *
 * Limitations: each listener that is added to the emitter costs a call. So where Node itself adds several for each
 * request, ours do not step aside: see `stopSteppingAside`. Nor on an emitter whose class has its own `emit`, which would
 * see that call.
 */
export function stepAside(emitter: EventEmitter): void {
  if (emitter.emit === events.prototype.emit) listenFirst(emitter, AWARE);
}

/** From now on ours count as any others do: a program that fills an event up to its limit is warned one listener early. */
export function stopSteppingAside(emitter: EventEmitter): void {
  emitter.removeListener('newListener', onNewListener);
}

/** What is thrown here comes from the program's own listeners of `newListener` and `removeListener`. */
const quietly = guardWith(() => {});

const onNewListener = quietly('newListener', function (this: EventEmitter, event: string) {
  const limit = this.getMaxListeners();
  if (limit === 0 || this.listenerCount(event) < limit) return;

  const own = (this.listeners(event) as Listener[]).filter(listener => known.has(listener));
  if (own.length === 0) return;

  for (const listener of own) this.removeListener(event, listener as () => void);
  const back = own.map(listener => [event, listener] as const);
  nextTick(quietly('newListener', () => listenFirst(this, back)));
});

/** Takes away one of ours that has heard all it is there for. */
export const stopListening = quietly('removeListener', (emitter: EventEmitter, event: string, listener: Listener) => {
  emitter.removeListener(event, listener as () => void);
});

const AWARE: Listeners = [['newListener', onNewListener]];

/** Node goes by the emitter's own limit, or by the default where it has none. Both are put back at once. */
function withoutLimit(emitter: EventEmitter, add: () => void): void {
  const usual = events.defaultMaxListeners;
  events.defaultMaxListeners = 0;
  const own = emitter.getMaxListeners();
  try {
    if (own > 0) emitter.setMaxListeners(0);
    add();
  } finally {
    if (own > 0) emitter.setMaxListeners(own);
    events.defaultMaxListeners = usual;
  }
}
