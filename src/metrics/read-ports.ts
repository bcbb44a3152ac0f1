import { guardWith } from '../core/guard.ts';
import { type Aborts, parseAborts } from './parse-aborts.ts';
import { type PortUsage, parsePorts } from './parse-ports.ts';

const { existsSync, readFileSync } = process.getBuiltinModule('node:fs');

// The files show the network namespace of the process; in a Kubernetes pod, that of the pod. Reading them takes about 30 µs.
// Reading the list of all sockets (/proc/net/tcp) would take longer the more sockets there are.
//
// Limitations: Linux only. A host may deny access to the files, which is not an error of connmeter.

/** The use of TCP ports, or undefined if the host does not show it. Never throws. */
export function readPorts(): PortUsage | undefined {
  let ports: PortUsage | undefined;
  if (process.platform === 'linux') {
    ignoringErrors('ports', () => {
      ports = parsePorts(
        readFileSync('/proc/net/sockstat', 'utf8'),
        existsSync('/proc/net/sockstat6') ? readFileSync('/proc/net/sockstat6', 'utf8') : '', // missing without IPv6
        readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'),
      );
    })();
  }
  return ports;
}

/** The TCP connections that were aborted, or undefined if the host does not show them. Never throws. */
export function readAborts(): Aborts | undefined {
  let aborts: Aborts | undefined;
  if (process.platform === 'linux') {
    ignoringErrors('ports', () => {
      aborts = parseAborts(readFileSync('/proc/net/netstat', 'utf8'));
    })();
  }
  return aborts;
}

const ignoringErrors = guardWith(() => {});
