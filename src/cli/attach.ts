import { ownFile } from '../core/own-folder.ts';
import type { Overview } from '../explain/overview.ts';
import type { Source } from './top.ts';

const { readFileSync, readlinkSync } = process.getBuiltinModule('node:fs');
const { basename } = process.getBuiltinModule('node:path');
const { fileURLToPath } = process.getBuiltinModule('node:url');
const { setTimeout: sleep } = process.getBuiltinModule('node:timers/promises');

/** The port that Node's inspector listens on, unless the program was told another one. */
const INSPECTOR_PORT = 9229;
/** Before the first look at a program that was entered just now. */
const FIRST_LOOK = 2_000;
const PATIENCE = 3_000;
const SIGUSR1_BIT = 1n << 9n; // signal 10 on Linux

/**
 * Enters a running program that was started without connmeter, through Node's inspector. Says beforehand what that means, and closes the
 * inspector again at the end.
 */
export async function attach(pid: number): Promise<Source | { why: string }> {
  const why = obstacle(pid);
  if (why !== undefined) return { why };

  console.error(
    `connmeter: process ${pid} runs without connmeter. Its inspector is opened on 127.0.0.1:${INSPECTOR_PORT} to load it (SIGUSR1), and closed ` +
      'at the end. Meanwhile, every user of this machine can control the program through it.',
  );
  const others = await inspectorUrl();
  if (others !== undefined) return { why: `port ${INSPECTOR_PORT} already has an inspector: close it first` };

  process.kill(pid, 'SIGUSR1');
  const url = await inspectorUrlSoon();
  if (url === undefined) return { why: `process ${pid} did not open its inspector on port ${INSPECTOR_PORT}` };

  const inspector = await Inspector.connect(url);
  try {
    if ((await inspector.evaluate('process.pid')) !== pid)
      return { why: `the inspector on port ${INSPECTOR_PORT} belongs to another process` };
    await inspector.evaluate(beginWith(ownFile('attached')));
  } catch (error) {
    await inspector.evaluate(CLOSE_INSPECTOR).catch(() => {});
    inspector.close();
    return { why: `connmeter could not be loaded in process ${pid}: ${(error as Error).message}` };
  }
  await sleep(FIRST_LOOK);
  return {
    read: async () => JSON.parse(String(await inspector.evaluate(`${HANDLE}.read()`))) as Overview,
    note: 'Connections that were open before are not known.',
    close: async () => {
      await inspector.evaluate(`${HANDLE}.stop()`).catch(() => {});
      inspector.close();
    },
  };
}

/** Why the process must not get SIGUSR1, which ends a program that does not expect it. */
function obstacle(pid: number): string | undefined {
  if (process.platform !== 'linux')
    return `process ${pid} runs without connmeter, and entering it is only supported on Linux`;
  let status: string;
  let executable: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8');
    executable = readlinkSync(`/proc/${pid}/exe`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? `there is no process ${pid}` : `process ${pid} belongs to another user`;
  }
  if (!/^node/.test(basename(executable))) return `process ${pid} is not Node.js but ${basename(executable)}`;

  const caught = BigInt(`0x${/^SigCgt:\s*([\da-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return (caught & SIGUSR1_BIT) === 0n ? `process ${pid} does not listen to SIGUSR1, which would end it` : undefined;
}

/** Later, because the answer to this has to be sent first. */
const CLOSE_INSPECTOR = "setTimeout(() => process.getBuiltinModule('node:inspector').close(), 50)";
const HANDLE = 'globalThis[Symbol.for("connmeter.attached")]';

/** Loads a file of connmeter in the program. Everything that it needs comes from our own folder. */
function beginWith(file: URL): string {
  const path = JSON.stringify(fileURLToPath(file));
  return `(() => {
    const require = process.getBuiltinModule('node:module').createRequire(${path});
    const { ConnectionInstrumentation, makeOverview } = require(${path});
    const measured = new ConnectionInstrumentation();
    ${HANDLE} = {
      read: () => JSON.stringify(makeOverview(measured.read(), [measured.connections.snapshot()], Date.now())),
      stop() {
        measured.disable();
        delete ${HANDLE};
        ${CLOSE_INSPECTOR};
      },
    };
  })()`;
}

async function inspectorUrl(): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${INSPECTOR_PORT}/json/list`);
    const [target] = (await response.json()) as { webSocketDebuggerUrl?: string }[];
    return target?.webSocketDebuggerUrl;
  } catch {
    return undefined;
  }
}

async function inspectorUrlSoon(): Promise<string | undefined> {
  for (let waited = 0; waited < PATIENCE; waited += 100) {
    const url = await inspectorUrl();
    if (url !== undefined) return url;
    await sleep(100);
  }
  return undefined;
}

/** Speaks the protocol of Node's inspector: https://chromedevtools.github.io/devtools-protocol/v8/Runtime/#method-evaluate */
class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #id = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#received(JSON.parse(String(data)));
    socket.onclose = () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('it has ended'));
    };
  }

  static connect(url: string): Promise<Inspector> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      socket.onopen = () => resolve(new Inspector(socket));
      socket.onerror = () => reject(new Error('the inspector does not answer'));
    });
  }

  evaluate(expression: string): Promise<unknown> {
    const id = ++this.#id;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const params = { expression, awaitPromise: true, returnByValue: true };
      this.#socket.send(JSON.stringify({ id, method: 'Runtime.evaluate', params }));
    });
  }

  close(): void {
    this.#socket.close();
  }

  #received({ id, result }: { id?: number; result?: EvaluateResult }): void {
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (id === undefined || waiting === undefined) return;

    this.#waiting.delete(id);
    const failure = result?.exceptionDetails?.exception?.description;
    if (failure === undefined) waiting.resolve(result?.result?.value);
    else waiting.reject(new Error(failure.split('\n', 1)[0]));
  }
}

interface EvaluateResult {
  readonly result?: { readonly value?: unknown };
  readonly exceptionDetails?: { readonly exception?: { readonly description?: string } };
}
