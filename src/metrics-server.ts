import { createServer, type RequestListener, type Server } from 'node:http';

/** The one path that is served. */
export const METRICS_PATH = '/metrics';

/**
 * Serves `GET /metrics` and nothing else. Neither the server nor a scraper that keeps its connection open keeps the
 * process alive. `onError` hears why it could not listen. Returns the
 * server.
 */
export function serveMetrics(
  { host, port }: { readonly host: string; readonly port: number },
  answer: RequestListener,
  onError: (error: NodeJS.ErrnoException) => void,
): Server {
  const server = createServer((request, response) => {
    if (request.url?.split('?', 1)[0] !== METRICS_PATH) {
      response.writeHead(404).end();
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else {
      answer(request, response);
    }
  });
  server.on('connection', socket => socket.unref());
  server.on('error', onError);
  // Exclusive: a cluster's workers must not share one port, where each scrape would meet another worker's numbers.
  server.listen({ host, port, exclusive: true });
  return server.unref();
}
