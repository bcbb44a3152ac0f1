import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import net, { type LookupFunction, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { programPath } from '../support/child.ts';
import { connectionCounts, expectAllClosed, expectConnectionCounts, nextTurn } from '../support/connection-counts.ts';
import { instrument, type Readings } from '../support/instrument.ts';
import { NO_SUCH_NAME, server } from '../support/server.ts';

function using<S extends Socket>(socket: S): S {
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** Sends a word to the echo server and waits for the reply, so that the connection is set up completely. */
async function echoed<S extends Socket>(socket: S): Promise<S> {
  socket.write('x');
  await once(socket, 'data');
  return socket;
}

async function ended(socket: Socket): Promise<void> {
  const closed = new Promise(resolve => socket.once('close', resolve));
  socket.on('error', () => {}).destroy();
  await closed;
}

/** Resolves with the error of a connection once its socket is closed. */
async function failureOf(socket: Socket): Promise<NodeJS.ErrnoException> {
  let failure: NodeJS.ErrnoException | undefined;
  socket.on('error', error => {
    failure = error;
  });
  await new Promise(resolve => socket.once('close', resolve));
  if (failure === undefined) throw new Error('closed without an error');
  return failure;
}

/** The failures at a port, as `phase error.type`. */
function failuresOf(readings: Readings, port: number): string[] {
  return readings
    .points('connmeter.connection.failed', { 'server.port': port })
    .filter(({ value }) => value > 0)
    .map(({ attributes }) => `${attributes['connmeter.phase']} ${attributes['error.type']}`);
}

/** Number of connection attempts to a port, by `network.type outcome`. */
function attemptsOf(readings: Readings, port: number): Record<string, number> {
  return Object.fromEntries(
    readings
      .points('connmeter.connect.attempts', { 'server.port': port })
      .filter(({ value }) => value > 0)
      .map(({ attributes, value }) => [`${attributes['network.type']} ${attributes['connmeter.outcome']}`, value]),
  );
}

/** A lookup function that returns these addresses. */
function resolvingTo(...addresses: string[]): LookupFunction {
  return (_name, _options, callback) =>
    setImmediate(
      callback,
      null,
      addresses.map(address => ({ address, family: net.isIP(address) })),
    );
}

/** Connects to a server that does not accept until its backlog is full: further connects hang. */
async function fillBacklog(port: number, host: string): Promise<void> {
  for (let i = 0; i < 10; i++) {
    const socket = using(net.connect(port, host));
    const taken = await Promise.race([once(socket, 'connect').then(() => true), wait(200, false)]);
    if (!taken) return;
  }
  throw new Error('the backlog does not fill');
}

test.each(['tcp', 'tls'] as const)(
  '%s: a connection without HTTP has no protocol name and no http.client series',
  async kind => {
    const { port, seen } = await server({ kind, certificate: await certificate() });
    const { read } = instrument();
    const connect = () =>
      using(
        kind === 'tcp'
          ? net.connect(port, '127.0.0.1')
          : tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false }),
      );

    const sockets = await Promise.all([1, 2, 3].map(() => echoed(connect())));

    expect(await seen()).toMatchObject({ accepts: 3, open: 3 });
    await expectConnectionCounts(read, port, { opened: 3 });

    await Promise.all(sockets.map(ended));

    await expect.poll(seen).toMatchObject({ accepts: 3, open: 0 });
    await expectConnectionCounts(read, port, { opened: 3, closed: 3 });
    const readings = await read();
    const rows = readings.names.flatMap(name =>
      readings.points(name, { 'server.port': port }).map(point => ({ name, ...point })),
    );
    expect(rows.filter(({ attributes }) => 'network.protocol.name' in attributes)).toEqual([]);
    expect(rows.filter(({ name }) => name.startsWith('http.client.') || name === 'connmeter.requests')).toEqual([]);
    expect(attemptsOf(readings, port)).toEqual({ 'ipv4 ok': 3 });
  },
);

describe.each(['1.2', '1.3'] as const)('TLS %s', version => {
  const tlsVersion = `TLSv${version}` as const;
  const tlsOptions = { minVersion: tlsVersion, maxVersion: tlsVersion };

  test('handshakes are labelled by whether they resumed a session', async () => {
    const { port, seen } = await server({ kind: 'tls', certificate: await certificate(), tlsOptions });
    const { read } = instrument();
    const options: ConnectionOptions = { port, host: '127.0.0.1', rejectUnauthorized: false };
    let session: Buffer | undefined;
    const connect = async () => {
      const socket = using(tls.connect({ ...options, ...(session ? { session } : {}) }));
      socket.on('session', newest => {
        session = newest;
      });
      return echoed(socket);
    };

    await ended(await connect());
    expect(session).toBeDefined();
    await ended(await connect());
    await ended(await connect());

    const { accepts, secured, resumed } = await seen();
    expect({ accepts, secured, resumed }).toEqual({ accepts: 3, secured: 3, resumed: 2 });
    const readings = await read();
    const handshakes = (labels: { 'tls.resumed': boolean }) =>
      readings.value('connmeter.tls.handshake.duration', {
        'server.port': port,
        'tls.protocol.version': version,
        ...labels,
      });
    expect(handshakes({ 'tls.resumed': true })).toBe(resumed);
    expect(handshakes({ 'tls.resumed': false })).toBe(secured - resumed);
    expect(readings.value('connmeter.tls.handshake.duration')).toBe(secured);
    await expectConnectionCounts(read, port, { opened: 3, closed: 3 });
  });
});

describe('a failed handshake', () => {
  const authority = async (options?: { names?: string[]; expired?: boolean }) => {
    const made = await certificate(options);
    return { certificate: made, trust: { ca: made.cert } };
  };

  test.each([
    { what: 'an expired certificate', make: () => authority({ expired: true }), code: 'CERT_HAS_EXPIRED' },
    {
      what: 'a certificate for another name',
      make: () => authority({ names: ['other.test'] }),
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    },
    {
      what: 'a self-signed certificate',
      make: async () => ({ certificate: await certificate(), trust: {} }),
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    },
    {
      what: 'a protocol the server does not speak',
      make: async () => {
        const { certificate, trust } = await authority();
        return {
          certificate,
          trust: { ...trust, maxVersion: 'TLSv1.2' as const },
          tlsOptions: { minVersion: 'TLSv1.3' as const },
        };
      },
      code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    },
  ])('by $what fails in the tls phase as $code', async ({ make, code }) => {
    const { trust, ...options } = await make();
    const { port, seen } = await server({ kind: 'tls', ...options });
    const { read } = instrument();

    const error = await failureOf(using(tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ...trust })));

    expect(error.code).toBe(code);
    expect(await seen()).toMatchObject({ accepts: 1 });
    const readings = await read();
    expect(readings.countsOf(port)).toEqual(connectionCounts({ failed: 1 }));
    expect(failuresOf(readings, port)).toEqual([`tls ${code}`]);
    expect(attemptsOf(readings, port)).toEqual({ 'ipv4 ok': 1 });
    expect(readings.value('connmeter.connect.duration', { 'server.port': port })).toBe(1);
    expect(readings.points('connmeter.tls.handshake.duration')).toEqual([]); // counted as a failure, without a duration
  });

  test('fails in the tls phase with ECONNRESET when the server closes the connection', async () => {
    const { port, seen } = await server({ kind: 'rude' });
    const { read } = instrument();

    await failureOf(using(tls.connect({ port, host: '127.0.0.1' })));

    expect(await seen()).toMatchObject({ accepts: 1 });
    const readings = await read();
    expect(readings.countsOf(port)).toEqual(connectionCounts({ failed: 1 }));
    expect(failuresOf(readings, port)).toEqual(['tls ECONNRESET']);
  });

  test('is aborted when the program destroys the socket', async () => {
    const { port, seen } = await server({ kind: 'silent' });
    const { read } = instrument();

    const socket = using(tls.connect({ port, host: '127.0.0.1' }));
    await expect.poll(seen).toMatchObject({ accepts: 1 });
    await ended(socket);

    await expect.poll(seen).toMatchObject({ accepts: 1, open: 0 });
    await expectConnectionCounts(read, port, { failed: 1 });
    expect(failuresOf(await read(), port)).toEqual(['tls aborted']);
  });
});

describe('a name with several addresses', () => {
  test('counts each attempt by family and outcome', async () => {
    const { port, seen } = await server({ kind: 'tcp' });
    const { read } = instrument();

    // Nothing listens on ::1; without IPv6 the attempt fails, too.
    const socket = using(
      net.connect({ host: 'two.test', port, lookup: resolvingTo('::1', '127.0.0.1'), autoSelectFamily: true }),
    );
    await echoed(socket);

    expect(await seen()).toMatchObject({ accepts: 1 });
    const readings = await read();
    expect(readings.countsOf(port)).toEqual(connectionCounts({ opened: 1 }));
    expect(attemptsOf(readings, port)).toEqual({ 'ipv6 failed': 1, 'ipv4 ok': 1 });
    expect(readings.value('connmeter.connection.opened', { 'server.address': 'two.test' })).toBe(1);
  });

  test('counts an attempt as timed out if the address does not answer in time', async () => {
    const { port, seen } = await server({ kind: 'tcp' });
    await server({ kind: 'frozen', host: '127.0.0.2', port });
    await fillBacklog(port, '127.0.0.2');
    const { read } = instrument();

    const lookup = resolvingTo('127.0.0.2', '127.0.0.1');
    const options = { host: 'two.test', port, lookup, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 50 };
    await echoed(using(net.connect(options)));

    expect(await seen()).toMatchObject({ accepts: 1 });
    const readings = await read();
    expect(readings.countsOf(port)).toEqual(connectionCounts({ opened: 1 }));
    expect(attemptsOf(readings, port)).toEqual({ 'ipv4 timed_out': 1, 'ipv4 ok': 1 });
  });

  test('is one failed connection with several failed attempts if all addresses refuse', async () => {
    const { port, stop } = await server({ kind: 'tcp' });
    await stop();
    const { read } = instrument();

    const socket = using(
      net.connect({ host: 'two.test', port, lookup: resolvingTo('127.0.0.1', '127.0.0.2'), autoSelectFamily: true }),
    );
    await failureOf(socket);

    const readings = await read();
    expect(readings.countsOf(port)).toEqual(connectionCounts({ failed: 1 }));
    expect(failuresOf(readings, port)).toEqual(['connect ECONNREFUSED']);
    expect(attemptsOf(readings, port)).toEqual({ 'ipv4 failed': 2 });
  });
});

describe('a connection that the program gives up', () => {
  test('does not count if connect throws, and the same socket counts when it connects later', async () => {
    const { port, seen } = await server({ kind: 'tcp' });
    const { read } = instrument();
    const socket = using(new net.Socket());

    expect(() => socket.connect({ port: 70_000, host: '127.0.0.1' })).toThrow(RangeError);
    await nextTurn();
    expect((await read()).value('connmeter.connection.failed')).toBe(0);
    socket.connect(port, '127.0.0.1');
    await echoed(socket);

    expect(await seen()).toMatchObject({ accepts: 1 });
    await expectConnectionCounts(read, port, { opened: 1 });

    await ended(socket);

    await expectConnectionCounts(read, port, { opened: 1, closed: 1 });
  });

  test('counts as failed or closed if the socket is destroyed in the turn of its connect, and is never open', async () => {
    const { port } = await server({ kind: 'tcp' });
    const { read } = instrument();

    const socket = net.connect(port, '127.0.0.1');
    await ended(socket);
    const named = net.connect(port, 'localhost');
    await ended(named);

    const { opened, closed, ...rest } = (await read()).countsOf(port);
    expect(opened - closed).toBe(0);
    expect(rest).toMatchObject({ active: 0, idle: 0, fresh: 0, reused: 0, requests: 0 });
    // The lookup goes on for a moment.
    await expect.poll(async () => (await read()).value('connmeter.dns.pending')).toBe(0);
  });
});

test('a name that does not exist fails in the dns phase', async () => {
  const { read } = instrument();

  await failureOf(using(net.connect(4711, NO_SUCH_NAME)));

  const readings = await read();
  expect(readings.value('connmeter.connection.failed')).toBe(1);
  expect(
    readings.value('connmeter.connection.failed', {
      'server.address': NO_SUCH_NAME,
      'connmeter.phase': 'dns',
      'error.type': 'ENOTFOUND',
    }),
  ).toBe(1);
  expect(readings.value('dns.lookup.duration', { 'dns.question.name': NO_SUCH_NAME, 'error.type': 'ENOTFOUND' })).toBe(
    1,
  );
});

test('a socket object that connects three times counts as three connections', async () => {
  const { port, seen } = await server({ kind: 'tcp' });
  const { read } = instrument();
  const socket = using(new net.Socket());

  for (let i = 0; i < 3; i++) {
    socket.connect(port, '127.0.0.1');
    await echoed(socket);
    await ended(socket);
  }

  await expect.poll(seen).toMatchObject({ accepts: 3, open: 0 });
  await expectConnectionCounts(read, port, { opened: 3, closed: 3 });
  expect(attemptsOf(await read(), port)).toEqual({ 'ipv4 ok': 3 });
});

describe('a socket object that connects again counts as another connection', () => {
  const TIMES = 20;
  /** Connects the socket again and again, each time in another way. Resolves once the last connection is closed. */
  const inClose = (add: 'on' | 'prependListener') => (socket: Socket, port: number) =>
    new Promise<void>(resolve => {
      let left = TIMES;
      const connect = () => {
        socket.connect(port, '127.0.0.1', () => socket.destroy());
        socket[add]('close', again);
      };
      const again = () => {
        socket.off('close', again);
        if (--left > 0) connect();
        else resolve();
      };
      connect();
    });
  const inOneTurn = (end: (socket: Socket) => void) => async (socket: Socket, port: number) => {
    for (let i = 0; i < TIMES; i++) {
      if (i > 0) end(socket);
      socket.connect(port, '127.0.0.1');
      await once(socket, 'connect'); // the close before may come later, and would fail a write before it
      await echoed(socket);
    }
    await ended(socket);
  };

  test.each([
    ['in its close', inClose('on')],
    ['in its close, before connmeter sees the close', inClose('prependListener')],
    ['in the turn of destroy()', inOneTurn(socket => socket.destroy())],
    ['in the turn of resetAndDestroy()', inOneTurn(socket => socket.resetAndDestroy())],
    ['after it lost all its listeners', inOneTurn(socket => socket.removeAllListeners().destroy())],
  ])('%s', async (_when, connectAgain) => {
    const { port, seen } = await server({ kind: 'tcp' });
    const { read } = instrument();

    await connectAgain(using(new net.Socket()), port);

    await expect.poll(seen).toMatchObject({ accepts: TIMES, open: 0 });
    await expectConnectionCounts(read, port, { opened: TIMES, closed: TIMES });
    expect(attemptsOf(await read(), port)).toEqual({ 'ipv4 ok': TIMES });
  });
});

test('a socket that is sent to another process counts as closed, and stays open there', async () => {
  const { port, seen } = await server({ kind: 'tcp' });
  const { read, instrumentation } = instrument();
  const child = fork(programPath('keeps-sockets.ts'), { execArgv: ['--disable-warning=ExperimentalWarning'] });
  onTestFinished(() => void child.kill());
  const reasons = async () =>
    (await read())
      .points('connmeter.connection.closed', { 'server.port': port })
      .map(({ attributes, value }) => [attributes['connmeter.close.reason'], value]);

  for (let i = 0; i < 3; i++) {
    const socket = await echoed(using(net.connect(port, '127.0.0.1')));
    child.send('keep it', socket);
    await once(child, 'message');
  }

  expect(await seen()).toMatchObject({ accepts: 3, open: 3 });
  await expectConnectionCounts(read, port, { opened: 3, closed: 3 });
  expect(await reasons()).toEqual([['unknown', 3]]);
  expect(instrumentation.connections.snapshot().live).toEqual([]);
});

test('connections without HTTP that are never closed are in the gauge of open connections', async () => {
  const { port } = await server({ kind: 'tcp' });
  const { read } = instrument();
  const open = async () =>
    (await read()).points('connmeter.open_connections', { 'server.port': port, 'network.protocol.name': undefined });

  const sockets = await Promise.all(Array.from({ length: 50 }, () => echoed(using(net.connect(port, '127.0.0.1')))));
  expect(await open()).toMatchObject([{ value: 50 }]);

  await Promise.all(sockets.map(ended));
  expect(await open()).toMatchObject([{ value: 0 }]);
});

test('the gauge of open connections starts at 0 for a server that cannot be reached', async () => {
  const { port, stop } = await server({ kind: 'tcp' });
  await stop();
  const { read } = instrument();

  await failureOf(using(net.connect(port, '127.0.0.1')));

  expect((await read()).points('connmeter.open_connections', { 'server.port': port })).toMatchObject([{ value: 0 }]);
});

test('a failed TLS upgrade of a connected socket is not seen: it was opened, and the program closed it', async () => {
  const { port } = await server({ kind: 'tls', certificate: await certificate() });
  const { read } = instrument();

  const socket = using(net.connect(port, '127.0.0.1'));
  await once(socket, 'connect');
  const error = await failureOf(using(tls.connect({ socket })));

  expect(error.code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
  await expectConnectionCounts(read, port, { opened: 1, closed: 1 });
  const closed = (await read()).points('connmeter.connection.closed', { 'server.port': port });
  expect(closed.map(({ attributes }) => attributes['connmeter.close.reason'])).toEqual(['client_closed']);
});

test('a socket still counts as closed if the program removes all its listeners', async () => {
  const { port, seen } = await server({ kind: 'tcp' });
  const { read } = instrument();
  const socket = await echoed(using(net.connect(port, '127.0.0.1')));
  await expectConnectionCounts(read, port, { opened: 1 });

  socket.removeAllListeners();
  socket.destroy();

  await expect.poll(seen).toMatchObject({ accepts: 1, open: 0 });
  await expectConnectionCounts(read, port, { opened: 1, closed: 1 });
});

test('a Unix socket counts under its path, without a port and without attempts', async () => {
  const path = join(tmpdir(), `connmeter-${randomUUID()}.sock`);
  const { seen } = await server({ kind: 'tcp', path });
  const { read } = instrument();

  const socket = await echoed(using(net.connect(path)));
  const at = { 'server.address': path, 'server.port': undefined };
  const opened = (await read()).value('connmeter.connection.opened', at);
  await ended(socket);

  await expect.poll(seen).toMatchObject({ accepts: 1, open: 0 });
  const readings = await read();
  expect({ opened, closed: readings.value('connmeter.connection.closed', at) }).toEqual({ opened: 1, closed: 1 });
  expect(readings.value('connmeter.connection.opened')).toBe(1);
  expect(readings.points('connmeter.connect.attempts')).toEqual([]);
});

test('a missing Unix socket is a failure in the connect phase', async () => {
  const path = join(tmpdir(), `connmeter-${randomUUID()}.sock`);
  const { read } = instrument();

  const error = await failureOf(using(net.connect(path)));

  expect(error.code).toBe('ENOENT');
  const readings = await read();
  expect(readings.value('connmeter.connection.failed')).toBe(1);
  expect(
    readings.value('connmeter.connection.failed', {
      'server.address': path,
      'connmeter.phase': 'connect',
      'error.type': 'ENOENT',
    }),
  ).toBe(1);
});

test('after all connections are closed by either side, opened equals closed', async () => {
  const plain = await server({ kind: 'tcp' });
  const secure = await server({ kind: 'tls', certificate: await certificate() });
  const { read } = instrument();
  const sockets = [1, 2, 3, 4].flatMap<Socket | TLSSocket>(() => [
    net.connect(plain.port, '127.0.0.1'),
    tls.connect({ port: secure.port, host: '127.0.0.1', rejectUnauthorized: false }),
  ]);
  await Promise.all(sockets.map(socket => echoed(using(socket))));

  await Promise.all(sockets.slice(0, 4).map(ended));
  const closed = sockets
    .slice(4)
    .map(socket => new Promise(resolve => socket.on('error', () => {}).once('close', resolve)));
  await plain.drop();
  await secure.drop();
  await Promise.all(closed);

  await expectAllClosed(read);
  for (const { port, seen } of [plain, secure]) {
    await expect.poll(seen).toMatchObject({ accepts: 4, open: 0 });
    await expectConnectionCounts(read, port, { opened: 4, closed: 4 });
  }
});
