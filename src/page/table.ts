import { make } from './dom.ts';
import { type Row, Rows } from './rows.ts';

export interface Column<Item> {
  readonly name: string;
  /** A class of the column: its width and how its cells look. */
  readonly kind: string;
  text(item: Item): string;
  /** A class of this cell, for example `bad`. */
  tone?(item: Item): string;
  /** The whole text, where `text` shortens it. */
  title?(item: Item): string;
}

/** Fills a table of index.html. The first column names the row. */
export function fillTable<Item>(table: HTMLElement, columns: readonly Column<Item>[]): Rows<Item> {
  const heads = columns.map(({ name, kind }) => {
    const head = make('th', kind, name);
    head.scope = 'col';
    return head;
  });
  const body = make('tbody');
  table.append(make('thead', '', make('tr', '', ...heads)), body);
  return new Rows(body, () => tableRow(columns));
}

interface Cell<Item> {
  readonly element: HTMLTableCellElement;
  readonly column: Column<Item>;
  text: string;
  tone: string;
  title: string;
}

function tableRow<Item>(columns: readonly Column<Item>[]): Row<Item> {
  const cells = columns.map((column, index): Cell<Item> => {
    const element = make(index === 0 ? 'th' : 'td', column.kind);
    if (index === 0) element.scope = 'row';
    return { element, column, text: '', tone: '', title: '' };
  });
  const element = make('tr', '', ...cells.map(cell => cell.element));
  return {
    element,
    update(item) {
      for (const cell of cells) updateCell(cell, item);
    },
  };
}

function updateCell<Item>(cell: Cell<Item>, item: Item): void {
  const { element, column } = cell;
  const [text, tone, title] = [column.text(item), column.tone?.(item) ?? '', column.title?.(item) ?? ''];
  if (text !== cell.text) element.textContent = text;
  if (tone !== cell.tone) element.className = `${column.kind} ${tone}`;
  if (title !== cell.title) element.title = title;
  Object.assign(cell, { text, tone, title });
}
