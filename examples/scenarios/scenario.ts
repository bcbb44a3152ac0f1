// Defines scenarios and runs them. Each scenario is a file in this folder. It shows a mistake of a program or a problem of its
// environment, and the same program without it. `node examples/scenarios/run.ts` lists the scenarios and runs one.
import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as undici8 from 'undici';
import type { ServerOptions } from '../../test/support/server.ts';

export type Undici = typeof undici8;

export const CLIENTS = ['fetch', 'undici6', 'undici7', 'undici8', 'http'] as const;
export type ClientName = (typeof CLIENTS)[number];

/** The server, for pools that need its address or the authority of its certificate. */
export interface Target {
  readonly url: string;
  readonly ca: string;
}

/** The wasteful or the fixed program: one call with each client, the pool that calls share, and the timing of calls. */
export interface Variant {
  readonly fetch?: (url: string) => Promise<unknown>;
  readonly undici?: (url: string, undici: Undici, dispatcher: undici8.Dispatcher, index: number) => Promise<unknown>;
  readonly http?: (url: string, agent: http.Agent, index: number) => Promise<unknown>;

  /** The pool that all calls share. Default: an Agent with default options; for node:http, with keep-alive. */
  readonly dispatcher?: (undici: Undici, target: Target) => undici8.Dispatcher;
  readonly agent?: (target: Target) => http.Agent;

  /** The number of calls, how many run at once, and the milliseconds after each. Default: 10, 1 and 0. */
  readonly calls?: number;
  readonly concurrency?: number;
  readonly pause?: number;
  /** Starts a call every so many milliseconds, even if earlier calls are not finished. */
  readonly every?: number;
  /** All copies of the program make `calls` calls together, instead of each. */
  readonly callsAreShared?: boolean;

  /** The server, and the path of the requests. Default: HTTP without TLS, and `/`. */
  readonly server?: Pick<ServerOptions, 'kind' | 'keepAliveTimeout'>;
  /** Stops the server, so that nothing listens on the port. */
  readonly serverStopped?: boolean;
  readonly path?: string;
  /** The host in the URL. Default: 127.0.0.1. */
  readonly host?: string;
}

export interface Scenario {
  /** What happens, in one or two sentences. */
  readonly description: string;
  /** Absent if there is nothing to fix. */
  readonly wasteful?: Variant;
  readonly fixed: Variant;
}

// `fetch` uses the global dispatcher of the undici that loads first. Load Node's own first.
await fetch('data:,');
const UNDICI: Readonly<Partial<Record<ClientName, Undici>>> = {
  undici6: (await import('undici6')) as unknown as Undici, // the API used here is the same
  undici7: (await import('undici7')) as unknown as Undici,
  undici8: await import('undici'),
};

/** True if the variant has a call for this client. */
export function appliesTo(variant: Variant, client: ClientName): boolean {
  return variant[kindOf(client)] !== undefined;
}

export function urlOf(variant: Variant, port: number): string {
  const secure = variant.server?.kind === 'https' || variant.server?.kind === 'http2';
  return `${secure ? 'https' : 'http'}://${variant.host ?? '127.0.0.1'}:${port}${variant.path ?? '/'}`;
}

/** Cleans up after a run. */
export interface Cleanup {
  /** Cancels unread bodies. Until then, the run keeps them, so that the garbage collector does not free some. */
  cancelBodies(): Promise<void>;
  /** Destroys the pool that the calls shared. */
  destroy(): Promise<void>;
}

/** Makes all calls of the variant. `parallel`: so many copies of the program run at the same time, and share the pool. */
export async function run(
  variant: Variant,
  client: ClientName,
  port: number,
  ca: string,
  parallel = 1,
): Promise<Cleanup> {
  const url = urlOf(variant, port);
  const target = { url, ca };
  const undici = UNDICI[client];
  const dispatcher = undici && (variant.dispatcher?.(undici, target) ?? new undici.Agent());
  const agent = variant.agent?.(target) ?? new (url.startsWith('https') ? https : http).Agent({ keepAlive: true });
  const { calls = 10, concurrency = 1, pause = 0, every, callsAreShared = false } = variant;
  const total = callsAreShared ? calls : calls * parallel;
  let started = 0;
  const call = (): Promise<unknown> | undefined => {
    const index = started++;
    if (client === 'http') return variant.http?.(url, agent, index);
    return undici && dispatcher ? variant.undici?.(url, undici, dispatcher, index) : variant.fetch?.(url);
  };

  const results: unknown[] = [];
  const worker = async () => {
    while (started < total) {
      results.push(await call());
      if (pause > 0) await sleep(pause);
    }
  };
  if (every === undefined) {
    await Promise.all(Array.from({ length: concurrency * parallel }, worker));
  } else {
    const sent: unknown[] = [];
    for (let i = 0; i < calls; i++) {
      for (let j = 0; j < parallel; j++) sent.push(call());
      await sleep(every);
    }
    results.push(...(await Promise.all(sent)));
  }

  return {
    async cancelBodies() {
      for (const each of results.splice(0)) {
        if (each instanceof Response) await each.body?.cancel();
        if (each instanceof Readable) each.on('error', () => {}).destroy();
      }
    },
    async destroy() {
      agent.destroy();
      await dispatcher?.destroy();
    },
  };
}

function kindOf(client: ClientName): 'fetch' | 'undici' | 'http' {
  return client === 'fetch' || client === 'http' ? client : 'undici';
}

/** The response to a request of node:http. */
export function responseOf(request: http.ClientRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('response', resolve).on('error', reject);
  });
}

/** Reads the response to a request of node:http to the end. */
export async function readAll(request: http.ClientRequest): Promise<void> {
  const response = await responseOf(request);
  for await (const _chunk of response);
}
