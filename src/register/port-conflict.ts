import type { ListenOptions } from 'node:net';

const net = process.getBuiltinModule('node:net');

/** Where a server listens, or is going to. `address` may be a name that nobody has looked up yet. */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

/** What `server.listen()` was called with, as Node publishes it: before it is checked. */
export interface ListenCall extends ListenOptions {
  readonly fd?: unknown;
  readonly handle?: unknown;
  readonly _handle?: unknown;
}

/** Whether a server that listens with these options cannot do so while another one listens at `place`. */
export function conflictsWith(options: ListenCall, place: ListenAddress): boolean {
  const { fd, handle, _handle, port, host, ipv6Only } = options;
  // What comes with a handle is bound already; without a port it is a path, or the system chooses one that is free.
  if (_handle || handle || (typeof fd === 'number' && fd >= 0) || !place.port || Number(port) !== place.port)
    return false;

  const theirs = addressesOf(host || '::', ipv6Only);
  return addressesOf(place.address).some(ours => theirs.some(their => meet(ours, their)));
}

const ANY_IPV4 = '0.0.0.0';
const ANY_IPV6 = '::';

/** The addresses that a host may mean. A name may mean any: only `localhost` is known without asking. */
function addressesOf(host: string, ipv6Only = false): string[] {
  if (host === 'localhost') return ['127.0.0.1', '::1'];
  if (net.isIP(host) !== 0 && host !== ANY_IPV6) return [host.replace(/%.*/, '').replace(/^::ffff:(?=\d+\.)/i, '')];
  return ipv6Only && host === ANY_IPV6 ? [ANY_IPV6] : [ANY_IPV4, ANY_IPV6];
}

function meet(one: string, other: string): boolean {
  const family = (address: string) => (net.isIP(address) === 6 ? 'ipv6' : 'ipv4');
  const any = (address: string) => address === ANY_IPV4 || address === ANY_IPV6;
  if (any(one) || any(other)) return family(one) === family(other);

  // Knows that ::1 and 0:0:0:0:0:0:0:1 are the same.
  const list = new net.BlockList();
  list.addAddress(one, family(one));
  return list.check(other, family(other));
}
