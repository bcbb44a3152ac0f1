// Fetches the URL, with the proxy that Node takes from the environment, then again after each line on stdin. Prints the counts
// of the port after each try, as JSON.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectionInstrumentation } from '../../../src/index.ts';

const [url = '', port = ''] = process.argv.slice(2);
const instrumentation = new ConnectionInstrumentation();

async function tryOnce(): Promise<void> {
  await fetch(url).then(
    response => response.text(),
    () => {},
  );
  await sleep(50); // a refused connection closes in the next turn
  const { origins } = instrumentation.connections.snapshot();
  console.log(JSON.stringify(origins.filter(each => String(each.port) === port)));
}

await tryOnce();
createInterface(process.stdin).on('line', tryOnce);
