import type { EventEmitter } from 'node:events';
import type { Guard } from '../../core/guard.ts';
import { excludeFromMaxListeners, guardedListeners, prependListeners } from '../../core/listeners.ts';

/** Where undici keeps the dispatcher of `fetch`: https://undici.nodejs.org/#/docs/api/GlobalInstallation */
const SYMBOLS = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')];

/**
 * Listens to `connect` of the global dispatchers of undici, which they emit right after `undici:client:connected`. Returns a
 * function that looks for dispatchers that are new.
 */
export function watchGlobalDispatchers(guard: Guard, onConnect: (dispatcher: object) => void): () => void {
  const listeners = guardedListeners(guard, {
    connect(this: object) {
      onConnect(this);
    },
  });
  const known = new WeakSet<object>();

  return () => {
    for (const symbol of SYMBOLS) {
      const dispatcher = (globalThis as unknown as Record<symbol, EventEmitter | undefined>)[symbol];
      if (typeof dispatcher?.prependListener !== 'function' || known.has(dispatcher)) continue;

      known.add(dispatcher);
      prependListeners(dispatcher, listeners);
      excludeFromMaxListeners(dispatcher);
    }
  };
}
