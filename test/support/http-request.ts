import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import net from 'node:net';
import { until } from './until.ts';

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface HttpRequestOptions {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
}

/** Sends one request, on its own connection unless an agent is given. */
export async function httpRequest(
  url: string,
  { method = 'GET', path, headers = {}, agent = new Agent() }: HttpRequestOptions = {},
): Promise<HttpResponse> {
  const sent = request(url, { method, headers, agent, ...(path === undefined ? {} : { path }) }).end();
  const [response] = await once(sent, 'response');
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += chunk;
  return { status: response.statusCode, headers: response.headers, body };
}

/** Retries a request until a starting server answers. */
export async function httpRequestUntilAnswered(url: string): Promise<HttpResponse> {
  const answer = await until(
    () => httpRequest(url).catch(() => undefined),
    answered => answered !== undefined,
    15_000,
  );
  return answer as HttpResponse;
}

/** True if a server listens on this port. */
export async function isListening(port: number, host = '127.0.0.1'): Promise<boolean> {
  const socket = net.connect(port, host);
  const answer = await new Promise<boolean>(resolve => {
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
  });
  socket.destroy();
  return answer;
}
