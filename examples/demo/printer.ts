import type { WriteStream } from 'node:tty';

/** Prints blocks of lines: on a terminal each in the place of the one before, elsewhere one below the other. */
export interface Printer {
  (lines: readonly string[]): void;
  readonly colours: boolean;
}

export function printer(
  out: Pick<WriteStream, 'write'> & { readonly isTTY?: boolean },
  { NO_COLOR }: { readonly NO_COLOR?: string | undefined } = process.env,
): Printer {
  const terminal = out.isTTY === true;
  let drawn = 0;
  const print = (lines: readonly string[]) => {
    const text = lines.map(line => `${line}\n`).join('');
    if (!terminal) {
      out.write(`${text}\n`);
      return;
    }
    // Long lines are cut, not wrapped: the next block goes up by as many lines as this one has.
    const up = drawn > 0 ? `\x1b[${drawn}A` : '';
    out.write(`\x1b[?7l${up}\r\x1b[J${text}\x1b[?7h`);
    drawn = lines.length;
  };
  return Object.assign(print, { colours: terminal && !NO_COLOR });
}
