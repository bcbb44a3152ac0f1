/** A request that has a connection sooner than this did not wait, in seconds. */
export const MIN_WAIT = 0.0005;

/**
 * undici takes the next request from the queue of a limited Pool in the second or third turn of the event loop after a connection has
 * finished the one before. If the connection was idle for so many turns, no request was in the queue.
 */
export const TURNS_WITHOUT_QUEUE = 4;
