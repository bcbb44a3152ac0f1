// Each function is a caller: two reuse connections, five waste them, and three cannot connect.
import http from 'node:http';
import https from 'node:https';
import { Client } from 'undici';

/** Good: fetch uses one pool for the whole process, and the program reads the body. */
export async function sharedPool(url: string): Promise<void> {
  const response = await fetch(url);
  await response.text();
}

/** Good: one agent for the whole process, so there is one TLS handshake. */
const sharedAgent = new https.Agent({ keepAlive: true });
export function sharedPoolHttps(url: string): Promise<void> {
  return get(url, sharedAgent);
}

/** Wasteful: it checks the status and never reads the body, which holds the connection. Fix: read or cancel the body. */
export async function bodyNeverRead(url: string): Promise<void> {
  const { ok } = await fetch(url);
  if (!ok) throw new Error('not ok');
}

/** Wasteful: it creates a client for one request, and never closes it. Fix: create one client and share it. */
export async function clientPerRequest(url: string): Promise<void> {
  const { origin, pathname } = new URL(url);
  const client = new Client(origin);
  const { body } = await client.request({ method: 'GET', path: pathname });
  await body.dump();
}

/** Wasteful: it closes the connection after each response. Fix: `keepAlive: true`. */
const keepAliveOffAgent = new http.Agent({ keepAlive: false });
export function keepAliveOff(url: string): Promise<void> {
  return get(url, keepAliveOffAgent);
}

/** Wasteful because of the server: it keeps idle connections for 1 s, which is too short for fetch to reuse them. */
export const serverKeepAliveTooShort = sharedPool;

/** Wasteful because of the server: it answers with `Connection: close`. */
export const connectionClose = sharedPool;

/** Fails: nothing listens on the port. */
export function portRefused(url: string): Promise<void> {
  return get(url, sharedPlainAgent);
}
const sharedPlainAgent = new http.Agent({ keepAlive: true });

/** Fails: the name does not exist. */
export const nameNotFound = sharedPool;

/** Fails: the certificate of the server expired yesterday. */
export const certificateExpired = sharedPool;

function get(url: string, agent: http.Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const { get } = url.startsWith('https:') ? https : http;
    get(url, { agent }, response => response.resume().on('end', resolve)).on('error', reject);
  });
}
