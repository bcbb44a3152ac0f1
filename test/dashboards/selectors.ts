/** A time series selector in a PromQL expression. */
export interface Selector {
  readonly metric: string;
  /** Label -> operator and value, such as `=~"$job"`. */
  readonly matchers: Readonly<Record<string, string>>;
  /** The range in brackets. */
  readonly window: string | undefined;
  /** The function around the selector. */
  readonly call: string | undefined;
}

const SELECTOR = /(?:(\w+)\()?\b([a-z_][\w:]*)\{([^{}]*)\}(?:\[([^\]]+)\])?/g;

/** The selectors of an expression. They all need braces. */
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

/** The expression without selectors, labels and strings: numbers, operators and functions. */
export function withoutSelectors(expr: string): string {
  return expr
    .replaceAll(SELECTOR, '')
    .replaceAll(/\b(?:by|on) \([^)]*\)/g, '')
    .replaceAll(/"[^"]*"/g, '');
}
