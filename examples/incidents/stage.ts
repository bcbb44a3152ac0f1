import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Order } from './checkout.ts';
import type { UpstreamName } from './hosts.ts';
import type { Incident } from './incident.ts';
import { runProxy } from './proxy.ts';
import { Upstreams } from './upstreams.ts';

export interface StageOptions {
  /** Where the metrics are served. */
  readonly host: string;
  readonly port: number;
  /** The name of the service. */
  readonly service: string;
  /** Called if the service exits by itself. */
  readonly onExit: () => void;
}

/**
 * The checkout service, in a process of its own that connmeter measures. What it calls (upstreams.ts) and what calls it (proxy.ts) is
 * in this process.
 */
export class Stage {
  readonly #upstreams: Upstreams;
  readonly #urls: Readonly<Record<UpstreamName, string>>;
  readonly #checkout: ChildProcess;
  readonly #stopped = new AbortController();

  private constructor(upstreams: Upstreams, urls: Record<UpstreamName, string>, { host, port, service }: StageOptions) {
    this.#upstreams = upstreams;
    this.#urls = urls;
    this.#checkout = fork(join(import.meta.dirname, 'checkout.ts'), [JSON.stringify(urls)], {
      cwd: import.meta.dirname,
      execArgv: ['--disable-warning=ExperimentalWarning', '--import', 'connmeter/register'],
      env: {
        ...process.env,
        OTEL_EXPORTER_PROMETHEUS_HOST: host,
        OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`,
        OTEL_SERVICE_NAME: service,
        UV_THREADPOOL_SIZE: '4', // the default, which slow-dns.ts relies on
      },
    });
  }

  /** Resolves when the service runs and its metrics are served. */
  static async start(options: StageOptions): Promise<Stage> {
    const upstreams = new Upstreams();
    const stage = new Stage(upstreams, await upstreams.start(), options);
    stage.#checkout.once('exit', () => stage.#stopped.signal.aborted || options.onExit());
    const [url] = (await once(stage.#checkout, 'message')) as [string];
    runProxy(url, stage.#stopped.signal);
    // A server on all addresses is also reached on loopback. The port is opened with the first connection of the service.
    const host = options.host === '0.0.0.0' || options.host === '::' ? '127.0.0.1' : options.host;
    while (!(await answers(`http://${host}:${options.port}/metrics`))) await sleep(50);
    return stage;
  }

  /** Starts one half of an incident. */
  async play({ name, upstream, ...incident }: Incident, half: 'broken' | 'fixed'): Promise<void> {
    this.#upstreams.behave(upstream, incident[half].upstream);
    await this.#tell({ name, half });
  }

  /** Stops what plays. Resolves when its last call has ended. */
  async pause(): Promise<void> {
    await this.#tell({});
    this.#upstreams.behave();
  }

  /** Host and port of an upstream. */
  addressOf(upstream: UpstreamName): string {
    return new URL(this.#urls[upstream]).host;
  }

  /** How many connections an upstream has accepted so far. */
  accepted(upstream: UpstreamName): number {
    return this.#upstreams.accepted(upstream);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    const { exitCode, signalCode } = this.#checkout;
    if (exitCode !== null || signalCode !== null) return;

    this.#checkout.kill();
    await once(this.#checkout, 'exit');
  }

  async #tell(order: Order): Promise<void> {
    this.#checkout.send(order);
    await once(this.#checkout, 'message');
  }
}

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}
