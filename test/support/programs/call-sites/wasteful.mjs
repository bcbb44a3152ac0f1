import http from 'node:http';
import { Agent, fetch as undiciFetch } from 'undici';

/** Never reads the body: the line that is to be found is the next one but one. */
export async function holdByFetch(url) {
  await null;
  return await fetch(url); // HERE fetch
}

export function holdByHttp(url) {
  return new Promise((resolve, reject) => {
    http.get(url, { agent: keepAlive }, resolve).on('error', reject); // HERE http
  });
}

/** All requests are created here; the first three never get their bodies read, and the others wait. */
export function holdAll(url) {
  const one = () => http.get(url, { agent: limited }, response => kept.push(response)).on('error', () => {}); // HERE all
  for (let i = 0; i < 2; i++) one();
}

export async function openPool(url) {
  const response = await undiciFetch(url, { dispatcher: new Agent() }); // HERE pool
  await response.text();
}

const keepAlive = new http.Agent({ keepAlive: true });
const limited = new http.Agent({ keepAlive: true, maxSockets: 3 });
const kept = [];
