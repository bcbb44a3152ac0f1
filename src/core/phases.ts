/** When a connection reached each step, in seconds of a monotonic clock; undefined if it has not, or skips the step. */
export interface Moments {
  readonly started: number;
  /** When the DNS lookup finished. Undefined for an IP address, which needs no lookup. */
  readonly resolved: number | undefined;
  readonly connected: number | undefined;
  readonly secured: number | undefined;
}

/** How long each phase took, in seconds; undefined if the connection had no such phase. */
export interface Phases {
  readonly dns: number | undefined;
  readonly connect: number | undefined;
  readonly tls: number | undefined;
}

export function phasesOf(moments: Moments): Phases {
  return { dns: dnsSeconds(moments), connect: connectSeconds(moments), tls: tlsSeconds(moments) };
}

function dnsSeconds({ started, resolved }: Moments): number | undefined {
  return resolved === undefined ? undefined : resolved - started;
}

export function connectSeconds({ started, resolved, connected }: Moments): number | undefined {
  return connected === undefined ? undefined : connected - (resolved ?? started);
}

export function tlsSeconds({ connected, secured }: Moments): number | undefined {
  return connected === undefined || secured === undefined ? undefined : secured - connected;
}

/** All phases together. */
export function setupSeconds(moments: Moments): number {
  return (dnsSeconds(moments) ?? 0) + (connectSeconds(moments) ?? 0) + (tlsSeconds(moments) ?? 0);
}
