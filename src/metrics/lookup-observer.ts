import type { PerformanceEntry } from 'node:perf_hooks';
import type { Guard } from '../core/guard.ts';
import type { Lookups } from './lookups.ts';

const { PerformanceObserver } = process.getBuiltinModule('node:perf_hooks');

/** What Node's entries of type `dns` carry: `hostname` for `lookup`, `host` for resolve, reverse and lookupService. */
interface DnsEntry extends PerformanceEntry {
  readonly detail: { readonly host?: string; readonly hostname?: string };
}

export interface LookupObserver {
  /** Takes in what was seen and not yet delivered. */
  flush(): void;
  stop(): void;
}

// There is no channel for DNS. Node's performance entries see every lookup that really happens, whoever asks
// (dns.lookup, dns.promises, dns.resolve*, undici's DNS interceptor), and none that a cache answers.
//
// Limitations: they see only those that succeed. Failed ones are seen on the socket that asked (net.ts); a failed lookup
// that no socket asked for, as of a program's own dns.lookup, is not seen.
export function observeLookups(lookups: Lookups, guard: Guard): LookupObserver {
  const takeIn = guard('dns', (entries: PerformanceEntry[]) => {
    for (const { name, duration, detail } of entries as DnsEntry[]) {
      lookups.succeeded(detail.host ?? detail.hostname ?? '', name === 'lookup', duration / 1000);
    }
  });
  const observer = new PerformanceObserver(list => takeIn(list.getEntries()));
  const flush = () => takeIn(observer.takeRecords());
  observer.observe({ entryTypes: ['dns'] });

  return {
    flush,
    stop: () => {
      flush();
      observer.disconnect();
    },
  };
}
