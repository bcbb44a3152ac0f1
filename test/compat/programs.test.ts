import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Certificate, certificate } from '../support/certificates.ts';
import { REGISTER } from '../support/child.ts';

const folder = fileURLToPath(new URL('./programs/', import.meta.url));
const WATCHER = new URL('./watcher.mjs', import.meta.url).href;
/** An empty module, imported instead of connmeter, because any preload changes how Node starts a program. */
const BLANK = 'data:text/javascript,0';
// Node 24.2 is the only supported version that warns about TypeScript files.
const quiet = process.version.startsWith('v24.2.') ? ['--disable-warning=ExperimentalWarning'] : [];

interface Transcript {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A line of the watcher's log. */
interface Watch {
  readonly faults: readonly string[];
}

let pem: Certificate;
const notes = mkdtempSync(join(tmpdir(), 'connmeter-programs-'));
beforeAll(async () => {
  pem = await certificate();
});
afterAll(() => rmSync(notes, { recursive: true }));

/** Runs a program with these modules preloaded. */
async function play(
  program: string,
  imports: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Transcript> {
  const args = [...quiet, ...imports.flatMap(url => ['--import', url]), program];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      CERTIFICATE: JSON.stringify(pem),
      OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
      OTEL_EXPORTER_PROMETHEUS_PORT: '0',
      OTEL_LOG_LEVEL: 'warn', // hides the line with the port
      ...env,
    },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', text => {
    said.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    said.stderr += text;
  });
  const [code, signal] = await once(child, 'close');
  return { code, signal, stdout: said.stdout, stderr: comparable(said.stderr) };
}

/** The frame in Node that emits an event depends on the number of listeners; the rest of a stack must be the same. */
function comparable(stderr: string): string {
  return stderr
    .replace(/(node:[\w/]+):\d+(:\d+)?/g, '$1')
    .replace(/\(node:\d+\)/g, '(node)')
    .replace(/((?:127\.0\.0\.1|::1):|[pP]ort: )\d+/g, '$1port');
}

const programs = globSync(`${folder}*.ts`).toSorted();

describe.concurrent('the output of a program is the same with connmeter, byte for byte, during constant collections', () => {
  test.each(programs.map(path => [basename(path, '.ts'), path]))('%s', async (name, path) => {
    const log = join(notes, name);
    const watching = { CONNMETER_WATCH_LOG: log, CONNMETER_WATCH_REGISTER: REGISTER.href };
    const [plain, measured] = await Promise.all([
      play(path, [BLANK, BLANK]),
      play(path, [REGISTER.href, WATCHER], watching),
    ]);

    expect(plain.stdout).not.toBe('');
    expect(measured).toEqual(plain);
    const seen = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [];
    if (plain.signal === null) expect(seen).not.toEqual([]);
    expect(seen.flatMap(line => (JSON.parse(line) as Watch).faults)).toEqual([]);
  });
});

test('every program is shorter than 40 lines', () => {
  const long = programs.filter(path => readFileSync(path, 'utf8').trimEnd().split('\n').length >= 40);

  expect(long.map(path => basename(path))).toEqual([]);
});
