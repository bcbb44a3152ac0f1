// ending.ts <url> <how>: asks the url once, says "asked", and ends in the way named.
import { text } from 'node:stream/consumers';

const [url = '', how] = process.argv.slice(2);
const response = await fetch(url, { headers: { connection: 'close' } });
await response.text();
console.log('asked');

switch (how) {
  case 'told': // when its stdin is over, and by itself
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
