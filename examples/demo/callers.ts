// One function a caller: two that do it well, five that waste connections, three that get none.
import http from 'node:http';
import https from 'node:https';
import { Client } from 'undici';

/** Well: fetch keeps one pool for the whole process, and the body is read. */
export async function sharedPool(url: string): Promise<void> {
  const response = await fetch(url);
  await response.text();
}

/** Well: one agent for the whole process, so TLS is paid for once. */
const sharedAgent = new https.Agent({ keepAlive: true });
export function sharedPoolHttps(url: string): Promise<void> {
  return get(url, sharedAgent);
}

/** Wrong: the status is all it wants, so the body stays where it is and the connection with it. Read or cancel it. */
export async function bodyNeverRead(url: string): Promise<void> {
  const { ok } = await fetch(url);
  if (!ok) throw new Error('not ok');
}

/** Wrong: a pool that serves one request and is forgotten. Make one client and share it. */
export async function clientPerRequest(url: string): Promise<void> {
  const { origin, pathname } = new URL(url);
  const client = new Client(origin);
  const { body } = await client.request({ method: 'GET', path: pathname });
  await body.dump();
}

/** Wrong: hangs up after each answer. Say `keepAlive: true`. */
const hangsUp = new http.Agent({ keepAlive: false });
export function keepAliveOff(url: string): Promise<void> {
  return get(url, hangsUp);
}

/** Not this caller's fault: the server keeps idle connections for 1 s, which fetch takes for too short to risk. */
export const serverKeepAliveTooShort = sharedPool;

/** Not this caller's fault: the server answers with `Connection: close`. */
export const connectionClose = sharedPool;

/** Fails: nobody listens there. */
export function portRefused(url: string): Promise<void> {
  return get(url, sharedPlainAgent);
}
const sharedPlainAgent = new http.Agent({ keepAlive: true });

/** Fails: there is no such name. */
export const nameNotFound = sharedPool;

/** Fails: the server's certificate ended yesterday. */
export const certificateExpired = sharedPool;

function get(url: string, agent: http.Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const { get } = url.startsWith('https:') ? https : http;
    get(url, { agent }, response => response.resume().on('end', resolve)).on('error', reject);
  });
}
