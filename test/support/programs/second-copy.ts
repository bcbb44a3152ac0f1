// second-copy.ts <url>: requests the URL, loads a second copy of connmeter as a bundle does, and requests the URL again. Prints
// what the second copy knows. REGISTER is the file of the first copy.
import { once } from 'node:events';

const [, , url = ''] = process.argv;
const { REGISTER } = process.env;
await (await fetch(url)).text();
const { instrumentation, metricsText }: typeof import('connmeter/register') = await import(`${REGISTER}?second`);
await (await fetch(url)).text();
console.log(`origins ${instrumentation?.connections.snapshot().origins.length}\n${await metricsText()}.`);
await once(process.stdin, 'data');
process.stdin.destroy();
