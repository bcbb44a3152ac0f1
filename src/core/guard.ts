/**
 * Wraps a function that is called from outside of connmeter (by a channel, a socket, an observer), so that it never throws:
 * a subscriber that throws ends the user's process. The error is reported instead. `where` names the place in the report.
 */
export type Guard = <This, Args extends unknown[]>(
  where: string,
  run: (this: This, ...args: Args) => void,
) => (this: This, ...args: Args) => void;

/** Creates a guard that reports errors to `onFault`. Five arguments at most: V8 makes an array of a rest parameter for each call. */
export function guardWith(onFault: (where: string, error: unknown) => void): Guard {
  const guarded = <This>(where: string, run: (this: This, ...args: unknown[]) => void) =>
    function (this: This, a?: unknown, b?: unknown, c?: unknown, d?: unknown, e?: unknown): void {
      try {
        run.call(this, a, b, c, d, e);
      } catch (error) {
        try {
          onFault(where, error);
        } catch {
          // A logger that throws must not take the program down either.
        }
      }
    };
  return guarded as Guard;
}

/** Wraps a function that reads an object of the program. If it throws, the error is reported and the result is `fallback`. */
export function withFallback<Subject, Result>(
  guard: Guard,
  where: string,
  read: (subject: Subject) => Result,
  fallback: Result,
): (subject: Subject) => Result {
  let result = fallback;
  const guarded = guard(where, (subject: Subject) => {
    result = read(subject);
  });
  return subject => {
    guarded(subject);
    const returned = result;
    result = fallback; // this also drops the reference to whatever was read
    return returned;
  };
}

/** The name and the stack frames of an error, without its message and properties: those may contain secrets of the program. */
export function stackOf(error: unknown): string {
  const { name, stack } = (error ?? {}) as { name?: unknown; stack?: unknown };
  const frames = String(stack ?? '')
    .split('\n')
    .filter(line => /^ {4}at /.test(line));
  return [String(name ?? typeof error), ...frames].join('\n');
}

/** Reports only the first error of each place: an error in every request must not print a line for every request. */
export function oncePerPlace(report: (where: string, error: unknown) => void): (where: string, error: unknown) => void {
  const reported = new Set<string>();
  return (where, error) => {
    if (reported.has(where)) return;

    reported.add(where);
    report(where, error);
  };
}
