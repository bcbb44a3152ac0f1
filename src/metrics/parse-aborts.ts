/** TCP connections that this side closed although data was lost, since the network namespace began. */
export interface Aborts {
  /** The program closed them before it had read all that had arrived (`TCPAbortOnClose`). */
  readonly unread: number;
  /** Data arrived after the program had closed them, or could not be sent any more (`TCPAbortOnData`). */
  readonly late: number;
}

/** Parses `/proc/net/netstat`, which has two lines per protocol: the names, and the values. Undefined if they are missing. */
export function parseAborts(netstat: string): Aborts | undefined {
  const [names, values] = netstat
    .split('\n')
    .filter(line => line.startsWith('TcpExt: '))
    .map(line => line.split(' '));
  const read = (name: string) => {
    const value = values?.[names?.indexOf(name) ?? -1];
    return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  };
  const unread = read('TCPAbortOnClose');
  const late = read('TCPAbortOnData');
  return unread === undefined || late === undefined ? undefined : { unread, late };
}
