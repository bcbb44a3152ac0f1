// invalid-messages.ts <port> <logger>: instruments itself, publishes invalid messages on every subscribed channel, then makes
// real connections. Prints what the diag logger received and what was counted.

import { channel, hasSubscribers } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { ConnectionInstrumentation } from '../../../src/index.ts';
import { ManualReader } from '../manual-reader.ts';

const [text, kind] = process.argv.slice(2);
const port = Number(text);
const CHANNELS = [
  'net.client.socket',
  'undici:client:beforeConnect',
  'undici:client:connected',
  'undici:request:create',
  'undici:client:sendHeaders',
  'http.client.request.created',
  'http.client.request.start',
  'http.client.response.finish',
  'http2.client.stream.start',
  'http2.client.stream.close',
];

const logger: DiagLogger = {
  verbose() {},
  debug() {},
  info() {},
  error: (...words) => log(words),
  warn: (...words) => log(words),
};
function log([message]: readonly unknown[]) {
  if (kind === 'throwing') throw new Error('the logger is broken');
  console.log(message);
}
diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });

const reader = new ManualReader();
const provider = new MeterProvider({ readers: [reader] });
if (kind !== 'alone') new ConnectionInstrumentation().setMeterProvider(provider);

const half = Object.create(null);
const trap = new Proxy(
  {},
  {
    get() {
      throw new Error('a trap');
    },
  },
);
for (const name of CHANNELS) {
  if (kind !== 'alone' && !hasSubscribers(name)) console.log(`nobody listens to ${name}`);
  for (const nonsense of [undefined, null, 1, 'text', {}, half, { socket: {}, request: {}, connectParams: {} }, trap]) {
    channel(name).publish(nonsense);
  }
}

const agent = new http.Agent({ keepAlive: true });
for (let i = 0; i < 2; i++) {
  const [response] = await once(http.get({ port, host: '127.0.0.1', agent }), 'response');
  console.log(response.statusCode);
  await once(response.resume(), 'close');
}
agent.destroy();
const fetched = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
console.log(await fetched.text());
const socket = net.connect(port, 'localhost');
await once(socket, 'connect');
socket.destroy();
await once(socket, 'close');

for (const metric of (await reader.collect()).resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics)) {
  const { name } = metric.descriptor;
  const values = metric.dataPoints
    .filter(({ attributes }) => attributes['server.port'] === port)
    .map(({ value }) => (typeof value === 'number' ? value : value.count));
  if (values.length > 0)
    console.log(
      'counted',
      name,
      values.reduce((total, value) => total + value),
    );
}
