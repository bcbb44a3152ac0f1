const { readFileSync, realpathSync } = process.getBuiltinModule('node:fs');
const { dirname, join } = process.getBuiltinModule('node:path');

/** Packages whose processes start the program, and are not the program: they must not take its port, whatever they connect to. */
const LAUNCHERS: ReadonlySet<string | undefined> = new Set([
  'npm',
  'pnpm',
  'yarn',
  '@yarnpkg/cli-dist',
  'corepack',
  'pm2',
  'tsx',
  'ts-node-dev',
  'nodemon',
  'cross-env',
  'dotenv-cli',
  'concurrently',
  'npm-run-all',
  'npm-run-all2',
]);

/** Whether the main script starts other programs. What pm2 starts has the path of the program in a variable. */
export function isLauncher(script: string | undefined, env: Readonly<Record<string, string | undefined>>): boolean {
  return script !== undefined && env['pm_exec_path'] === undefined && LAUNCHERS.has(packageNameOf(script));
}

/** The name of the package that a script belongs to: in the next package.json above it. Commands in `.bin` are links to scripts. */
export function packageNameOf(script: string): string | undefined {
  for (let folder = dirname(realPathOf(script)); ; folder = dirname(folder)) {
    try {
      const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown };
      if (typeof name === 'string') return name;
    } catch {
      // there is none, or it is no JSON
    }
    if (folder === dirname(folder)) return undefined;
  }
}

function realPathOf(script: string): string {
  try {
    return realpathSync(script);
  } catch {
    return script; // there is no such file
  }
}
