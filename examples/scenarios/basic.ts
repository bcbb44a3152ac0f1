import http from 'node:http';
import https from 'node:https';
import type { Variant } from './scenario.ts';
import { readAll } from './scenario.ts';

/** One request with its body read to the end, for scenarios where only the server or the pool differs. */
export const basic = {
  async fetch(url) {
    const response = await fetch(url);
    await response.text();
  },
  async undici(url, { request }, dispatcher) {
    const { body } = await request(url, { dispatcher });
    await body.text();
  },
  http: (url, agent) => readAll((url.startsWith('https') ? https : http).get(url, { agent })),
} satisfies Variant;
