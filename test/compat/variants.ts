import { delimiter, dirname, sep } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * `plain` is the unchanged suite. `measured` adds connmeter. `blank` adds an empty module the same way: a test that fails
 * there fails with any `--import`. `watched` adds connmeter, collects from it constantly, and logs what it measured.
 */
export type Variant = 'plain' | 'measured' | 'blank' | 'watched';

export interface Paths {
  /** The built `register.js`. */
  readonly register: string;
  /** The watcher module, and its log file. */
  readonly watcher: string;
  readonly log: string;
  /** Folder of the Node binary that runs the suite; undefined for the first one on the PATH. */
  readonly nodeFolder: string | undefined;
  /** Folder of the suite, and of this project. */
  readonly folder: string;
  readonly project: string;
}

const BLANK = 'data:text/javascript,0';
/** Environment variable that marks all processes of one run, so that they can be found. */
export const RUN_ID = 'CONNMETER_COMPAT_RUN';

/** The environment of a run: ours, without the variables that npm adds to run this script. */
export function environmentOf(
  variant: Variant,
  place: Paths,
  inherited: Readonly<Record<string, string | undefined>>,
  mark: string,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) {
    if (value !== undefined && !/^npm_|^INIT_CWD$|^NODE_TEST_CONTEXT$|^VITEST/.test(name)) env[name] = value;
  }
  const imports = importsOf(variant, place).map(url => `--import=${url}`);
  const options = [env['NODE_OPTIONS'], ...imports].filter(Boolean).join(' ');
  delete env['NODE_OPTIONS'];
  return {
    ...env,
    ...(options === '' ? {} : { NODE_OPTIONS: options }),
    PATH: pathOf(place, env['PATH'] ?? ''),
    // The same in all variants. Port 0, so that processes do not compete for a port. An address, so that no lookup is made.
    OTEL_METRICS_EXPORTER: 'prometheus',
    OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
    OTEL_EXPORTER_PROMETHEUS_PORT: '0',
    OTEL_LOG_LEVEL: 'warn', // hides the line with the port
    [RUN_ID]: mark,
    ...(variant === 'watched'
      ? { CONNMETER_WATCH_LOG: place.log, CONNMETER_WATCH_REGISTER: pathToFileURL(place.register).href }
      : {}),
  };
}

function importsOf(variant: Variant, { register, watcher }: Paths): string[] {
  const url = (path: string) => pathToFileURL(path).href;
  if (variant === 'plain') return [];
  if (variant === 'blank') return [BLANK];
  return variant === 'measured' ? [url(register)] : [url(register), url(watcher)];
}

/** The PATH of the suite: its own tools first, then the chosen Node, without npm's additions for this script. */
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
