/** The longest line, as in biome.json: the formatter checks the generated files too. */
const LINE_WIDTH = 120;

/** JSON in the layout of the formatter: an array of plain values stays on one line if it fits. */
export function json(value: unknown): string {
  const plain: unknown = JSON.parse(JSON.stringify(value)); // drops functions of the SDK and undefined values
  return `${formatted(plain, '', 0)}\n`;
}

/** `column` is where the value starts on its line. */
function formatted(value: unknown, indent: string, column: number): string {
  if (Array.isArray(value)) {
    const line = `[${value.map(item => JSON.stringify(item)).join(', ')}]`;
    if (value.every(isPlain) && column + line.length + 1 <= LINE_WIDTH) return line;
    return block('[', ']', value, item => formatted(item, `${indent}  `, indent.length + 2), indent);
  }
  if (isPlain(value)) return JSON.stringify(value);

  const entries = Object.entries(value as object);
  const member = ([key, item]: [string, unknown]) => {
    const name = `${JSON.stringify(key)}: `;
    return name + formatted(item, `${indent}  `, indent.length + 2 + name.length);
  };
  return entries.length === 0 ? '{}' : block('{', '}', entries, member, indent);
}

function block<T>(
  open: string,
  close: string,
  items: readonly T[],
  format: (item: T) => string,
  indent: string,
): string {
  return `${open}\n${items.map(item => `${indent}  ${format(item)}`).join(',\n')}\n${indent}${close}`;
}

function isPlain(value: unknown): boolean {
  return value === null || typeof value !== 'object';
}
