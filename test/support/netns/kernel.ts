import { readFileSync } from 'node:fs';

/** What the kernel counts in this program's network namespace. */
export function tcp(): { activeOpens: number; established: number } {
  const [names = [], values = []] = readFileSync('/proc/net/snmp', 'utf8')
    .split('\n')
    .filter(line => line.startsWith('Tcp:'))
    .map(line => line.split(' '));
  const value = (name: string) => Number(values[names.indexOf(name)]);
  return { activeOpens: value('ActiveOpens'), established: value('CurrEstab') };
}
