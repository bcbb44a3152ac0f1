// large-metrics-server.ts: serves more metrics than the socket buffers hold. Prints its port, and exits when it reads a line,
// unless a connection keeps it alive.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { guardWith } from '../../../src/core/guard.ts';
import { Exposition } from '../../../src/register/exposition.ts';
import { createMetricsServer } from '../../../src/register/metrics-server.ts';
import { writing } from '../written-text.ts';

const fail = (...what: unknown[]) => console.error(...what);
const exposition = new Exposition(async () => writing(['x'.repeat(20_000_000)]), fail);
const server = createMetricsServer(exposition, { host: '127.0.0.1', allowed: undefined }, guardWith(fail));
await once(server.listen(0, '127.0.0.1'), 'listening');
console.log(`listening ${(server.address() as AddressInfo).port}`);
await once(process.stdin, 'data');
process.stdin.destroy();
