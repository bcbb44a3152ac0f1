import type { Agent, ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import { portNumber } from '../../core/origins.ts';

/** The settings and lists of an agent. An agent that the program implements itself may have none of them. */
type PoolingAgent = Partial<
  Pick<Agent, 'maxSockets' | 'maxTotalSockets' | 'maxFreeSockets' | 'freeSockets' | 'sockets' | 'requests'>
> & {
  readonly keepAlive?: boolean;
  readonly proxy?: AgentProxy | null;
  readonly options?: {
    readonly proxyEnv?: unknown;
    /** agentkeepalive: the age at which it closes a connection, in milliseconds. 0 for never. */
    readonly socketActiveTTL?: unknown;
  };
};

/** The proxy of an agent that tunnels, such as https-proxy-agent: a URL, or an object with its parts. */
interface AgentProxy {
  readonly protocol?: unknown;
  readonly port?: unknown;
}

export function agentOf(request: ClientRequest): PoolingAgent | undefined {
  return (request as { agent?: PoolingAgent }).agent;
}

/** How many connections to one origin the agent opens at most. */
export function limitOf({ maxSockets = Infinity, maxTotalSockets = Infinity }: PoolingAgent = {}): number {
  return Math.min(maxSockets, maxTotalSockets);
}

/** The age in seconds at which the agent closes a connection. */
export function ageLimitOf(agent: PoolingAgent | undefined): number | undefined {
  const limit = agent?.options?.socketActiveTTL;
  return typeof limit === 'number' && limit > 0 ? limit / 1_000 : undefined;
}

/**
 * The port that the request's agent dials: for the socket that it has just created, for the request that has just joined its queue, or
 * else for any socket to the request's host. The keys of an agent's lists start with host and port, and a new socket is the last of
 * its list: https://nodejs.org/api/http.html#agentgetnameoptions
 */
export function portDialled(request: ClientRequest, socket: Socket | undefined): number | undefined {
  const name = (socket === undefined ? nameOfQueue(request) : undefined) ?? nameOfSocket(request, socket);
  return name === undefined ? undefined : portIn(name, request.host);
}

/** The key of the list that the socket was added to last; without a socket, of any list of sockets to the request's host. */
export function nameOfSocket(request: ClientRequest, socket: Socket | undefined): string | undefined {
  const lists = agentOf(request)?.sockets;
  if (lists === undefined) return undefined;

  const { host } = request;
  if (isNameOf(latest.name, host, lists, socket)) return latest.name;

  for (const name in lists) if (isNameOf(name, host, lists, socket)) return name;
  return undefined;
}

function isNameOf(name: string, host: string, lists: Agent['sockets'], socket: Socket | undefined): boolean {
  if (!name.startsWith(host) || name.charCodeAt(host.length) !== COLON) return false;

  const sockets = lists[name];
  return socket === undefined ? sockets !== undefined : sockets?.at(-1) === socket;
}

const COLON = ':'.charCodeAt(0);

/** The name that was read last. A program mostly connects to the same server again. */
let latest: { readonly name: string; readonly host: string; readonly port: number | undefined } = {
  name: '',
  host: '',
  port: undefined,
};

function portIn(name: string, host: string): number | undefined {
  if (latest.name !== name || latest.host !== host)
    latest = { name, host, port: portNumber(Number.parseInt(name.slice(host.length + 1), 10)) };
  return latest.port;
}

/**
 * Whether Node's own agent has just connected for the request, maybe to a proxy: because of an option, or of
 * `NODE_USE_ENV_PROXY`.
 */
export function mayUseProxy(request: ClientRequest): boolean {
  const agent = agentOf(request);
  return agent?.options?.proxyEnv !== undefined && !request.reusedSocket;
}

/** Whether a request that was just created waits in the queue of its agent. */
export function isQueued(request: ClientRequest): boolean {
  return !request.reusedSocket && nameOfQueue(request) !== undefined;
}

/** The queue that the request has just joined: it is the last one there. Queues have the same names as lists of sockets. */
function nameOfQueue(request: ClientRequest): string | undefined {
  const queues = agentOf(request)?.requests;
  for (const name in queues) if (queues[name]?.at(-1) === (request as never)) return name;
  return undefined;
}

/**
 * The proxy that refused the tunnel for the request. Its agent then gives the request a socket that never connects, and emits
 * the proxy's answer on it.
 */
export function refusingProxy(request: ClientRequest): AgentProxy | undefined {
  const proxy = agentOf(request)?.proxy;
  if (typeof proxy !== 'object' || proxy === null) return undefined;

  const { socket } = request;
  return socket?.pending && !socket.connecting && !socket.destroyed ? proxy : undefined;
}

/** The port of a proxy. */
export function portOf({ protocol, port }: AgentProxy): number {
  return Number(port) || (protocol === 'https:' ? 443 : 80);
}

/** How many idle connections the request's agent keeps to its host and this port. */
export function freeSocketsTo(request: ClientRequest, port: number | undefined): number {
  const hostAndPort = `${request.host}:${port}:`;
  const lists = Object.entries(agentOf(request)?.freeSockets ?? {}).filter(([name]) => name.startsWith(hostAndPort));
  return Math.max(0, ...lists.map(([, sockets]) => sockets?.length ?? 0));
}
