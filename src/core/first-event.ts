import { subscribeAll } from './channels.ts';
import type { Guard } from './guard.ts';

/** Calls back once, at the first event that is measured: a connection attempt, or a server that listens. */
export function atFirstEvent(guard: Guard, begin: () => void): void {
  const once = () => {
    unsubscribe();
    begin();
  };
  const unsubscribe = subscribeAll(guard, {
    'net.client.socket': once,
    'tracing:net.server.listen:asyncEnd': once,
  });
}
