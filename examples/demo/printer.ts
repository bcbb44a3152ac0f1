import type { WriteStream } from 'node:tty';

/** Prints blocks of lines. On a terminal, each block replaces the previous one; otherwise it is printed below. */
export interface Printer {
  (lines: readonly string[]): void;
  readonly colours: boolean;
}

export function printer(
  out: Pick<WriteStream, 'write'> & { readonly isTTY?: boolean },
  { NO_COLOR }: { readonly NO_COLOR?: string | undefined } = process.env,
): Printer {
  const terminal = out.isTTY === true;
  let printed = 0;
  const print = (lines: readonly string[]) => {
    const text = lines.map(line => `${line}\n`).join('');
    if (!terminal) {
      out.write(`${text}\n`);
      return;
    }
    // Turns line wrapping off, so that the cursor goes up by the number of lines printed.
    const up = printed > 0 ? `\x1b[${printed}A` : '';
    out.write(`\x1b[?7l${up}\r\x1b[J${text}\x1b[?7h`);
    printed = lines.length;
  };
  return Object.assign(print, { colours: terminal && !NO_COLOR });
}
