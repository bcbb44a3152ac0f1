// keep-alive-client.ts <url> [count]: requests the URL `count` times in sequence, prints "ready", and exits when it reads a line.
import { once } from 'node:events';
import http from 'node:http';

const [url = '', count = '1'] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true });
for (let i = 0; i < Number(count); i++) {
  const [response] = await once(http.get(url, { agent }), 'response');
  await once(response.resume(), 'close');
}
console.log('ready');
await once(process.stdin, 'data');
process.stdin.destroy();
agent.destroy();
