// The program whose connections a soak measures, as the coordinator starts it.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { REGISTER } from '../support/child.ts';
import { kernelCounts } from './kernel.ts';
import type { ClientReport, ClientTask, WorkloadResult } from './plan.ts';
import { notZero, openIn } from './seen-values.ts';
import { settled } from './settled.ts';
import { TextScrapes } from './text-scrapes.ts';

export interface MeasuredProgram {
  /** Resolves when all jobs are over. */
  readonly idle: Promise<unknown>;
  /** Once the servers have closed their connections. */
  report(): Promise<ClientReport>;
}

const QUIET = ['--disable-warning=ExperimentalWarning', '--expose-gc'];
const PROCESSES = 4;
const METRICS_PORT = 1_998;

/** One process, which looks at its own numbers. */
export function startClient(task: ClientTask, env: NodeJS.ProcessEnv): MeasuredProgram {
  const client = started('./client.ts', task, QUIET, env);
  return {
    idle: once(client, 'message'),
    async report() {
      const told = once(client, 'message');
      client.send('dropped');
      return ((await told) as [ClientReport])[0];
    },
  };
}

/** A cluster whose workers have threads, with `connmeter/register`: three scrapers and a page look at it from outside. */
export function startService(task: ClientTask, env: NodeJS.ProcessEnv): MeasuredProgram {
  const before = kernelCounts();
  const { plan } = task;
  const tasks = Array.from({ length: PROCESSES }, (_, n) => ({
    ...task,
    plan: { ...plan, seed: plan.seed + n, rate: plan.rate / PROCESSES },
  }));
  const warnings: string[] = [];
  const service = started('./service.ts', tasks, [...QUIET, '--import', REGISTER.href], {
    ...env,
    OTEL_EXPORTER_PROMETHEUS_PORT: String(METRICS_PORT),
  });
  service.stderr?.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n')) if (line.startsWith('connmeter') && !isOfProgram(line)) warnings.push(line);
  });
  const scrapes = new TextScrapes(METRICS_PORT);
  return {
    idle: once(service, 'message'),
    async report() {
      scrapes.stop();
      let metrics = await scrapes.read();
      await settled(async () => {
        metrics = await scrapes.read();
        return openIn(metrics) === 0 && notZero(metrics).length === 0;
      });
      const told = once(service, 'message');
      service.send('report');
      const [result] = (await told) as [WorkloadResult];
      scrapes.close();
      await settled(async () => kernelCounts().held === before.held);
      const after = kernelCounts();
      service.kill('SIGKILL');
      // Those who scraped are no part of the service.
      const { activeOpens, passiveOpens, held } = after;
      const own = { activeOpens: activeOpens - scrapes.dialled, passiveOpens: passiveOpens - scrapes.opened, held };
      const { values, problems, done, series } = scrapes;
      return {
        ...result,
        metrics,
        warnings: [...warnings, ...problems],
        impossible: values.impossible,
        most: values.most,
        scrapes: done,
        series,
        kernel: { before, after: own },
      };
    },
  };
}

/** Findings and lines of the program, as opposed to faults of connmeter. */
function isOfProgram(line: string): boolean {
  return / created at |^connmeter: \d+ of \d+ connections? to /.test(line);
}

function started(program: string, task: unknown, execArgv: string[], env: NodeJS.ProcessEnv): ChildProcess {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = fork(path, [JSON.stringify(task)], { execArgv, env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  child.stderr?.pipe(process.stderr);
  child.on('exit', code => {
    if (code !== 0 && code !== null) process.exit(1);
  });
  process.on('exit', () => void child.kill('SIGKILL'));
  return child;
}
