import { guardWith, oncePerPlace, stackOf } from '../core/guard.ts';
import type { Environment } from './environment.ts';
import { Exposition } from './exposition.ts';
import { MetricsPort, type PortOptions } from './metrics-port.ts';
import { createMetricsServer, type ServerOptions } from './metrics-server.ts';
import { MetricsText } from './metrics-text.ts';
import type { Sharing } from './processes/sharing.ts';
import type { Source } from './producer.ts';
import { resourceAttributes } from './sdk.ts';

type PrometheusOptions = Pick<Environment, 'host' | 'port' | 'allowedHosts' | 'share'> &
  Pick<PortOptions, 'ignoreServer' | 'isLauncher' | 'atEventInThread' | 'warn' | 'info'> &
  Pick<ServerOptions, 'overview'> & {
    /** The numbers of other processes are added; undefined if each serves its own. */
    readonly sharing: () => Sharing | undefined;
    /** Called for each fault; only the first one at each place is also printed. */
    readonly countFault: () => void;
  };

/** Serves `/metrics`. Returns its text, for a server of the program. */
export function servePrometheus(
  { scope, collect }: Source,
  {
    host,
    port,
    allowedHosts,
    share,
    overview,
    sharing,
    ignoreServer,
    isLauncher,
    atEventInThread,
    countFault,
    warn,
    info,
  }: PrometheusOptions,
): Exposition {
  const warnOnce = oncePerPlace((where, error) =>
    warn(`could not ${where}; the program is not affected: ${stackOf(error)}`),
  );
  const onFault = (where: string, error: unknown) => {
    countFault();
    warnOnce(where, error);
  };
  const text = new MetricsText(scope);
  let resource: ReturnType<typeof resourceAttributes> | undefined;
  const exposition = new Exposition(
    async () => {
      resource ??= resourceAttributes();
      const attributes = resource;
      const readings = await (sharing()?.read() ?? collect());
      return out => text.write(out, readings, attributes);
    },
    error => onFault('write the metrics', error),
  );
  const guard = guardWith(onFault);
  new MetricsPort({
    host,
    port,
    createServer: () => createMetricsServer(exposition, { host, allowed: allowedHosts, overview }, guard),
    ignoreServer,
    isLauncher,
    share,
    atEventInThread,
    sharing,
    warn,
    info,
    guard,
  });
  return exposition;
}
