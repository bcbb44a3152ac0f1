import { publish } from '../core/channels.ts';
import { checkName } from './with-caller.ts';

/** What `watchDispatcher` needs of a dispatcher: all of undici 6.13 and later have it. */
export interface Composable {
  // biome-ignore lint/suspicious/noExplicitAny: the types of undici 6, 7 and 8 differ, and connmeter does not depend on any
  compose(interceptor: (dispatch: any) => any): unknown;
}

/** A request that a watched dispatcher was asked for. It may wait in a queue that undici does not show. */
export interface WatchedRequest {
  /** Undefined for a dispatcher of one origin that has not sent a request yet. */
  readonly origin: unknown;
  /** What `watchDispatcher` was told. */
  readonly caller: string | undefined;
  /** The request was sent to this origin. */
  sentTo(origin: unknown): void;
}

/** The channels that tell where a watched request is. The message is the request. */
export const WATCHED = {
  /** The dispatcher is asked for it, in this turn until `dispatched`. */
  dispatching: 'connmeter:request:dispatching',
  dispatched: 'connmeter:request:dispatched',
  /** It has a connection, and is sent before anything else happens. */
  started: 'connmeter:request:started',
  /** It has failed, maybe while it waited. */
  failed: 'connmeter:request:failed',
} as const;

type Dispatch = (options: { readonly origin?: unknown }, handler: object) => boolean;

/**
 * Shows how long requests wait in the queue of a dispatcher with a limit (`connections`), which undici does not tell anybody. Returns a
 * dispatcher to use instead: the given one with an interceptor (https://undici.nodejs.org/#/docs/api/Dispatcher?id=dispatchercomposeinterceptors-interceptor).
 * The metrics are the same as for other clients: `http.client.request.time_in_queue`, `connmeter.request.pending` and
 * `connmeter.pool.saturated`, in seconds.
 *
 * `name`: who uses the dispatcher, for the label `connmeter.caller`, as in `withCaller`. Default: whoever `withCaller` names.
 *
 * @example
 * setGlobalDispatcher(watchDispatcher(new Agent({ connections: 10 })));
 *
 * @throws TypeError if the dispatcher has no method `compose`, or if `name` is no string or empty.
 */
export function watchDispatcher<Dispatcher extends Composable>(
  dispatcher: Dispatcher,
  { name }: { readonly name?: string } = {},
): ReturnType<Dispatcher['compose']> {
  if (typeof dispatcher?.compose !== 'function') {
    const what = dispatcher === null ? 'null' : typeof dispatcher;
    throw new TypeError(`watchDispatcher: expected a dispatcher of undici 6.13 or later, with compose(), got ${what}`);
  }
  if (name !== undefined) checkName('watchDispatcher: name', name);
  let onlyOrigin: unknown;
  const interceptor = (dispatch: Dispatch): Dispatch => {
    return (options, handler) => {
      const Watched = watchedKind(handler);
      if (Watched === undefined) return dispatch(options, handler); // undici refuses it

      const request: WatchedRequest = {
        origin: options?.origin ?? onlyOrigin,
        caller: name,
        sentTo(origin) {
          if (options?.origin === undefined) onlyOrigin = origin;
        },
      };
      publish(WATCHED.dispatching, request);
      try {
        return dispatch(options, new Watched(handler, request));
      } catch (error) {
        publish(WATCHED.failed, request);
        throw error;
      } finally {
        publish(WATCHED.dispatched, request);
      }
    };
  };
  return dispatcher.compose(interceptor) as ReturnType<Dispatcher['compose']>;
}

/** There are two kinds of handlers: those of undici 7 and 8, and the older ones. Undefined if it is neither. */
function watchedKind(
  handler: Partial<NewHandler & OldHandler> | null,
): typeof NewHandler | typeof OldHandler | undefined {
  if (typeof handler?.onRequestStart === 'function' && typeof handler.onResponseError === 'function') return NewHandler;
  return typeof handler?.onConnect === 'function' && typeof handler.onError === 'function' ? OldHandler : undefined;
}

type Inner = Readonly<Record<string, ((...args: unknown[]) => unknown) | undefined>>;

/** Passes everything on. undici's own handlers have private members, so ours cannot inherit from one. */
class Forwarding {
  protected readonly inner: Inner;
  protected readonly request: WatchedRequest;
  #hasStarted = false;

  constructor(inner: object, request: WatchedRequest) {
    this.inner = inner as Inner;
    this.request = request;
  }

  /** Only the first time: if a request is sent again, it did not wait since the beginning. */
  protected started(): void {
    if (!this.#hasStarted) publish(WATCHED.started, this.request);
    this.#hasStarted = true;
  }

  protected failed(): void {
    publish(WATCHED.failed, this.request);
  }
}

class NewHandler extends Forwarding {
  onRequestStart(...args: unknown[]): unknown {
    this.started();
    return this.inner['onRequestStart']?.(...args);
  }

  onRequestUpgrade(...args: unknown[]): unknown {
    return this.inner['onRequestUpgrade']?.(...args);
  }

  onResponseStart(...args: unknown[]): unknown {
    return this.inner['onResponseStart']?.(...args);
  }

  onResponseStarted(...args: unknown[]): unknown {
    return this.inner['onResponseStarted']?.(...args);
  }

  onResponseData(...args: unknown[]): unknown {
    return this.inner['onResponseData']?.(...args);
  }

  onResponseEnd(...args: unknown[]): unknown {
    return this.inner['onResponseEnd']?.(...args);
  }

  onResponseError(...args: unknown[]): unknown {
    this.failed();
    return this.inner['onResponseError']?.(...args);
  }

  onBodySent(...args: unknown[]): unknown {
    return this.inner['onBodySent']?.(...args);
  }

  onRequestSent(...args: unknown[]): unknown {
    return this.inner['onRequestSent']?.(...args);
  }
}

class OldHandler extends Forwarding {
  onConnect(...args: unknown[]): unknown {
    this.started();
    return this.inner['onConnect']?.(...args);
  }

  onUpgrade(...args: unknown[]): unknown {
    return this.inner['onUpgrade']?.(...args);
  }

  onResponseStarted(...args: unknown[]): unknown {
    return this.inner['onResponseStarted']?.(...args);
  }

  onHeaders(...args: unknown[]): unknown {
    return this.inner['onHeaders']?.(...args);
  }

  onData(...args: unknown[]): unknown {
    return this.inner['onData']?.(...args);
  }

  onComplete(...args: unknown[]): unknown {
    return this.inner['onComplete']?.(...args);
  }

  onError(...args: unknown[]): unknown {
    this.failed();
    return this.inner['onError']?.(...args);
  }

  onBodySent(...args: unknown[]): unknown {
    return this.inner['onBodySent']?.(...args);
  }

  onRequestSent(...args: unknown[]): unknown {
    return this.inner['onRequestSent']?.(...args);
  }
}
