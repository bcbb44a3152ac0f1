import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plan, SoakResult } from './plan.ts';

const CONDUCTOR = fileURLToPath(new URL('./coordinator.ts', import.meta.url));
/** Wide, and above the ports of the servers: thousands of connections are in TIME_WAIT at once. */
const LOCAL_PORTS = '10000 65000';

/**
 * Runs a soak to its end, in a network of its own that is gone with it: the kernel's counters there count nobody else.
 * Needs root, and `unshare` and `ip` of any Linux.
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
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 }); // its servers are only just ending
  }
}
