import type { Origin } from '../core/origins.ts';
import type { Connection } from './connection.ts';

// A client names an origin before its socket connects, and the two are matched by time only. These functions tell whether the
// socket goes elsewhere.

/** Whether the connection, which looks up this name, can be for the origin. */
export function canLookUp(origin: Origin, name: string): boolean {
  return origin.address === name || origin.address.toLowerCase() === name.toLowerCase();
}

/** Whether the connection, which now dials an address, can be for the origin. */
export function canDial(origin: Origin, { address, host, port, attempts }: Connection): boolean {
  if (attempts.length === 0) return false; // a Unix socket: its client names it when it is connected
  if (origin.port !== port) return false;
  return host !== undefined || address === undefined || isSameAddress(origin.address, address);
}

/** `address` was dialled without a lookup, so it was named. IPv6 addresses can be written in many ways. */
function isSameAddress(named: string, address: string): boolean {
  return named === address || (named.includes(':') && address.includes(':'));
}
