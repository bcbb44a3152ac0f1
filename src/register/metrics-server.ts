import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Guard } from '../core/guard.ts';
import type { Overview } from '../explain/overview.ts';
import { type HostRules, isAllowedHost } from './allowed-hosts.ts';
import { ConnectionLimits, LIMITS } from './connection-limits.ts';
import { type Exposition, lengthOf } from './exposition.ts';
import type { LocalPage, Resource } from './local-page.ts';

/** https://prometheus.io/docs/instrumenting/exposition_formats/#basic-info */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const TEXT = { 'content-type': CONTENT_TYPE, vary: 'accept-encoding' };
const NOT_ALLOWED = 'This host name is not allowed. Add it to CONNMETER_ALLOWED_HOSTS.\n';
const NOT_ALLOWED_METHOD = { allow: 'GET, HEAD' };

export const METRICS_PATH = '/metrics';

/** Longer than the usual scrape interval of a minute, so that scrapes reuse their connection. In milliseconds. */
const KEEP_ALIVE_TIMEOUT = 75_000;
/** Prometheus sends half a kilobyte of headers, a browser with cookies a few kilobytes. */
const MAX_HEADER_BYTES = 8 * 1024;

export interface ServerOptions extends Pick<HostRules, 'host' | 'allowed'> {
  /** Makes the data of the local page. Undefined if there is no page. */
  readonly overview?: (() => Promise<Overview>) | undefined;
}

/**
 * Creates a server for `GET /metrics` and the local page, which does not listen yet. Neither the server nor its connections keep
 * the process alive.
 */
export function createMetricsServer(
  exposition: Exposition,
  { host, allowed, overview }: ServerOptions,
  guard: Guard,
): Server {
  const server = process.getBuiltinModule('node:http').createServer({
    // Node checks these two only every 30 s, so `connection-limits.ts` has timers of its own.
    headersTimeout: LIMITS.headersTimeout,
    requestTimeout: LIMITS.headersTimeout,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    maxHeaderSize: MAX_HEADER_BYTES,
    insecureHTTPParser: false, // even if the command line enables it
  });
  const limits = new ConnectionLimits(server, guard);
  let listeningOn = '';
  server.on('listening', () => {
    listeningOn = (server.address() as AddressInfo).address;
  });

  const send = guard(
    'answer a scrape',
    (
      response: ServerResponse,
      status: number,
      headers: Readonly<Record<string, string | number>>,
      body: readonly (Buffer | string)[] = [],
    ) => {
      response.statusCode = status;
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      for (const piece of body) response.write(piece); // Node sends them together
      response.end();
    },
  );
  let page: Promise<LocalPage> | undefined;
  const findInPage = async (path: string): Promise<Resource | undefined> => {
    if (overview === undefined || !isOfPage(path)) return undefined;

    page ??= import('./local-page.ts').then(loaded => new loaded.LocalPage(overview, guard));
    return (await page).find(path);
  };
  const answerFromPage = async (path: string, { method }: IncomingMessage, response: ServerResponse) => {
    try {
      const resource = await findInPage(path);
      if (resource === undefined) return send(response, 404, {});
      if (method !== 'GET' && method !== 'HEAD') return send(response, 405, NOT_ALLOWED_METHOD);

      const { headers, length, read } = resource;
      const body = method === 'GET' ? await read() : undefined;
      const known = body?.length ?? length;
      send(response, 200, { ...headers, ...(known && { 'content-length': known }) }, body && [body]);
    } catch {
      send(response, 500, {}); // whoever failed has reported it
    }
  };
  const answer = guard('answer a scrape', (request: IncomingMessage, response: ServerResponse) => {
    if (!limits.requestStarted(request.socket, response)) return;

    const { host: hosts = [] } = request.headersDistinct;
    const path = request.url?.split('?', 1)[0] ?? '';
    if (hasBody(request)) response.setHeader('connection', 'close'); // otherwise Node would read the body
    if (hosts.length > 1) {
      send(response, 400, {});
    } else if (!isAllowedHost(hosts[0], { host, listeningOn, allowed })) {
      send(response, 403, { 'content-type': 'text/plain; charset=utf-8', 'content-length': NOT_ALLOWED.length }, [
        NOT_ALLOWED,
      ]);
    } else if (path !== METRICS_PATH) {
      void answerFromPage(path, request, response);
    } else if (request.method === 'GET') {
      const isCompressed = acceptsGzip(request);
      exposition
        .read()
        .then(text => {
          response.on('close', text.use());
          return isCompressed ? text.gzip() : text.plain;
        })
        .then(
          body => {
            const length = { 'content-length': lengthOf(body) };
            send(response, 200, { ...TEXT, ...length, ...(isCompressed && { 'content-encoding': 'gzip' }) }, body);
          },
          () => send(response, 500, {}),
        );
    } else if (request.method === 'HEAD') {
      const latest = acceptsGzip(request) ? undefined : exposition.latest;
      const length = latest && lengthOf(latest.plain);
      send(response, 200, { ...TEXT, ...(length && { 'content-length': length }) });
    } else {
      send(response, 405, NOT_ALLOWED_METHOD);
    }
  });
  server.on('request', answer);
  server.on('checkContinue', answer); // without sending "100 Continue": the body is not read
  return server.unref();
}

/** The paths of the local page, which is loaded when somebody asks for one of them. */
function isOfPage(path: string): boolean {
  return path === '/' || path === '/connmeter.json' || path.startsWith('/page/');
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Prometheus sends `gzip`; browsers send a list. A weight of zero, which nobody sends, would exclude it. */
function acceptsGzip({ headers }: IncomingMessage): boolean {
  return /(?:^|,)\s*gzip\s*(?:,|$|;(?!\s*q=0(?:\.0*)?\s*(?:,|$)))/i.test(String(headers['accept-encoding'] ?? ''));
}
