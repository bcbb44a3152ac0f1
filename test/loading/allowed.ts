/** A difference that loading makes, and why it is needed. */
export interface Allowed {
  readonly what: string;
  readonly why: string;
  /** Major versions of Node with this difference; default: all. */
  readonly on?: readonly number[];
}

/** What an entry point leaves behind in a program: exactly this, or the test fails. */
export interface Footprint {
  /** Node modules, each with all that Node loads for it. */
  readonly modules: readonly Allowed[];
  readonly differences: readonly Allowed[];
}

const NET = { what: 'net', why: 'the address that the metrics are served at is checked with it' };
const CLOCK = {
  what: 'perf_hooks',
  why: 'the clock is read and lookups are observed before the program can replace them with fakes',
};
const WATCHED = 'connmeter measures connections through these channels';

const CLIENT_CHANNELS = [
  'http.client.request.created',
  'http.client.request.error',
  'http.client.request.start',
  'http.client.response.finish',
  'http2.client.stream.close',
  'http2.client.stream.start',
  'net.client.socket',
  'tracing:net.server.listen:asyncEnd',
  'undici:client:beforeConnect',
  'undici:client:connectError',
  'undici:client:connected',
  'undici:client:sendHeaders',
  'undici:proxy:connected',
  'undici:request:create',
  'undici:request:error',
  'undici:request:headers',
  'undici:request:trailers',
];

export const FOOTPRINTS: Readonly<Record<string, Footprint>> = {
  connmeter: { modules: [CLOCK], differences: [] },
  'connmeter/testing': {
    modules: [CLOCK],
    differences: CLIENT_CHANNELS.map(name => ({ what: `+ subscribed: ${name}`, why: WATCHED })),
  },
  'connmeter/register': {
    modules: [
      NET,
      CLOCK,
      {
        what: 'module',
        why: 'OpenTelemetry, and everything except the code that reads variables, is loaded with require',
      },
      { what: 'worker_threads', why: 'to know if this is the main thread, and to share memory with the others' },
    ],
    differences: [
      {
        what: '+ module: NativeModule internal/modules/esm/initialize_import_meta',
        why: 'import.meta.url is needed for require; Node 26 loads it in every program',
        on: [22, 24],
      },
      ...[
        ...CLIENT_CHANNELS,
        'http.server.request.start',
        'http.server.response.finish',
        'http2.server.stream.close',
        'http2.server.stream.start',
        'net.server.socket',
      ].map(name => ({ what: `+ subscribed: ${name}`, why: WATCHED })),
      { what: '+ subscribed: worker_threads', why: 'to know when a thread of the program has ended' },
      ...['asyncStart', 'error'].map(event => ({
        what: `+ subscribed: tracing:net.server.listen:${event}`,
        why: 'a server of the program can take over the metrics port',
      })),
    ],
  },
};

/** All documented channels of Node and undici. */
export const CHANNELS: readonly string[] = [
  'child_process',
  'http.client.request.created',
  'http.client.request.error',
  'http.client.request.start',
  'http.client.response.finish',
  'http.server.request.start',
  'http.server.response.created',
  'http.server.response.finish',
  'net.client.socket',
  'net.server.socket',
  'process',
  'udp.socket',
  'worker_threads',
  ...['log', 'info', 'debug', 'warn', 'error'].map(name => `console.${name}`),
  ...['client', 'server'].flatMap(side =>
    ['close', 'created', 'error', 'finish', 'start'].map(name => `http2.${side}.stream.${name}`),
  ),
  ...['module.require', 'module.import', 'net.server.listen', 'child_process.spawn'].flatMap(name =>
    ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map(event => `tracing:${name}:${event}`),
  ),
  ...['beforeConnect', 'connected', 'connectError', 'sendHeaders'].map(name => `undici:client:${name}`),
  ...['create', 'bodySent', 'bodyChunkSent', 'bodyChunkReceived', 'headers', 'trailers', 'error'].map(
    name => `undici:request:${name}`,
  ),
  ...['open', 'close', 'socket_error', 'ping', 'pong', 'created', 'handshakeResponse'].map(
    name => `undici:websocket:${name}`,
  ),
  ...['connected', 'connectError'].map(name => `undici:proxy:${name}`),
];
