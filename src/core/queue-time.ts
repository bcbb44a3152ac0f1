/** A request that has a connection sooner than this did not wait, in seconds. */
export const MIN_WAIT = 0.0005;

/**
 * undici takes the next request from the queue of a limited Pool in the turn in which a connection has finished the one before. If one
 * was idle for longer than this, in seconds, no request was in the queue.
 */
export const MIN_IDLE_WITHOUT_QUEUE = 0.005;
