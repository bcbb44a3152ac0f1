/** What a server promised in its last response on a connection, and how the client left. */
export interface HintedEnd {
  /** The seconds that the response promised to keep the connection, `Keep-Alive: timeout=N`. NaN if it promised nothing. */
  readonly hint: number;
  /** How many seconds after that response the client closed the connection. */
  readonly idle: number;
  /** The client sent `Connection: keep-alive`, so it did not mean to leave after its request. */
  readonly asksKeepAlive: boolean;
}

/** Clients that follow the hint leave so many seconds before it ends: undici and fetch, node:http, others. */
const MARGINS = [2, 1, 0];

/** How exactly they leave then, in seconds. They count from when the response has arrived, and their close has to arrive here. */
const EARLIEST = -0.1;
const LATEST = 0.5;

/** A longer hint, in seconds, is not too short: a client that has no request for so long may as well connect again. */
const LONG_ENOUGH = 30;

/**
 * Whether a client left because of the hint. The only evidence is the time, so it has to be the time at which clients that
 * follow the hint leave. If the hint is no longer than their margin, they leave at once.
 */
export function leftBecauseOfHint({ hint, idle, asksKeepAlive }: HintedEnd): boolean {
  if (!asksKeepAlive || !(hint <= LONG_ENOUGH)) return false;

  return MARGINS.some(margin => {
    const late = idle - Math.max(0, hint - margin);
    return late >= EARLIEST && late < LATEST;
  });
}
