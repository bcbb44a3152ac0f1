// launching.ts <url>: starts waiting.ts with the same arguments and the same Node.js options, as npx, tsx or nodemon do, and
// ends with it. It connects to nothing and serves nothing.
import { spawn } from 'node:child_process';

const program = new URL('waiting.ts', import.meta.url).pathname;
const child = spawn(process.execPath, [...process.execArgv, program, ...process.argv.slice(2)], { stdio: 'inherit' });
child.on('close', code => {
  process.exitCode = code ?? 1;
});
