// scrape-server.ts <connmeter | otel | prom | ready> <origins>: serves the series of so many origins, and measures itself on request.
import { type MetricsServer, serveMetrics } from './metrics-servers.ts';

/** What scrape.ts asks for. */
export type Question = 'cpu' | 'watch' | 'blocks';

/** CPU time of all threads of the process, in milliseconds. */
export interface CpuAnswer {
  readonly cpu: number;
}

/** For how long the event loop was busy at a time, at most, since the last answer. In milliseconds. */
export interface BlocksAnswer {
  readonly longest: number;
}

let longest = 0;
let last = performance.now();
const look = () => {
  const now = performance.now();
  longest = Math.max(longest, now - last - 1);
  last = now;
};

process.on('disconnect', () => process.exit());
process.on('message', (question: Question) => {
  if (question === 'watch') setInterval(look, 1);
  if (question === 'cpu') {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpu: (user + system) / 1000 } satisfies CpuAnswer);
  } else {
    look();
    process.send?.({ longest } satisfies BlocksAnswer);
    longest = 0;
  }
});
const [variant, origins] = process.argv.slice(2);
await serveMetrics(variant as MetricsServer, Number(origins));
process.send?.('ready');
