import { readFileSync } from 'node:fs';

/** TCP counters of the kernel, for the network namespace of this process. */
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

/** Number of sockets in TIME_WAIT in this namespace, counted from the kernel's list of sockets. */
export function countTimeWait(): number {
  return ['/proc/net/tcp', '/proc/net/tcp6']
    .flatMap(file => readFileSync(file, 'utf8').trim().split('\n').slice(1))
    .filter(line => line.trim().split(/\s+/)[3] === TIME_WAIT).length;
}

const TIME_WAIT = '06';
