// Unix sockets with net, node:http and undici, and a path without a listener.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'undici';
import { print, printEvents } from '../program-helpers.ts';

const folder = mkdtempSync(join(tmpdir(), 'unix-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
const path = join(folder, 's');
const server = http.createServer((_, response) => response.end('ok')).listen(path);
await once(server, 'listening');
const socket = net.connect(path);
printEvents('net', socket, 'lookup', 'connectionAttempt', 'connect', 'ready', 'end', 'close');
socket.resume().on('connect', () => socket.end('GET / HTTP/1.0\r\n\r\n'));
await once(socket, 'close');
print(socket.remoteAddress, socket.remoteFamily, socket.address());
const [response] = await once(http.get({ socketPath: path }), 'response');
print(await response.setEncoding('utf8').toArray());
const client = new Client('http://localhost', { socketPath: path });
print(await (await client.request({ path: '/', method: 'GET' })).body.text());
await client.close();
const nobody = net.connect(join(folder, 'none')).on('error', error => print((error as { code?: string }).code));
await new Promise(resolve => nobody.on('close', resolve));
server.close();
