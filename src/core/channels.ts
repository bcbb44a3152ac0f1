import type { Guard } from './guard.ts';

export const { channel, subscribe, unsubscribe } = process.getBuiltinModule('node:diagnostics_channel');

/** Handlers of diagnostics channels, by channel name. */
export type Handlers = Readonly<Record<string, (message: never) => void>>;

/** The same handlers, except while `isOff` is true. */
export function unless(isOff: () => boolean, handlers: Handlers): Handlers {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handle]) => [
      name,
      (message: never) => {
        if (!isOff()) handle(message);
      },
    ]),
  );
}

/** Subscribes every handler, each behind the guard. Returns a function that unsubscribes them all. */
export function subscribeAll(guard: Guard, handlers: Handlers): () => void {
  const subscriptions = Object.entries(handlers).map(([name, handle]) => ({
    name,
    onMessage: guard(name, handle as (message: unknown) => void),
  }));

  for (const { name, onMessage } of subscriptions) subscribe(name, onMessage);
  return () => {
    for (const { name, onMessage } of subscriptions) unsubscribe(name, onMessage);
  };
}

/** Sends a message to the subscribers of a channel in this process, which may answer by changing it. */
export function publish(name: string, message: object): void {
  channel(name).publish(message);
}
