import { STATES, tcpCounters, tcpSockets } from '../support/kernel.ts';
import type { KernelCounts } from './plan.ts';

/** TCP counters of the kernel, and the number of sockets of both sides, except those in LISTEN and TIME_WAIT. */
export function kernelCounts(): KernelCounts {
  const { activeOpens, passiveOpens } = tcpCounters();
  const held = tcpSockets().filter(({ state }) => state !== STATES.timeWait && state !== STATES.listen).length;
  return { activeOpens, passiveOpens, held };
}
