// TCP counters and sockets of the kernel, for the network namespace of this process.
import { existsSync, readFileSync } from 'node:fs';

export interface KernelSocket {
  /** Address in the kernel's hexadecimal notation. */
  readonly remoteAddress: string;
  readonly localPort: number;
  readonly remotePort: number;
  /** One of `STATES`, or another state as two hexadecimal digits. */
  readonly state: string;
}

export const STATES = { established: '01', timeWait: '06', listen: '0A' } as const;

export function tcpCounters(): { activeOpens: number; passiveOpens: number; established: number } {
  const [names = [], values = []] = readFileSync('/proc/net/snmp', 'utf8')
    .split('\n')
    .filter(line => line.startsWith('Tcp:'))
    .map(line => line.split(' '));
  const value = (name: string) => Number(values[names.indexOf(name)]);
  return {
    activeOpens: value('ActiveOpens'),
    passiveOpens: value('PassiveOpens'),
    established: value('CurrEstab'),
  };
}

/** All TCP sockets, IPv4 and IPv6. */
export function tcpSockets(): KernelSocket[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].filter(existsSync).flatMap(file =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map(line => {
        const [, local = '', remote = '', state = ''] = line.trim().split(/\s+/);
        const portOf = (end: string) => Number.parseInt(end.split(':')[1] ?? '', 16);
        const [remoteAddress = ''] = remote.split(':');
        return { remoteAddress, localPort: portOf(local), remotePort: portOf(remote), state };
      }),
  );
}

/** Number of sockets in TIME_WAIT. */
export function countTimeWait(): number {
  return tcpSockets().filter(({ state }) => state === STATES.timeWait).length;
}
