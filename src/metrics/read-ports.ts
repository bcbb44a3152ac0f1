import { guardWith } from '../core/guard.ts';
import { type PortUsage, parsePorts } from './parse-ports.ts';

const { existsSync, readFileSync } = process.getBuiltinModule('node:fs');

// The kernel tells of the network namespace that asks: in a container, of its pod. Three small files, some 30 µs; the
// list of all sockets (/proc/net/tcp) would take as long as there are sockets.
//
// Limitations: Linux only. A host may forbid to read them: then nothing is known, which is no fault.

/** Undefined where the host does not tell. Never throws. */
export function readPorts(): PortUsage | undefined {
  let ports: PortUsage | undefined;
  if (process.platform === 'linux') {
    unlessForbidden('ports', () => {
      ports = parsePorts(
        readFileSync('/proc/net/sockstat', 'utf8'),
        existsSync('/proc/net/sockstat6') ? readFileSync('/proc/net/sockstat6', 'utf8') : '', // no IPv6
        readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'),
      );
    })();
  }
  return ports;
}

const unlessForbidden = guardWith(() => {});
