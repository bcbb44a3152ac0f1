// Standard input and output as plain descriptors, shared with other processes: they stay blocking if no stream is opened.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeSync } from 'node:fs';
import { print } from '../program-helpers.ts';

const roles: Record<string, () => unknown> = {
  reads: () => writeSync(1, readFileSync(0)),
  writes: () => writeSync(1, `${writeSync(1, Buffer.alloc(5_000_000))} bytes`),
  holds: () => setTimeout(() => {}, 20_000),
};
const [role] = process.argv.slice(2);
const node = (as: string) => [process.execPath, ...process.execArgv, import.meta.filename, as];
const pause = () => new Promise(resolve => setTimeout(resolve, 300));

// Writes each input when the child waits for it, and prints the child's output.
async function shows([command = '', ...args]: string[], ...inputs: string[]) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  child.stdin.on('error', () => {}); // the child may have exited
  const chunks = child.stdout.iterator();
  let out = String((await chunks.next()).value); // the child has started
  for (const input of inputs) await pause().then(() => child.stdin.write(input));
  await pause().then(() => child.stdin.end());
  for await (const chunk of chunks) out += chunk;
  print(out.replaceAll('\0', ''), ...(await ended));
}
if (role !== undefined) {
  writeSync(1, `${role}: `);
  roles[role]?.();
} else {
  await shows(node('reads'), 'input that comes late');
  await shows(node('writes'));
  await shows(
    ['sh', '-c', 'exec 3<&0; "$@" <&3 & cat <&3; kill $!; wait', 'sh', ...node('holds')],
    'for cat',
    ', more',
  );
}
