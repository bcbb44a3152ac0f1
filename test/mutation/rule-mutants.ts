/** A changed expression, and what was changed. */
export interface ExpressionMutant {
  readonly what: string;
  readonly expr: string;
}

const FLIPPED: Readonly<Record<string, string>> = { '>': '<', '<': '>', '>=': '<', '<=': '>', '==': '!=' };

/**
 * The mutants of a PromQL expression: each operand of `and`, `or` and `unless` left out, each comparison the other way round,
 * each threshold doubled and halved, each label matcher removed.
 */
export function mutantsOfExpression(expr: string): ExpressionMutant[] {
  // The same text without what is in strings, braces and brackets, so that positions stay the same.
  const outside = expr.replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, text => '_'.repeat(text.length));
  const replaced = (at: number, length: number, by: string) => expr.slice(0, at) + by + expr.slice(at + length);
  const all = (pattern: RegExp, text: string) => Array.from(text.matchAll(pattern));

  return [
    ...all(/\b(?:and|or|unless)\b/g, outside).map(({ index }) => {
      const length = lengthOfOperand(outside, index);
      return { what: `without "${inOneLine(expr.slice(index, index + length))}"`, expr: replaced(index, length, '') };
    }),
    ...all(/[<>]=?|==/g, outside).map(({ 0: operator, index }) => ({
      what: `${FLIPPED[operator]} instead of ${operator} ${inOneLine(expr.slice(index + operator.length, index + 40))}`,
      expr: replaced(index, operator.length, FLIPPED[operator] ?? operator),
    })),
    ...all(/(?<![\w.:])\d+(?:\.\d+)?(?![\w.:])/g, outside).flatMap(({ 0: number, index }) =>
      [2, 0.5]
        .filter(() => Number(number) > 0)
        .map(factor => ({
          what: `${Number(number) * factor} instead of ${number} after ${inOneLine(expr.slice(Math.max(0, index - 40), index))}`,
          expr: replaced(index, number.length, `${Number(number) * factor}`),
        })),
    ),
    ...all(/\w+(?:=~|!~|!=|=)"[^"]*",?/g, expr).map(({ 0: matcher, index }) => ({
      what: `without ${matcher} at ${index}`,
      expr: replaced(index, matcher.length, ''),
    })),
  ];
}

/** From an operator to the end of its right operand: the next operator at the same depth, or the end of the parenthesis. */
function lengthOfOperand(text: string, start: number): number {
  let depth = 0;
  for (let index = start + 1; index < text.length; index++) {
    const character = text[index];
    if (character === '(') depth++;
    if (character === ')' && --depth < 0) return index - start;
    if (
      depth === 0 &&
      index > start + 3 &&
      /^(?:and|or|unless)\b/.test(text.slice(index)) &&
      /\s/.test(text[index - 1] ?? '')
    )
      return index - start;
  }
  return text.length - start;
}

function inOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
