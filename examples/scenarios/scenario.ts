// What a scenario is, and how it is run. Each file beside this one is one scenario: what a program does wrong, or meets,
// and the same done well. `node examples/scenarios/run.ts` lists them, runs one and prints what connmeter says of it.
import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as undici8 from 'undici';
import type { ServerOptions } from '../../test/support/server.ts';

export type Undici = typeof undici8;

export const CLIENTS = ['fetch', 'undici6', 'undici7', 'undici8', 'http'] as const;
export type ClientName = (typeof CLIENTS)[number];

/** What a pool may have to know of the server: where it is, and who signs its certificate. */
export interface Target {
  readonly url: string;
  readonly ca: string;
}

/** One way to do it: what one call is like with each client, the pool it shares with the others, and how often it comes. */
export interface Form {
  readonly fetch?: (url: string) => Promise<unknown>;
  readonly undici?: (url: string, undici: Undici, dispatcher: undici8.Dispatcher) => Promise<unknown>;
  readonly http?: (url: string, agent: http.Agent) => Promise<unknown>;

  /** The pool that all calls share. Default: an Agent as it comes, for node:http with keep-alive. */
  readonly dispatcher?: (undici: Undici, target: Target) => undici8.Dispatcher;
  readonly agent?: (target: Target) => http.Agent;

  /** How many calls, how many at once, and the milliseconds after each. Default: 10, 1 and 0. */
  readonly calls?: number;
  readonly atOnce?: number;
  readonly pause?: number;
  /** Calls come at this distance, in milliseconds, whether the earlier ones are done or not. */
  readonly every?: number;

  /** The server, and the path that is asked for. Default: plain HTTP and `/`. */
  readonly server?: Pick<ServerOptions, 'kind' | 'keepAliveTimeout'>;
  /** Nobody listens at the port. */
  readonly serverIsGone?: boolean;
  readonly path?: string;
  /** The host in the URL. Default: 127.0.0.1. */
  readonly host?: string;
}

export interface Scenario {
  /** What happens, in a sentence. */
  readonly about: string;
  /** Left out where there is nothing to cure. */
  readonly wasteful?: Form;
  readonly cured: Form;
}

// Whichever undici is loaded first provides the dispatcher that `fetch` uses too: Node's own should.
await fetch('data:,');
const UNDICI: Readonly<Partial<Record<ClientName, Undici>>> = {
  undici6: (await import('undici6')) as unknown as Undici, // alike in what is used of them here
  undici7: (await import('undici7')) as unknown as Undici,
  undici8: await import('undici'),
};

/** Whether the form is written for this client. */
export function appliesTo(form: Form, client: ClientName): boolean {
  return form[kindOf(client)] !== undefined;
}

export function urlOf(form: Form, port: number): string {
  const secure = form.server?.kind === 'https' || form.server?.kind === 'http2';
  return `${secure ? 'https' : 'http'}://${form.host ?? '127.0.0.1'}:${port}${form.path ?? '/'}`;
}

/** What a run leaves behind. */
export interface Remains {
  /** Gives up the bodies that nobody reads: they were held all the while, or the garbage collector might have taken some. */
  giveUp(): Promise<void>;
  /** Destroys the pool that the calls shared. */
  destroy(): Promise<void>;
}

/** Makes all calls of a form. */
export async function run(form: Form, client: ClientName, port: number, ca: string): Promise<Remains> {
  const url = urlOf(form, port);
  const target = { url, ca };
  const undici = UNDICI[client];
  const dispatcher = undici && (form.dispatcher?.(undici, target) ?? new undici.Agent());
  const agent = form.agent?.(target) ?? new (url.startsWith('https') ? https : http).Agent({ keepAlive: true });
  const call = (): Promise<unknown> | undefined => {
    if (client === 'http') return form.http?.(url, agent);
    return undici && dispatcher ? form.undici?.(url, undici, dispatcher) : form.fetch?.(url);
  };

  const { calls = 10, atOnce = 1, pause = 0, every } = form;
  const given: unknown[] = [];
  let left = calls;
  const worker = async () => {
    while (left-- > 0) {
      given.push(await call());
      if (pause > 0) await sleep(pause);
    }
  };
  if (every === undefined) {
    await Promise.all(Array.from({ length: atOnce }, worker));
  } else {
    const sent: unknown[] = [];
    for (let i = 0; i < calls; i++) {
      sent.push(call());
      await sleep(every);
    }
    given.push(...(await Promise.all(sent)));
  }

  return {
    async giveUp() {
      for (const each of given.splice(0)) {
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

/** The answer of a request of node:http, once its headers are there. */
export function answerOf(request: http.ClientRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('response', resolve).on('error', reject);
  });
}

/** Reads the answer of a request of node:http to its end. */
export async function readAll(request: http.ClientRequest): Promise<void> {
  const response = await answerOf(request);
  for await (const _chunk of response);
}
