// waiting.ts <url> [count]: asks the url so many times, one after the other, says "ready", and ends when it is told to.
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
