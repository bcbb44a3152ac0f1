// The client process: twenty requests to each server, some time apart, by one shared agent; but none waits for the slow
// one. Its metrics take nothing in here either.
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { stayWithParent } from '../demo/stay-with-parent.ts';

stayWithParent();

const REQUESTS = 20;
const PAUSE = 150;
const PATIENCE = 300;

const agent = new http.Agent({ keepAlive: true });

function get(port: number): Promise<void> {
  return new Promise(resolve => {
    const request = http.get({ host: '127.0.0.1', port, agent }, response => response.resume());
    request.setTimeout(PATIENCE, () => request.destroy());
    request.on('error', () => {}).on('close', resolve);
  });
}

async function askAll(port: number): Promise<void> {
  for (let i = 0; i < REQUESTS; i++) {
    await get(port);
    await pause(PAUSE);
  }
}

const ports = JSON.parse(process.argv[2] as string) as Record<string, number>;
await Promise.all(Object.values(ports).map(askAll));
process.send?.('done');
