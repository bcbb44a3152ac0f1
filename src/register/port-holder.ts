import type { Ending } from './processes/member.ts';

const FREE = 'set OTEL_EXPORTER_PROMETHEUS_PORT to a free one';

/** What this process did to share the port that it could not have. */
export interface SharingAttempt {
  /** The setting `CONNMETER_SHARE`. */
  readonly isWanted: boolean;
  /** How it ended. Undefined if processes cannot share here, which an earlier line explains. */
  readonly ending: Ending | undefined;
}

/** Who has the port, as far as it is known without asking strangers, and what to set. */
export function portHolder({ isWanted, ending }: SharingAttempt): string {
  if (!isWanted)
    return `the port is in use: ${FREE}, or remove CONNMETER_SHARE=false if another process of this service has it`;
  if (ending === undefined) return `the port is in use: ${FREE}`;
  if (ending === 'stranger')
    return `another service that uses connmeter has the port: ${FREE}, or give both the same OTEL_SERVICE_NAME to add them up`;
  return `another program has the port, or a process of another user or container: ${FREE}`;
}
