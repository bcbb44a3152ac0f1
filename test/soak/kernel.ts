import { readFileSync } from 'node:fs';
import type { KernelCounts } from './plan.ts';

/** What the kernel counts in this process's network namespace. */
export function kernelCounts(): KernelCounts {
  const [names = [], values = []] = readFileSync('/proc/net/snmp', 'utf8')
    .split('\n')
    .filter(line => line.startsWith('Tcp:'))
    .map(line => line.split(' '));
  const value = (name: string) => Number(values[names.indexOf(name)]);
  return { activeOpens: value('ActiveOpens'), passiveOpens: value('PassiveOpens'), established: value('CurrEstab') };
}
