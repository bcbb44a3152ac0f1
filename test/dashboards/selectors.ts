/** One time series selector in an expression. */
export interface Selector {
  readonly metric: string;
  /** Label -> the matcher as it is written, `=~"$job"`. */
  readonly matchers: Readonly<Record<string, string>>;
  /** The window in brackets, of a range. */
  readonly window: string | undefined;
  /** The function that the range is handed to. */
  readonly call: string | undefined;
}

const SELECTOR = /(?:(\w+)\()?\b([a-z_][\w:]*)\{([^{}]*)\}(?:\[([^\]]+)\])?/g;

/** The selectors of an expression. All of ours have braces. */
export function selectorsOf(expr: string): Selector[] {
  return Array.from(expr.matchAll(SELECTOR), ([, call, metric = '', matchers = '', window]) => ({
    metric,
    matchers: Object.fromEntries(
      Array.from(matchers.matchAll(/(\w+)(=~|!~|!=|=)("[^"]*")/g), ([, label, operator, value]) => [
        label,
        `${operator}${value}`,
      ]),
    ),
    window,
    call,
  }));
}

/** The labels that an expression aggregates by. */
export function groupedBy(expr: string): string[] {
  return Array.from(expr.matchAll(/\bby \(([^)]*)\)/g), ([, labels = '']) => labels.split(', ')).flat();
}

/** What is left of an expression without selectors, labels and strings: numbers, operators, functions. */
export function skeletonOf(expr: string): string {
  return expr
    .replaceAll(SELECTOR, '')
    .replaceAll(/\bby \([^)]*\)/g, '')
    .replaceAll(/"[^"]*"/g, '');
}
