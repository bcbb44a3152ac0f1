/** When a connection reached each step, in seconds of one monotonic clock; undefined where it has not, or has none. */
export interface Moments {
  readonly started: number;
  /** The name was looked up. Undefined for an address, which needs no lookup. */
  readonly resolved: number | undefined;
  readonly connected: number | undefined;
  readonly secured: number | undefined;
}

/** How long each phase took, in seconds; undefined where there was none. */
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
