import type { Identity } from './kinship.ts';
import type { Numbers } from './numbers.ts';

const { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } = process.getBuiltinModule('node:fs');
const { basename, dirname, join } = process.getBuiltinModule('node:path');

/** How many notes may wait for a holder. */
const MAX_NOTES = 100;

/** The numbers of a process that ended before it could join the holder. */
export interface Note {
  readonly identity: Identity;
  readonly numbers: Numbers;
}

/** Leaves a note beside the socket of the holder. Works while the process exits, when a socket cannot connect any more. */
export function leaveNote(path: string, note: Note): void {
  if (!existsSync(path) || notesAt(path).length >= MAX_NOTES) return;

  const { randomUUID } = process.getBuiltinModule('node:crypto');
  writeFileSync(`${path}.${randomUUID()}`, JSON.stringify(note), { mode: 0o600, flag: 'wx' });
}

/** Reads the notes that were left for a holder, and removes them. One that is being written is read the next time. */
export function takeNotes(path: string): Note[] {
  return notesAt(path).flatMap(file => {
    try {
      const note = JSON.parse(readFileSync(file, 'utf8')) as Note;
      rmSync(file, { force: true });
      return [note];
    } catch {
      return [];
    }
  });
}

function notesAt(path: string): string[] {
  const folder = dirname(path);
  const prefix = `${basename(path)}.`;
  try {
    return readdirSync(folder)
      .filter(name => name.startsWith(prefix))
      .map(name => join(folder, name));
  } catch {
    return []; // the folder is gone
  }
}
