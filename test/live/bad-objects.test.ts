import { channel } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { ConnectionInstrumentation } from '../../src/index.ts';
import { attachReader } from '../support/instrument.ts';

// Agents, requests, sockets and servers belong to the program: they may be proxies, mocks or incomplete, or throw when they
// are read. A bad object affects only its own connection: all other metrics stay right, and the faults are counted.

const web = http.createServer((_request, response) => response.end('ok'));
const mute = http.createServer(() => {});

beforeAll(async () => {
  for (const server of [web, mute]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
});
afterAll(() => {
  for (const server of [web, mute]) server.close().closeAllConnections();
});

const portOf = (server: http.Server) => (server.address() as AddressInfo).port;

function get(agent: http.Agent | false = false): Promise<void> {
  return new Promise(resolve => {
    http
      .get({ port: portOf(web), host: '127.0.0.1', agent }, response => response.resume().on('close', resolve))
      .on('error', () => resolve());
  });
}

/** A socket of the program, connected to the working server. */
async function connected(): Promise<net.Socket> {
  const socket = net.connect(portOf(web), '127.0.0.1').on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const boom = () => {
  throw new Error('looked at');
};

function throwing<T extends object>(object: T, ...keys: string[]): T {
  for (const key of keys) Object.defineProperty(object, key, { get: boom });
  return object;
}

/** A mock as test libraries make it: every property returns another mock. */
function deepMock(): never {
  return new Proxy(function mock() {}, {
    get: (_target, key) => (key === Symbol.toPrimitive ? () => 'mock' : deepMock()),
    apply: () => deepMock(),
  }) as never;
}

const connectParams = { hostname: 'a.test', port: '1', protocol: 'http:' };

async function publishConnected(message: object): Promise<void> {
  channel('undici:client:connected').publish({
    connectParams,
    connector: () => {},
    socket: await connected(),
    ...message,
  });
}

async function publishSent(request: unknown, message: object = {}): Promise<void> {
  channel('undici:client:sendHeaders').publish({ request, headers: '', socket: await connected(), ...message });
}

const OBJECTS: Record<string, () => unknown> = {
  'an agent that throws from some time on, as a revoked Proxy': async () => {
    let isRevoked = false;
    const revocable = new Proxy(new http.Agent({ keepAlive: true }), {
      get: (agent, key) => (isRevoked ? boom() : Reflect.get(agent, key)),
    });
    await get(revocable);
    await new Promise(setImmediate);
    isRevoked = true;
    onTestFinished(() => {
      isRevoked = false; // otherwise Node itself would throw when the connection closes
    });
  },
  'a request that is null': () => publishSent(null),
  'a request that is a number': () => publishSent(5),
  'a request whose `completed` throws': () => publishSent(throwing({ origin: 'http://a.test' }, 'completed')),
  'a request whose origin is none': () => publishSent({ origin: 'no url', completed: false, aborted: false }),
  'headers that are a number': () => publishSent({ origin: 'http://a.test', aborted: true }, { headers: 5 }),
  'a connector that is a number': () => publishConnected({ connector: 5 }),
  'a connector that is null': () => publishConnected({ connector: null }),
  'a hostname that is a deep mock': () =>
    publishConnected({ connectParams: { hostname: deepMock(), port: '1', protocol: 'http:' } }),
  'a port that is an object': () =>
    publishConnected({ connectParams: { hostname: 'a.test', port: {}, protocol: 'http:' } }),
  'a socket whose `closed` throws': () => {
    const socket = Object.assign(new EventEmitter(), { connecting: true });
    channel('net.client.socket').publish({ socket: throwing(socket, 'closed') });
  },
  'an open socket whose every state throws': async () => {
    throwing(await connected(), 'closed', 'destroyed', 'writableEnded', 'bytesRead', 'errored');
  },
  'a socket that is a deep mock': () => channel('net.client.socket').publish({ socket: deepMock() }),
  'a message that is null': () => channel('net.client.socket').publish(null),
  'a server that is a deep mock': () => channel('tracing:net.server.listen:asyncEnd').publish({ server: deepMock() }),
  'an accepted socket whose `closed` throws': async () => {
    web.once('connection', socket => void throwing(socket, 'closed'));
    await connected();
  },
  'a socket that emits its events without arguments': async () => {
    const socket = await connected();
    for (const event of ['connectionAttempt', 'lookup', 'connectionAttemptFailed', 'connect']) socket.emit(event);
  },
};

test.each(Object.keys(OBJECTS))('%s', async name => {
  diag.setLogger(
    { verbose() {}, debug() {}, info() {}, warn() {}, error: message => expect.unreachable(String(message)) },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const instrumentation = new ConnectionInstrumentation();
  onTestFinished(() => instrumentation.disable());
  const read = attachReader(instrumentation);

  await OBJECTS[name]?.();
  await new Promise(setImmediate);
  const before = await read();
  for (let i = 0; i < 3; i++) await get();
  const hanging = http.get({ port: portOf(mute), host: '127.0.0.1', agent: false }).on('error', () => {});
  onTestFinished(() => void hanging.destroy());
  await once(mute, 'request');

  const after = await read();
  const grown = (metric: string, port: number) =>
    after.value(metric, { 'server.port': port }) - before.value(metric, { 'server.port': port });
  expect({
    accepted: grown('connmeter.server.connection.accepted', portOf(web)),
    opened: grown('connmeter.connection.opened', portOf(web)),
    closed: grown('connmeter.connection.closed', portOf(web)),
    requests: grown('connmeter.requests', portOf(web)),
    hanging: after.value('http.client.active_requests', { 'server.port': portOf(mute) }),
  }).toEqual({ accepted: 3, opened: 3, closed: 3, requests: 3, hanging: 1 });
  expect(() => instrumentation.connections.snapshot()).not.toThrow();
  for (const metric of after.names) {
    for (const { attributes } of after.points(metric)) {
      expect(
        Object.values(attributes).filter(value => !['string', 'number', 'boolean'].includes(typeof value)),
      ).toEqual([]);
    }
  }
});

test('a fault is counted by place, and every place has a series from the start', async () => {
  diag.setLogger(
    { verbose() {}, debug() {}, info() {}, warn() {}, error() {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const instrumentation = new ConnectionInstrumentation();
  onTestFinished(() => instrumentation.disable());
  const read = attachReader(instrumentation);
  const faults = async () =>
    Object.fromEntries(
      (await read())
        .points('connmeter.faults')
        .map(({ attributes, value }) => [String(attributes['connmeter.fault.place']), value]),
    );
  const none = { net: 0, undici: 0, http: 0, http2: 0, server: 0, dns: 0, collection: 0, exposition: 0, traces: 0 };
  expect(await faults()).toEqual(none);

  channel('net.client.socket').publish(null);
  channel('undici:client:sendHeaders').publish(null);
  channel('undici:client:sendHeaders').publish(null);
  channel('net.server.socket').publish({ socket: 5 });

  expect(await faults()).toEqual({ ...none, net: 1, undici: 2, server: 1 });
});

test('an unreadable object is a fault at each collection', async () => {
  diag.setLogger(
    { verbose() {}, debug() {}, info() {}, warn() {}, error() {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const instrumentation = new ConnectionInstrumentation();
  onTestFinished(() => instrumentation.disable());
  const read = attachReader(instrumentation);
  await publishSent(throwing({ origin: 'http://a.test' }, 'completed'));

  const first = (await read()).value('connmeter.faults', { 'connmeter.fault.place': 'collection' });
  const second = (await read()).value('connmeter.faults', { 'connmeter.fault.place': 'collection' });

  expect(first).toBeGreaterThan(0);
  expect(second).toBeGreaterThan(first);
});
