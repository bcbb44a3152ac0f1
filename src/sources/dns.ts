import type { PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import type { Guard } from '../guard.ts';
import type { Lookups } from '../lookups.ts';

const perfHooks = process.getBuiltinModule('node:perf_hooks');

/** What Node's entries of type `dns` carry: `hostname` for lookup, `host` for resolve, reverse and lookupService. */
interface DnsEntry extends PerformanceEntry {
  readonly detail: { readonly host?: string; readonly hostname?: string };
}

export interface LookupWatch {
  /** Takes in what was seen and not yet delivered. */
  flush(): void;
  stop(): void;
}

// There is no channel for DNS. Node's performance entries see every lookup that really happens, whoever asks
// (dns.lookup, dns.promises, dns.resolve*, undici's DNS interceptor), and none that a cache answers.
//
// Limitations: they see only those that succeed. Failed ones are seen on the socket that asked (net.ts); a failed lookup
// that no socket asked for, as of a program's own dns.lookup, is not seen.
export function watchLookups(lookups: Lookups, guard: Guard): LookupWatch {
  const takeIn = guard('dns', (entries: PerformanceEntry[]) => {
    for (const { duration, detail } of entries as DnsEntry[]) {
      lookups.succeeded(detail.host ?? detail.hostname ?? '', duration / 1000);
    }
  });
  const observer = new perfHooks.PerformanceObserver(list => takeIn(list.getEntries()));
  takeAtOnce(observer, takeIn);
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

/**
 * Node buffers entries in the observer and delivers them in an immediate. In a program that has entered a domain and not left
 * it, Node warns of any immediate (DEP0097), and this may be the only one. So our observer overrides the method by which it is
 * given an entry. That method is private to Node: if it is missing, entries come in the immediate.
 */
function takeAtOnce(observer: PerformanceObserver, takeIn: (entries: PerformanceEntry[]) => void): void {
  const symbols = Object.getOwnPropertySymbols(perfHooks.PerformanceObserver.prototype);
  const method = symbols.find(({ description }) => description === 'kMaybeBuffer');
  if (method === undefined) return;

  const value = (entry: PerformanceEntry) => {
    if (entry.entryType === 'dns') takeIn([entry]);
  };
  Object.defineProperty(observer, method, { value });
}
