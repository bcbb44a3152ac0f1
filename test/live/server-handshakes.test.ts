import { once } from 'node:events';
import https from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { instrument, type Readings } from '../support/instrument.ts';

const CERTIFICATE = await certificate();
const MAJOR = Number(process.versions.node.split('.')[0]);

/** What the server itself says about handshakes. */
interface Told {
  finished: number;
  readonly errors: string[];
}

async function listening(options: tls.TlsOptions = {}): Promise<{ port: number; told: Told }> {
  const told: Told = { finished: 0, errors: [] };
  const server = https.createServer({ ...CERTIFICATE, ...options }, (_request, response) => void response.end('hello'));
  server.on('secureConnection', () => told.finished++);
  server.on('tlsClientError', (error: NodeJS.ErrnoException) => told.errors.push(String(error.code)));
  server.on('connection', socket => socket.on('error', () => {}));
  onTestFinished(() => void server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { port: (server.address() as AddressInfo).port, told };
}

/** What connmeter says: closed connections by reason, and handshakes by error. */
function seenIn(readings: Readings, port: number) {
  const at = { 'server.port': port };
  const closed = readings.points('connmeter.server.connection.closed', at).filter(({ value }) => value > 0);
  const handshakes = readings.points('connmeter.server.tls.handshake.duration', at);
  return {
    closed: Object.fromEntries(closed.map(({ attributes, value }) => [attributes['connmeter.close.reason'], value])),
    errors: handshakes
      .flatMap(({ attributes, value }) => Array.from({ length: value }, () => attributes['error.type']))
      .filter(error => error !== undefined)
      .toSorted(),
    finished: handshakes
      .filter(({ attributes }) => attributes['error.type'] === undefined)
      .reduce((sum, { value }) => sum + value, 0),
  };
}

const closedSocket = (socket: Socket) => new Promise(resolve => socket.on('error', () => {}).on('close', resolve));

/** Finishes the handshake and resets the connection at once, so that the server learns both at the same time. */
async function resetsAfterHandshake(port: number): Promise<void> {
  const raw = net.connect(port, '127.0.0.1');
  const closed = closedSocket(raw);
  const secure = tls.connect({ socket: raw, ca: CERTIFICATE.cert, servername: 'localhost' }, () =>
    setImmediate(() => raw.resetAndDestroy()),
  );
  secure.on('error', () => {});
  await closed;
}

/** The first message of a TLS client. */
async function clientHello(): Promise<Buffer> {
  let arrived: (hello: Buffer) => void = () => {};
  const hello = new Promise<Buffer>(resolve => {
    arrived = resolve;
  });
  const wire = new Duplex({
    read() {},
    write(bytes: Buffer, _encoding, written) {
      arrived(bytes);
      written();
    },
  });
  const client = tls.connect({ socket: wire, servername: 'localhost' }).on('error', () => {});
  const bytes = await hello;
  client.destroy();
  return bytes;
}

/** Refuses the server's certificate by an alert, as OpenSSL, curl and browsers do. Node's client sends none. */
async function refuses(port: number, alert: number, leave: (socket: Socket) => void): Promise<void> {
  const socket = net.connect(port, '127.0.0.1');
  const closed = closedSocket(socket);
  socket.write(await clientHello());
  await once(socket, 'data');
  socket.write(Buffer.from([0x15, 3, 3, 0, 2, 2, alert]), () => leave(socket));
  await closed;
}

const CERTIFICATE_EXPIRED = 45;
const UNKNOWN_CA = 48;
/** Newer versions of OpenSSL have another name. */
const EXPIRED = `ERR_SSL_${MAJOR === 22 ? 'SSLV3' : 'SSL/TLS'}_ALERT_CERTIFICATE_EXPIRED`;

/** Occupies the event loop, so that several messages of one client are there at the same time. */
function busyLoop(): void {
  const busy = setInterval(() => {
    const until = performance.now() + 8;
    while (performance.now() < until);
  }, 10);
  onTestFinished(() => clearInterval(busy));
}

test('a client that resets right after the handshake did not fail it', async () => {
  const { read } = instrument();
  const { port, told } = await listening();

  for (let i = 0; i < 20; i++) await resetsAfterHandshake(port);

  const right = () => ({
    closed: {
      ...(told.finished > 0 ? { client_closed_idle: told.finished } : {}),
      ...(told.errors.length > 0 ? { tls_failed: told.errors.length } : {}),
    },
    finished: told.finished,
    errors: told.errors.toSorted(),
  });
  await expect.poll(() => told.finished + told.errors.length).toBe(20);
  await expect.poll(async () => seenIn(await read(), port)).toEqual(right());
  expect(told.finished).toBeGreaterThan(0);
});

test('clients that reset before, during and after the handshake, all at once', async () => {
  const { read } = instrument();
  const { port, told } = await listening();
  busyLoop();
  const resetsAtOnce = async () => {
    const socket = net.connect(port, '127.0.0.1', () => socket.resetAndDestroy());
    await closedSocket(socket);
  };
  const resetsInTheMiddle = async () => {
    const socket = net.connect(port, '127.0.0.1');
    const closed = closedSocket(socket);
    socket.write(await clientHello());
    await once(socket, 'data');
    socket.resetAndDestroy();
    await closed;
  };

  await Promise.all(
    Array.from({ length: 10 }, () => [
      resetsAtOnce(),
      resetsInTheMiddle(),
      resetsAfterHandshake(port),
      refuses(port, UNKNOWN_CA, socket => socket.resetAndDestroy()),
    ]).flat(),
  );

  await expect.poll(() => told.finished + told.errors.length, { timeout: 5_000 }).toBe(40);
  const seen = async () => {
    const { closed, finished, errors } = seenIn(await read(), port);
    return { finished, errors, failed: closed['tls_failed'], left: closed['client_closed_idle'] ?? 0 };
  };
  await expect.poll(seen, { timeout: 5_000 }).toEqual({
    finished: told.finished,
    errors: told.errors.toSorted(),
    failed: told.errors.length,
    left: told.finished,
  });
});

test.each([
  ['TLSv1.2', CERTIFICATE_EXPIRED, EXPIRED],
  ['TLSv1.3', CERTIFICATE_EXPIRED, EXPIRED],
  ['TLSv1.3', UNKNOWN_CA, 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'],
])('over %s, a refused certificate (alert %d) is named: %s', async (maxVersion, alert, code) => {
  const { read } = instrument();
  const { port, told } = await listening({ maxVersion: maxVersion as tls.SecureVersion });
  busyLoop();

  for (const leave of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()])
    await refuses(port, alert, leave);

  await expect.poll(() => told.errors).toHaveLength(2);
  expect(told.errors.filter(error => error !== 'ECONNRESET')).toContain(code);
  await expect
    .poll(async () => seenIn(await read(), port))
    .toEqual({
      closed: { tls_failed: 2 },
      finished: 0,
      errors: told.errors.map(error => error.replace('/', '_')).toSorted(),
    });
});
