/** As wide as a line may be; the same as the formatter's, which looks at committed files. */
const WIDTH = 120;

/** JSON as people write it, and as the formatter leaves it: a list of plain values stays on one line, where it fits. */
export function json(value: unknown): string {
  const plain: unknown = JSON.parse(JSON.stringify(value)); // the SDK's functions and what is undefined are no JSON
  return `${written(plain, '', 0)}\n`;
}

/** `before` is how much of the first line is taken. */
function written(value: unknown, indent: string, before: number): string {
  if (Array.isArray(value)) {
    const line = `[${value.map(item => JSON.stringify(item)).join(', ')}]`;
    if (value.every(isPlain) && before + line.length + 1 <= WIDTH) return line;
    return block('[', ']', value, item => written(item, `${indent}  `, indent.length + 2), indent);
  }
  if (isPlain(value)) return JSON.stringify(value);

  const entries = Object.entries(value as object);
  const member = ([key, item]: [string, unknown]) => {
    const name = `${JSON.stringify(key)}: `;
    return name + written(item, `${indent}  `, indent.length + 2 + name.length);
  };
  return entries.length === 0 ? '{}' : block('{', '}', entries, member, indent);
}

function block<T>(
  open: string,
  close: string,
  items: readonly T[],
  write: (item: T) => string,
  indent: string,
): string {
  return `${open}\n${items.map(item => `${indent}  ${write(item)}`).join(',\n')}\n${indent}${close}`;
}

function isPlain(value: unknown): boolean {
  return value === null || typeof value !== 'object';
}
