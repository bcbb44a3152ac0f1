import http from 'node:http';
import { expect, test } from 'vitest';
import { measuring, until } from '../support/measuring.ts';
import { server } from '../support/server.ts';

function get(url: string, options: http.RequestOptions = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    http
      .get(url, options, response => {
        response.resume().on('end', resolve);
      })
      .on('error', reject);
  });
}

test('sequential requests on a keep-alive agent share one connection', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = measuring();
  const agent = new http.Agent({ keepAlive: true });

  for (let i = 0; i < 5; i++) {
    await get(`http://127.0.0.1:${port}/`, { agent });
    await new Promise(setImmediate);
  }

  expect(await seen()).toMatchObject({ accepts: 1, requests: 5 });
  expect((await read()).lifeOf(port)).toEqual({
    opened: 1,
    closed: 0,
    failed: 0,
    fresh: 1,
    reused: 4,
    active: 0,
    idle: 1,
    requests: 0,
  });

  agent.destroy();

  expect(
    await until(
      async () => (await read()).lifeOf(port),
      ({ closed }) => closed === 1,
    ),
  ).toMatchObject({ idle: 0 });
});
