import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A reverse proxy in front of the checkout service, as far as connections are concerned. Like nginx with `keepalive_timeout 60s`, it keeps
 * idle connections for 60 s, whatever the server says.
 */
export async function runProxy(service: string, stopped: AbortSignal): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, timeout: 60_000 });
  while (!stopped.aborted) {
    await Promise.all(Array.from({ length: 4 }, () => forward(service, agent)));
    await sleep(1_500);
  }
  agent.destroy();
}

function forward(service: string, agent: http.Agent): Promise<void> {
  return new Promise(resolve => {
    const request = http.get(service, { agent, headers: { 'x-forwarded-for': '127.0.0.1' } }, response => {
      delete response.headers['keep-alive']; // else the agent would obey it
      response.resume().on('end', resolve);
    });
    request.on('error', () => resolve()); // the client of a proxy gets 502
  });
}
