import { readFileSync } from 'node:fs';
import type { KernelCounts } from './plan.ts';

/** What the kernel counts in this process's network namespace. */
export function kernelCounts(): KernelCounts {
  const [names = [], values = []] = readFileSync('/proc/net/snmp', 'utf8')
    .split('\n')
    .filter(line => line.startsWith('Tcp:'))
    .map(line => line.split(' '));
  const value = (name: string) => Number(values[names.indexOf(name)]);
  return { activeOpens: value('ActiveOpens'), passiveOpens: value('PassiveOpens'), held: heldSockets() };
}

const TIME_WAIT = '06';
const LISTEN = '0A';

/** Sockets that some program still holds, in whatever state, on both sides. */
function heldSockets(): number {
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/)[3])
    .filter(state => state !== undefined && state !== TIME_WAIT && state !== LISTEN).length;
}
