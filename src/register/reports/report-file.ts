import type { Overview } from '../../explain/overview.ts';

const { renameSync, writeFileSync } = process.getBuiltinModule('node:fs');
const { join } = process.getBuiltinModule('node:path');

/** The file of one process, for the command `connmeter`, which made the folder: its name begins with the process id. It is there as a whole, or not at all. */
export class ReportFile {
  readonly #path: string;

  constructor(folder: string) {
    const { randomUUID } = process.getBuiltinModule('node:crypto');
    this.#path = join(folder, `${process.pid}-${randomUUID()}`);
  }

  write(overview: Overview): void {
    writeFileSync(this.#path, JSON.stringify(overview), { mode: 0o600 });
    renameSync(this.#path, `${this.#path}.json`);
  }
}
