/**
 * Wraps a function that strangers call (a channel, a socket, an observer): a fault in it is reported and goes no
 * further, because a subscriber that throws ends the user's process. The only try/catch of the library.
 */
export type Guard = <This, Args extends unknown[]>(
  where: string,
  run: (this: This, ...args: Args) => void,
) => (this: This, ...args: Args) => void;

export function guardWith(onFault: (where: string, error: unknown) => void): Guard {
  return (where, run) =>
    function (...args) {
      try {
        run.apply(this, args);
      } catch (error) {
        try {
          onFault(where, error);
        } catch {
          // A logger that throws must not take the program down either.
        }
      }
    };
}

/** A question about an object of the program. Where that throws, the fault is reported, and the answer is `otherwise`. */
export function asking<Subject, Answer>(
  guard: Guard,
  where: string,
  ask: (subject: Subject) => Answer,
  otherwise: Answer,
): (subject: Subject) => Answer {
  let answer = otherwise;
  const guarded = guard(where, (subject: Subject) => {
    answer = ask(subject);
  });
  return subject => {
    guarded(subject);
    const given = answer;
    answer = otherwise; // also so that nothing of the program is kept
    return given;
  };
}

/** What kind of error it is and where it was thrown: its message and properties may hold what the program keeps secret. */
export function stackOf(error: unknown): string {
  const { name, stack } = (error ?? {}) as { name?: unknown; stack?: unknown };
  const frames = String(stack ?? '')
    .split('\n')
    .filter(line => /^ {4}at /.test(line));
  return [String(name ?? typeof error), ...frames].join('\n');
}

/** Passes on the first fault of each place, and only that: a fault per request must not become a log line per request. */
export function oncePerPlace(report: (where: string, error: unknown) => void): (where: string, error: unknown) => void {
  const reported = new Set<string>();
  return (where, error) => {
    if (reported.has(where)) return;

    reported.add(where);
    report(where, error);
  };
}
