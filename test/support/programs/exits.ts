// exits.ts <url> <how>: requests the URL once, prints "asked", and exits in the given way.
import { text } from 'node:stream/consumers';

const [url = '', how] = process.argv.slice(2);
const response = await fetch(url, { headers: { connection: 'close' } });
await response.text();
console.log('asked');

switch (how) {
  case 'told': // exits by itself when stdin ends
    await text(process.stdin);
    break;
  case 'exit':
    process.exit(3);
    break;
  case 'exitCode':
    process.exitCode = 4;
    break;
  case 'throw':
    setImmediate(() => {
      throw new Error('thrown by the program');
    });
    break;
  case 'reject':
    void Promise.reject(new Error('rejected by the program'));
    break;
  case 'abort':
    process.kill(process.pid, 'SIGTERM');
    await new Promise(() => setInterval(() => {}, 1000));
}
