import type { ListenOptions } from 'node:net';

const net = process.getBuiltinModule('node:net');

/** The address and port that a server listens on, or will. `address` may be a host name. */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

/** One address is enough for localhost: a client that is refused at ::1 tries 127.0.0.1 next. */
export function listenAddress({ host, port }: { readonly host: string; readonly port: number }): ListenAddress {
  return { address: host === 'localhost' ? '127.0.0.1' : host, port };
}

/** The options of `server.listen()` as Node publishes them, before it validates them. */
export interface ListenCall extends ListenOptions {
  readonly fd?: unknown;
  readonly handle?: unknown;
  readonly _handle?: unknown;
}

/** Whether listening with these options fails while another server listens on `ours`. */
export function conflictsWith(options: ListenCall, ours: ListenAddress): boolean {
  const { fd, handle, _handle, port, host, ipv6Only } = options;
  // A handle is bound already. Without a port, the server listens on a path, or the system chooses a free port.
  if (_handle || handle || (typeof fd === 'number' && fd >= 0) || !ours.port || Number(port) !== ours.port)
    return false;

  const theirs = addressesOf(host || '::', ipv6Only);
  return addressesOf(ours.address).some(one => theirs.some(other => sharesAddress(one, other)));
}

const ANY_IPV4 = '0.0.0.0';
const ANY_IPV6 = '::';

/** The addresses that a host may resolve to. A name other than `localhost` may resolve to any. */
function addressesOf(host: string, ipv6Only = false): string[] {
  if (host === 'localhost') return ['127.0.0.1', '::1'];
  if (net.isIP(host) !== 0 && host !== ANY_IPV6) return [host.replace(/%.*/, '').replace(/^::ffff:(?=\d+\.)/i, '')];
  return ipv6Only && host === ANY_IPV6 ? [ANY_IPV6] : [ANY_IPV4, ANY_IPV6];
}

function sharesAddress(one: string, other: string): boolean {
  const family = (address: string) => (net.isIP(address) === 6 ? 'ipv6' : 'ipv4');
  const any = (address: string) => address === ANY_IPV4 || address === ANY_IPV6;
  if (any(one) || any(other)) return family(one) === family(other);

  // BlockList knows that ::1 and 0:0:0:0:0:0:0:1 are the same address.
  const list = new net.BlockList();
  list.addAddress(one, family(one));
  return list.check(other, family(other));
}
