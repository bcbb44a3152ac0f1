import type { Server } from 'node:http';

/** Of the text format: https://prometheus.io/docs/instrumenting/exposition_formats/#basic-info */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** The one path that is served. */
export const METRICS_PATH = '/metrics';

/**
 * Serves `GET /metrics` and nothing else. Neither the server nor a scraper that keeps its connection open keeps the
 * process alive. `exposition` makes the text of one answer; where it
 * fails, the answer is 500 and `onFault` hears of it. `onError` hears why it could not listen. Returns the server.
 */
export function serveMetrics(
  { host, port }: { readonly host: string; readonly port: number },
  exposition: () => Promise<string>,
  onFault: (error: unknown) => void,
  onError: (error: NodeJS.ErrnoException) => void,
): Server {
  const server = process.getBuiltinModule('node:http').createServer((request, response) => {
    if (request.url?.split('?', 1)[0] !== METRICS_PATH) {
      response.writeHead(404).end();
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else {
      exposition().then(
        text => response.writeHead(200, { 'content-type': CONTENT_TYPE }).end(text),
        error => {
          response.writeHead(500).end();
          onFault(error);
        },
      );
    }
  });
  server.on('connection', socket => socket.unref());
  server.on('error', onError);
  // Exclusive: a cluster's workers must not share one port, where each scrape would meet another worker's numbers.
  server.listen({ host, port, exclusive: true });
  return server.unref();
}
