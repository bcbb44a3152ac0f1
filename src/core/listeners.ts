import type { EventEmitter } from 'node:events';
import { type Guard, guardWith } from './guard.ts';

const events = process.getBuiltinModule('node:events');
const { nextTick } = process;

type Listener = (...args: never[]) => void;

/** Events and their listeners, in the order in which they are added. Objects, because V8 may make garbage to take a pair apart. */
export type Listeners = readonly { readonly event: string; readonly listener: Listener }[];

/** All listeners of connmeter, on whatever emitter. */
const ownListeners = new WeakSet<Listener>();

/** Creates the listeners of an emitter from a table of handlers by event. Each is wrapped in the guard. */
export function guardedListeners(
  guard: Guard,
  handlers: Readonly<Record<string, (this: never, ...args: never[]) => void>>,
): Listeners {
  return Object.entries(handlers).map(([event, handle]) => {
    const listener: Listener = guard(event, handle);
    ownListeners.add(listener);
    return { event, listener };
  });
}

/**
 * Adds listeners before all others: Node's own listeners end and destroy sockets, and after them it is too late to see which
 * side ended the connection first. Skips listeners that the emitter already has, for example those of a socket that is
 * connected again. Neither triggers the MaxListenersExceededWarning nor changes the limit.
 */
export function prependListeners(emitter: EventEmitter, listeners: Listeners): void {
  const limit = emitter.getMaxListeners();
  for (const { event, listener } of listeners) {
    const others = emitter.listenerCount(event);
    if (others > 0 && emitter.listeners(event).includes(listener as () => void)) continue;

    if (limit === 0 || others < limit) emitter.prependListener(event, listener as () => void);
    else prependWithoutLimit(emitter, event, listener);
  }
}

/**
 * Keeps our listeners from triggering a MaxListenersExceededWarning: from now on, Node prints the warning only when the
 * program's own listeners exceed the limit, with the count it would have without us. This also holds if the program changes
 * the emitter's limit or the default later. Node compares the count with the limit when a listener is added. If our
 * listeners would make the difference, they are removed before that, and added again in the next tick.
 *
 * Limitations: it runs a function for every listener that is added to the emitter. HTTP client sockets, to which Node adds
 * listeners for every request, therefore opt out: see `includeInMaxListeners`. So do emitters whose class overrides `emit`,
 * which would see the `newListener` event.
 */
export function excludeFromMaxListeners(emitter: EventEmitter): void {
  if (emitter.emit === events.prototype.emit) prependListeners(emitter, NEW_LISTENER);
}

/** Undoes `excludeFromMaxListeners`: a program that adds exactly as many listeners as the limit allows is now warned. */
export function includeInMaxListeners(emitter: EventEmitter): void {
  emitter.removeListener('newListener', onNewListener);
}

// Whatever is thrown here comes from the program's own listeners of `newListener` and `removeListener`.
const ignoringErrors = guardWith(() => {});

const onNewListener = ignoringErrors('newListener', function (this: EventEmitter, event: string) {
  const limit = this.getMaxListeners();
  if (limit === 0 || this.listenerCount(event) < limit) return;

  const own = (this.listeners(event) as Listener[]).filter(listener => ownListeners.has(listener));
  if (own.length === 0) return;

  for (const listener of own) this.removeListener(event, listener as () => void);
  const removed = own.map(listener => ({ event, listener }));
  nextTick(ignoringErrors('newListener', () => prependListeners(this, removed)));
});

/** Removes a listener of ours that is no longer needed. */
export const removeListeners = ignoringErrors('removeListener', (emitter: EventEmitter, listeners: Listeners) => {
  for (const { event, listener } of listeners) emitter.removeListener(event, listener as () => void);
});

const NEW_LISTENER: Listeners = [{ event: 'newListener', listener: onNewListener }];

/** Adds a listener without a limit. Node uses the emitter's own limit, or the default if it has none; both are restored at once. */
function prependWithoutLimit(emitter: EventEmitter, event: string, listener: Listener): void {
  const defaultLimit = events.defaultMaxListeners;
  events.defaultMaxListeners = 0;
  const ownLimit = emitter.getMaxListeners();
  try {
    if (ownLimit > 0) emitter.setMaxListeners(0);
    emitter.prependListener(event, listener as () => void);
  } finally {
    if (ownLimit > 0) emitter.setMaxListeners(ownLimit);
    events.defaultMaxListeners = defaultLimit;
  }
}
