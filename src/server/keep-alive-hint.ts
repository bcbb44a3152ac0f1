/** What a server promised in its last response on a connection, and how the client left. */
export interface HintedEnd {
  /** The seconds that the response promised to keep the connection, `Keep-Alive: timeout=N`. NaN if it promised nothing. */
  readonly hint: number;
  /** How many seconds before the end of the hint such a client leaves. NaN if it did not ask to keep the connection. */
  readonly margin: number;
  /** How many seconds after that response the client closed the connection. */
  readonly idle: number;
}

/** The margins of the clients that follow the hint, in seconds. */
const UNDICI = 2;
const NODE_HTTP = 1;

/** How exactly they leave then, in seconds. They count from when the response has arrived, and their close has to arrive here. */
const EARLIEST = -0.1;
const LATEST = 0.5;

/** A longer hint, in seconds, is not too short: a client that has no request for so long may as well connect again. */
const LONG_ENOUGH = 30;

/** The margin of a client that sends `Connection: keep-alive`, by how it spells the name: undici and fetch use small letters. */
export function marginOf(headerName: string): number {
  return headerName === 'connection' ? UNDICI : NODE_HTTP;
}

/**
 * Whether a client left because of the hint. The only evidence is the time, so it has to be the time at which clients of its
 * kind leave if they follow the hint. If the hint is no longer than their margin, they leave at once.
 */
export function leftBecauseOfHint({ hint, margin, idle }: HintedEnd): boolean {
  const late = idle - Math.max(0, hint - margin);
  return hint <= LONG_ENOUGH && late >= EARLIEST && late < LATEST;
}
