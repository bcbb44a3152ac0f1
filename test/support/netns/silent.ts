// Runs `node -e 0` where the resolver answers nobody, with each of the given arguments in turn: what they ask it for.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

export interface SilentTask {
  readonly folder: string;
  readonly runs: readonly (readonly string[])[];
}

/** Of one run. */
export interface Silence {
  readonly questions: number;
  readonly code: number | null;
  readonly seconds: number;
}

export interface SilentReport {
  readonly silences: readonly Silence[];
}

const { folder, runs } = JSON.parse(process.argv[2] ?? '') as SilentTask;
let questions = 0;
const resolver = createSocket('udp4', () => questions++).bind(53, '127.0.0.1');
await once(resolver, 'listening');

const silences: Silence[] = [];
for (const args of runs) {
  questions = 0;
  const began = performance.now();
  const child = spawn(process.execPath, [...args, '-e', '0'], { cwd: folder, env: {}, stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  silences.push({ questions, code, seconds: (performance.now() - began) / 1000 });
}
resolver.close();

console.log(JSON.stringify({ silences }));
