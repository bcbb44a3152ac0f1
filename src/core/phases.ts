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

export function phasesOf({ started, resolved, connected, secured }: Moments): Phases {
  return {
    dns: resolved === undefined ? undefined : resolved - started,
    connect: connected === undefined ? undefined : connected - (resolved ?? started),
    tls: connected === undefined || secured === undefined ? undefined : secured - connected,
  };
}
