import { delimiter, dirname, sep } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * `plain` is the suite as it is. `measured` adds connmeter and nothing else. `blank` adds an empty module the same way:
 * what fails there, too, fails with any `--import`. `watched` adds connmeter, collects from it all the time, and writes
 * down what it saw.
 */
export type Variant = 'plain' | 'measured' | 'blank' | 'watched';

export interface Paths {
  /** The built `register.js`. */
  readonly register: string;
  /** The module that watches, and where it writes. */
  readonly watcher: string;
  readonly log: string;
  /** The folder of the Node that runs the suite; else the first on the PATH. */
  readonly nodeFolder: string | undefined;
  /** The suite's folder, and ours. */
  readonly folder: string;
  readonly project: string;
}

const BLANK = 'data:text/javascript,0';
/** How the processes of one run are found again, wherever they went. */
export const RUN_ID = 'CONNMETER_COMPAT_RUN';

/** What a run of this arm inherits: all of ours, but for what npm added to run this script. */
export function environmentOf(
  arm: Variant,
  place: Paths,
  inherited: Readonly<Record<string, string | undefined>>,
  mark: string,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) {
    if (value !== undefined && !/^npm_|^INIT_CWD$|^NODE_TEST_CONTEXT$|^VITEST/.test(name)) env[name] = value;
  }
  const imports = importsOf(arm, place).map(url => `--import=${url}`);
  const options = [env['NODE_OPTIONS'], ...imports].filter(Boolean).join(' ');
  delete env['NODE_OPTIONS'];
  return {
    ...env,
    ...(options === '' ? {} : { NODE_OPTIONS: options }),
    PATH: pathOf(place, env['PATH'] ?? ''),
    // Alike in all arms. Any free port: the processes of a suite must not fight for one. By address: no lookup of our own.
    OTEL_METRICS_EXPORTER: 'prometheus',
    OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
    OTEL_EXPORTER_PROMETHEUS_PORT: '0',
    OTEL_LOG_LEVEL: 'warn', // which port that is, nobody needs to know
    [RUN_ID]: mark,
    ...(arm === 'watched'
      ? { CONNMETER_WATCH_LOG: place.log, CONNMETER_WATCH_REGISTER: pathToFileURL(place.register).href }
      : {}),
  };
}

function importsOf(arm: Variant, { register, watcher }: Paths): string[] {
  const url = (path: string) => pathToFileURL(path).href;
  if (arm === 'plain') return [];
  if (arm === 'blank') return [BLANK];
  return arm === 'measured' ? [url(register)] : [url(register), url(watcher)];
}

/** The suite's own tools first, then the chosen Node; npm's additions for this script are none of its business. */
function pathOf({ folder, nodeFolder, project }: Paths, path: string): string {
  const ours = (part: string) => part.startsWith(dirname(project) + sep) && part.endsWith(`node_modules${sep}.bin`);
  const isAdded = (part: string) =>
    part.includes('node-gyp-bin') ||
    part === `${project}${sep}node_modules${sep}.bin` ||
    (ours(part) && project.startsWith(dirname(dirname(part))));
  const kept = path.split(delimiter).filter(part => !isAdded(part));
  return [`${folder}${sep}node_modules${sep}.bin`, ...(nodeFolder === undefined ? [] : [nodeFolder]), ...kept].join(
    delimiter,
  );
}
