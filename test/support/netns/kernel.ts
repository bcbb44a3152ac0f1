import { readFileSync } from 'node:fs';

/** What the kernel counts in this program's network namespace. */
export function tcp(): { activeOpens: number; passiveOpens: number; established: number } {
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

/** Sockets of this namespace in TIME_WAIT, counted one by one: what the kernel lists, not what it says they are. */
export function timeWaits(): number {
  return ['/proc/net/tcp', '/proc/net/tcp6']
    .flatMap(file => readFileSync(file, 'utf8').trim().split('\n').slice(1))
    .filter(line => line.trim().split(/\s+/)[3] === TIME_WAIT).length;
}

const TIME_WAIT = '06';
