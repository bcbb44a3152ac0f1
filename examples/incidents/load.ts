import { setTimeout as sleep } from 'node:timers/promises';
import type { Half, Incident } from './incident.ts';

/** Makes the calls of one half of an incident, until it is stopped. */
export class Load {
  readonly #stopped = new AbortController();
  readonly #ended: Promise<void>;

  constructor({ load, path }: Incident, { call }: Half, upstream: string) {
    this.#ended = this.#run(() => call(`${upstream}${path}`), load);
  }

  /** Resolves when the calls that are under way have ended. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#ended;
  }

  async #run(call: () => Promise<void>, { together, pauses }: Incident['load']): Promise<void> {
    const { signal } = this.#stopped;
    for (let i = 0; !signal.aborted; i++) {
      // Some calls fail on purpose, and the metrics show it.
      await Promise.allSettled(Array.from({ length: together }, call));
      await sleep(pauses[i % pauses.length], undefined, { signal }).catch(() => {});
    }
  }
}

/** A healthy caller: four requests a second, by fetch, which keeps its connections. It reads every body. */
export async function background(upstream: string): Promise<void> {
  for (;;) {
    await fetch(`${upstream}/`).then(
      response => response.text(),
      () => {},
    );
    await sleep(250);
  }
}
