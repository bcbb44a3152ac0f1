// launcher.ts <url>: starts keep-alive-client.ts with the same arguments and Node.js options, as npx, tsx or nodemon do, and
// exits with it. It opens no connection and no server.
import { spawn } from 'node:child_process';

const program = new URL('keep-alive-client.ts', import.meta.url).pathname;
const child = spawn(process.execPath, [...process.execArgv, program, ...process.argv.slice(2)], { stdio: 'inherit' });
child.on('close', code => {
  process.exitCode = code ?? 1;
});
