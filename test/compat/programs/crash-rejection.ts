// A failed fetch that is not awaited ends the program.
import { freePort } from '../program-helpers.ts';

const port = await freePort();
process.on('exit', code => console.log('exit', code));
void fetch(`http://127.0.0.1:${port}/`).then(() => console.log('never'));
setTimeout(() => console.log('never'), 10_000);
