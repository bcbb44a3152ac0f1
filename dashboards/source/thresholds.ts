/** What a host has: 32768 to 60999, Linux' default range of ports for outgoing connections. */
const EPHEMERAL_PORTS = 28_232;

/** How long a closed connection keeps its port, on the side that closed it. Linux has no setting for it. */
const TIME_WAIT_SECONDS = 60;

/** Where good ends and bad begins: the one place for dashboards, rules and runbooks. Shares are of 1, rates per second. */
export const THRESHOLDS = {
  reuse: {
    /** A healthy client is above this: one request in ten may pay for a connection and hardly anybody waits for it. */
    good: 0.9,
    /** Nearly every third request pays for DNS, TCP and TLS: no pool that works comes so low, whatever the load. */
    bad: 0.7,
    /** From 99 % to 89 % is eleven times as many new connections. Smaller changes come with the time of day. */
    drop: 0.1,
    /**
     * Requests per instance. Rarer ones outlive the 4 s that undici keeps an idle connection, and nobody is at fault: at 1/s
     * that happens to 2 gaps in 100, at 0.5/s to 14.
     */
    leastRequests: 1,
  },
  newConnections: {
    /**
     * Per instance and server. A host runs out of ports to one server at 470/s, as each port rests for a minute; a fifth of
     * it, since the instance may not be alone on its host, and traffic doubles.
     */
    high: Math.floor(EPHEMERAL_PORTS / TIME_WAIT_SECONDS / 5),
    /** Where the ports end. */
    ruin: Math.floor(EPHEMERAL_PORTS / TIME_WAIT_SECONDS),
  },
  oneShot: {
    /** More of the connections go after one request, or none, than serve a second. */
    share: 0.5,
  },
  newPools: {
    /** Pools per request. Long-lived ones count once each; one request in ten that makes its own is a line of code. */
    share: 0.1,
    /** New pools in all: sixty in five minutes are no longer a few clients made as the program starts. */
    least: 0.2,
  },
  bodies: {
    /** Connections held, in the mean. One or two may be downloads that are read slowly on purpose. */
    least: 3,
    /** Of the open connections: with one in five out of use, the pool grows or requests wait. */
    share: 0.2,
  },
  dns: {
    /**
     * Lookups per instance. AWS' resolver takes 1,024 packets/s from a network interface, and an outside name looked up in a
     * Kubernetes pod is up to 10 (A and AAAA, five names tried): about 100 lookups/s. Half of it, for one process.
     */
    high: 50,
    /**
     * Seconds, at the 95th percentile. A cache answers within 5 ms, a far resolver within 100; four lookups as slow as this
     * block all of Node's worker threads.
     */
    slow: 0.5,
    /** Lookups in all: with sixty in five minutes, three slow ones make a 95th percentile. */
    leastLookups: 0.2,
  },
  failures: {
    /** One attempt in twenty: more than lost packets and a server's restart leave over ten minutes. */
    share: 0.05,
    /** Failures in all: three a minute. Fewer are single events. */
    least: 0.05,
  },
  ports: {
    /**
     * Of the range, in TIME_WAIT. A host whose traffic doubles from here has no port left for that server, and one that lost
     * its keep-alive in a release comes here on its way.
     */
    resting: 0.5,
    /**
     * Connections opened to one server within the window, for each socket in TIME_WAIT. A program that leaves them all there
     * opens five in five minutes, as each rests for one; in the first minute of a burst it is one. Far less, and they are of
     * another program, of many servers, or a server's own: those take no port.
     */
    openedForEach: 0.5,
    /** Failures per instance: thirty in five minutes. One alone may be an IPv6 address tried on a host without IPv6. */
    least: 0.1,
  },
  tls: {
    /** Clients keep their sessions, so that all handshakes after the first are resumed; below half, somebody forgets them. */
    resumed: 0.5,
    /** Handshakes per instance: thirty in five minutes. A process that starts makes as many as its pool is large, in full. */
    leastHandshakes: 0.1,
  },
  serving: {
    /** Of the connections accepted: more than half are given up by the server, and not by those who came. */
    share: 0.5,
    /** Those of a server in all, per second: fewer cost nobody anything, and may be somebody who looks in now and then. */
    least: 1,
    /** Seconds. Who stands before a server keeps connections for a minute (nginx, most load balancers); half of it is short. */
    short: 30,
  },
  down: {
    /** Of the past day: a job that was there for less is a batch job, and may well be gone. */
    presence: 0.5,
  },
} as const;
