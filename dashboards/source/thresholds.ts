/** Linux's default range of local ports for outgoing connections is 32768 to 60999. */
const EPHEMERAL_PORTS = 28_232;

/** How long the side that closes a connection keeps its port. Linux has no setting for it. */
const TIME_WAIT_SECONDS = 60;

/** The thresholds of dashboards, alerts and runbooks. Shares are between 0 and 1, rates are per second. */
export const THRESHOLDS = {
  reuse: {
    /** A healthy client reuses more than this. If one request in ten opens a connection, hardly anybody notices. */
    good: 0.9,
    /** Nearly one request in three opens a connection. A working pool never falls this low, whatever the load. */
    bad: 0.7,
    /** A drop from 99 % to 89 % means eleven times as many new connections. Smaller changes follow the time of day. */
    drop: 0.1,
    /**
     * New connections per instance and server. A handshake takes a few milliseconds of CPU time, so fewer cost about 1 % of
     * a core. They are often normal: undici closes a connection after 4 s without requests, so a page that sends ten requests
     * every 6 s opens 1.7 connections/s.
     */
    minOpened: 2,
  },
  newConnections: {
    /**
     * Per instance and server: a fifth of `exhaustion`. Other programs may run on the same host, and traffic may double.
     */
    high: Math.floor(EPHEMERAL_PORTS / TIME_WAIT_SECONDS / 5),
    /** At this rate the host has no local port left for the server, because each port stays in TIME_WAIT for a minute. */
    exhaustion: Math.floor(EPHEMERAL_PORTS / TIME_WAIT_SECONDS),
  },
  harm: {
    /** New connections per second to one server. Thirty a minute: fewer cost nothing that anybody would notice. */
    minNew: 0.5,
    /** Requests per second. Below it, a ratio of five minutes is one of a handful of requests. */
    minRequests: 0.1,
    /** Seconds of DNS, TCP and TLS at the 95th percentile. Across the world, they take less. A lost packet alone costs 1 s. */
    slowSetup: 1,
    /** For how long connections are being opened, on average. Most clients give up after 10 s. */
    hangingSeconds: 10,
    /** Requests that wait for a connection, on average. One may wait for the first connection. */
    minWaiting: 1,
  },
  oneShot: {
    /** More connections close after one request, or none, than serve a second one. */
    share: 0.5,
  },
  newPools: {
    /** Pools per request. A long-lived pool counts once. If one request in ten makes a pool, the code does it each time. */
    share: 0.1,
    /** New pools in total. Sixty in five minutes are more than the clients that a program makes when it starts. */
    minRate: 0.2,
  },
  clientPerQuery: {
    /**
     * Connections without HTTP, per instance and server. Health checks open one a second at most. PostgreSQL starts a process
     * for each connection: with the login, that takes as much CPU time as hundreds of simple queries.
     */
    minRate: 2,
    /** Seconds. Of the pools in use, that of PostgreSQL has the shortest idle timeout by default: 10 s. This is half of it. */
    maxSeconds: 5,
  },
  bodies: {
    /** Held connections on average. One or two may be downloads that the program has not begun to read, on purpose. */
    minCount: 3,
    /** Of the open connections. If one in five is held, the pool grows or requests wait. */
    share: 0.2,
  },
  dns: {
    /**
     * Lookups per instance. The AWS resolver accepts 1,024 packets/s from a network interface. In a Kubernetes pod, the
     * lookup of an external name takes up to 10 packets (five names, A and AAAA), so the limit is about 100 lookups/s. This
     * is half of it, for one process.
     */
    high: 50,
    /**
     * Seconds, at the 95th percentile. A cache answers within 5 ms, a distant resolver within 100 ms. Node runs two lookups at
     * a time, so two that take this long block all others.
     */
    slow: 0.5,
    /** Lookups in total. Of sixty in five minutes, three slow ones define the 95th percentile. */
    minLookups: 0.2,
  },
  failures: {
    /** Of the attempts. Lost packets and a server's restart cause fewer failures than this over ten minutes. */
    share: 0.05,
    /** Failures in total: three a minute. Fewer are isolated events. */
    minRate: 0.05,
    /**
     * Failures per instance, for a server that nobody reached within a day. Agents look for an optional side-car that is off
     * once in some seconds. At one a second, a program needs the server.
     */
    manyPerInstance: 1,
  },
  hanging: {
    /** Connections that are being opened, on average. One or two may be slow by chance. */
    minCount: 3,
    /**
     * For how many seconds each is being opened: more than the 130 s after which Linux gives up a connect, and all timeouts
     * of clients. What takes longer has no timeout.
     */
    seconds: 150,
  },
  ports: {
    /** Of the local ports. If the traffic doubles from here, the host has no port left for that server. */
    timeWaitShare: 0.5,
    /**
     * Connections opened to one server within the window, per socket in TIME_WAIT. If this program leaves all of those
     * sockets, it opens five connections for each of them in five minutes; in the first minute of a burst, one. A much
     * smaller number means that another program, many servers, or this process as a server left them.
     */
    openedPerTimeWait: 0.5,
    /** Failures per instance: thirty in five minutes. A single one may be an IPv6 address on a host without IPv6. */
    minFailures: 0.1,
  },
  tls: {
    /** Clients keep their sessions, so every handshake after the first should resume one. */
    resumed: 0.5,
    /** Handshakes per instance: thirty in five minutes. A process that starts makes fewer: one for each pool slot. */
    minHandshakes: 0.1,
  },
  server: {
    /** Of the accepted connections. The server closes more of them than its clients do. */
    share: 0.5,
    /** Connections of a server that it closes itself, per second. Fewer cost nothing, or come from occasional visitors. */
    minRate: 1,
    /** Seconds. nginx and most load balancers keep idle connections for a minute. Half of that is short. */
    shortKeepAlive: 30,
  },
  givesUpFirst: {
    /** Of the idle connections of proxies. With a longer limit than theirs, the server closes hardly any. */
    share: 0.9,
    /**
     * Of the requests, if it is not known which connections are those of proxies: a hundred requests on each connection. A
     * proxy sends thousands; a browser loads tens of files on each of six connections, and retries.
     */
    reuse: 0.99,
    /** Connections closed per second, then: thirty in five minutes are a pattern. */
    minRate: 0.1,
  },
  race: {
    /** Failed requests on reused connections in 20 minutes. */
    minFailures: 1,
  },
  saturated: {
    /** Of the time. Below it, requests wait only at peaks. */
    share: 0.2,
  },
  targetDown: {
    /**
     * Of the past day, or of the time in which the target was known. A job that ran for less is a batch job, and may be
     * finished.
     */
    presence: 0.5,
  },
  processes: {
    /** Of the past day. An instance had at least this many processes for the rest of it: they were there all the time. */
    rarely: 0.1,
    /** Of the past day: six hours. Before that, it is not clear how many processes an instance has. */
    presence: 0.25,
  },
} as const;

/** A share in words: 0.7 is `70 %`. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
