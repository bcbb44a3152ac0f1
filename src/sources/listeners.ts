import type { EventEmitter } from 'node:events';
import { guardWith } from '../guard.ts';

const events = process.getBuiltinModule('node:events');
const { nextTick } = process;

type Listener = (...args: never[]) => void;

/** What is listened to on an emitter. */
export type Listeners = readonly (readonly [event: string, listener: Listener])[];

/** All listeners of ours, on whatever emitter. */
const known = new WeakSet<Listener>();

/** Marks them, so that `stepAside` can tell ours from the program's. */
export function ours(listeners: Listeners): Listeners {
  for (const [, listener] of listeners) known.add(listener);
  return listeners;
}

/**
 * Adds listeners before all others: Node's own end and destroy sockets, and then it cannot be seen which side began. Skips
 * those that the emitter has already, as a socket that is connected again does. Never causes a warning of too many listeners,
 * and leaves the limit as it is.
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
 * Makes Node warn of too many listeners when it would without ours, in the same words, whatever limit the program sets and
 * whenever the default changes. Node counts each time a listener is added, and emits `newListener` before. If the limit is
 * reached by then, ours are removed, and added again when the running code has returned.
 *
 * Limitations: each listener that is added to the emitter costs a call. So ours do not step aside where Node itself adds
 * several for each request (`stopSteppingAside`). Nor where the emitter's class has an `emit` of its own, which would see
 * that call.
 */
export function stepAside(emitter: EventEmitter): void {
  if (emitter.emit === events.prototype.emit) listenFirst(emitter, AWARE);
}

/** From now on Node counts ours, too: a program that fills an event up to its limit is warned one listener early. */
export function stopSteppingAside(emitter: EventEmitter): void {
  emitter.removeListener('newListener', onNewListener);
}

const quietly = guardWith(() => {}); // what is thrown here comes from the program's own listeners of `newListener`

const onNewListener = quietly('newListener', function (this: EventEmitter, event: string) {
  const limit = this.getMaxListeners();
  if (limit === 0 || this.listenerCount(event) < limit) return;

  const own = (this.listeners(event) as Listener[]).filter(listener => known.has(listener));
  if (own.length === 0) return;

  for (const listener of own) this.removeListener(event, listener as () => void);
  const back = own.map(listener => [event, listener] as const);
  nextTick(quietly('newListener', () => listenFirst(this, back)));
});

const AWARE: Listeners = [['newListener', onNewListener]];

/** Lifts the emitter's own limit and the default, and puts both back. */
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
