import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plan, SoakResult } from './plan.ts';

const CONDUCTOR = fileURLToPath(new URL('./coordinator.ts', import.meta.url));
/** A wide range above the ports of the servers, because thousands of connections are in TIME_WAIT at once. */
const LOCAL_PORTS = '10000 65000';

/**
 * Runs a soak in its own network namespace, so that the kernel's counters count nothing else. Needs Linux, root, and the
 * commands `unshare` and `ip`.
 */
export async function soak(plan: Plan): Promise<SoakResult> {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-soak-'));
  const inside = `ip link set lo up && echo '${LOCAL_PORTS}' > /proc/sys/net/ipv4/ip_local_port_range && exec "$@"`;
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', CONDUCTOR, JSON.stringify(plan), folder];
  const child = spawn('unshare', ['--net', 'sh', '-c', inside, 'sh', ...node], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exit = once(child, 'exit');
  const told = once(child, 'message') as Promise<[SoakResult]>;
  told.catch(() => {});
  const end = () => void child.kill('SIGKILL');
  process.on('exit', end);
  try {
    const soaked = await Promise.race([told.then(([report]) => report), exit.then(() => undefined)]);
    if (soaked === undefined) throw new Error(`the soak ended early (${JSON.stringify(plan)})`);
    return soaked;
  } finally {
    process.off('exit', end);
    end();
    await exit;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 }); // servers may still be exiting
  }
}
