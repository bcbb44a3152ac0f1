// Standard input and output as plain descriptors, and shared with others: they stay blocking where nobody opens a stream.
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

// Gives it each input when it waits for more, and says what it wrote.
async function shows([command = '', ...args]: string[], ...inputs: string[]) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  child.stdin.on('error', () => {}); // it may have ended
  const chunks = child.stdout.iterator();
  let out = String((await chunks.next()).value); // it has begun
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
