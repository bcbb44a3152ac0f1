import type { PerformanceEntry } from 'node:perf_hooks';
import type { Guard } from '../core/guard.ts';
import type { Lookups } from './lookups.ts';

const { PerformanceObserver } = process.getBuiltinModule('node:perf_hooks');

/** An entry of type `dns`: `hostname` is set for `lookup`, `host` for `resolve*`, `reverse` and `lookupService`. */
interface DnsEntry extends PerformanceEntry {
  readonly detail: { readonly host?: string; readonly hostname?: string; readonly addresses?: readonly unknown[] };
}

export interface LookupObserver {
  /** Processes the entries that are not delivered yet. */
  flush(): void;
  stop(): void;
}

// Node has no channel for DNS. Its performance entries show every lookup (dns.lookup, dns.promises, dns.resolve*, undici's DNS
// interceptor), but no answers from caches.
//
// Limitations: there are no entries for failed lookups. Those of sockets are reported by the socket (client/sources/net.ts);
// those that the program makes itself, for example with dns.lookup(), are not counted. Node delivers the entries in an
// immediate. If the program has entered a domain (node:domain), Node prints the warning DEP0097 about it. Nothing else shows
// the lookups that the program makes itself, or which lookups of sockets are answered from a cache.
export function observeLookups(lookups: Lookups, guard: Guard): LookupObserver {
  const processEntries = guard('dns', (entries: PerformanceEntry[]) => {
    for (const { name, startTime, duration, detail } of entries as DnsEntry[]) {
      const isGetaddrinfo = name === 'lookup';
      const host = detail.host ?? detail.hostname ?? '';
      lookups.succeeded(host, isGetaddrinfo, startTime / 1000, duration / 1000);
      if (isGetaddrinfo) lookups.resolved.add(detail.hostname ?? '', addressesIn(detail.addresses));
    }
  });
  const observer = new PerformanceObserver(list => processEntries(list.getEntries()));
  const flush = () => processEntries(observer.takeRecords());
  observer.observe({ entryTypes: ['dns'] });

  return {
    flush,
    stop: () => {
      flush();
      observer.disconnect();
    },
  };
}

/** `dns.lookup()` returns strings or, with the option `all`, objects. */
function addressesIn(found: readonly unknown[] = []): string[] {
  return found
    .map(each => (typeof each === 'string' ? each : (each as { address?: unknown } | null)?.address))
    .filter(isString);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}
