import http from 'node:http';
import https from 'node:https';
import type { Form } from './scenario.ts';
import { readAll } from './scenario.ts';

/** One request, its body read to the end: for scenarios where it is the server, or the pool, that makes the difference. */
export const plain = {
  async fetch(url) {
    const response = await fetch(url);
    await response.text();
  },
  async undici(url, { request }, dispatcher) {
    const { body } = await request(url, { dispatcher });
    await body.text();
  },
  http: (url, agent) => readAll((url.startsWith('https') ? https : http).get(url, { agent })),
} satisfies Form;
