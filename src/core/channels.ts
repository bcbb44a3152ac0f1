import type { Guard } from './guard.ts';

const { subscribe, unsubscribe } = process.getBuiltinModule('node:diagnostics_channel');

/** Channel name -> what to do with its message. */
export type Handlers = Readonly<Record<string, (message: never) => void>>;

/** Subscribes every handler of the table, each behind the guard; returns what undoes it. */
export function listen(guard: Guard, table: Handlers): () => void {
  const subscriptions = Object.entries(table).map(([name, handle]) => ({
    name,
    onMessage: guard(name, handle as (message: unknown) => void),
  }));

  for (const { name, onMessage } of subscriptions) subscribe(name, onMessage);
  return () => {
    for (const { name, onMessage } of subscriptions) unsubscribe(name, onMessage);
  };
}
