// The client process. It sends twenty requests to each server, with pauses, through one shared agent. Requests to the slow server
// time out. The metrics need no code here.
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { exitWithParent } from '../demo/exit-with-parent.ts';

exitWithParent();

const REQUESTS = 20;
const PAUSE = 150;
const TIMEOUT = 300;

const agent = new http.Agent({ keepAlive: true });

function get(port: number): Promise<void> {
  return new Promise(resolve => {
    const request = http.get({ host: '127.0.0.1', port, agent }, response => response.resume());
    request.setTimeout(TIMEOUT, () => request.destroy());
    request.on('error', () => {}).on('close', resolve);
  });
}

async function requestAll(port: number): Promise<void> {
  for (let i = 0; i < REQUESTS; i++) {
    await get(port);
    await pause(PAUSE);
  }
}

const ports = JSON.parse(process.argv[2] as string) as Record<string, number>;
await Promise.all(Object.values(ports).map(requestAll));
process.send?.('done');
