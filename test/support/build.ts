import { execFileSync } from 'node:child_process';
import { existsSync, globSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Builds the project if the build is missing or older than the source. */
export function build(project: string): void {
  if (isStale(project)) execFileSync('npm', ['run', 'build'], { cwd: project, stdio: 'inherit' });
}

function isStale(project: string): boolean {
  const built = join(project, 'dist', 'register.js');
  if (!existsSync(built)) return true;
  const sources = globSync(join(project, 'src', '**', '*.{ts,json,html,css,svg}'));
  return Math.max(...sources.map(path => statSync(path).mtimeMs)) > statSync(built).mtimeMs;
}

/** Of vitest: before all tests. */
export function setup(): void {
  build(join(import.meta.dirname, '../..'));
}
