/** One row of a list or a table. */
export interface Row<Item> {
  readonly element: HTMLElement;
  update(item: Item): void;
}

/** How many new rows are drawn at once: layout takes most of the time. */
const ROWS_PER_FRAME = 25;

/** Keeps a row per key. Rows that stay are changed in place, so that focus, selection and scroll position stay too. */
export class Rows<Item> {
  readonly #parent: HTMLElement;
  readonly #make: () => Row<Item>;
  #rows = new Map<string, Row<Item>>();

  constructor(parent: HTMLElement, make: () => Row<Item>) {
    this.#parent = parent;
    this.#make = make;
  }

  /**
   * Shows these items in this order. If two have the same key, only the first one is shown. Of new rows, it draws a few at a time:
   * the caller goes on in the next frame.
   */
  *show(items: readonly Item[], keyOf: (item: Item, index: number) => string): Generator<void> {
    const rows = new Map<string, Row<Item>>();
    let added = 0;
    for (const [index, item] of items.entries()) {
      const key = keyOf(item, index);
      if (rows.has(key)) continue;

      const known = this.#rows.get(key);
      const row = known ?? this.#make();
      row.update(item);
      rows.set(key, row);
      if (known === undefined && ++added % ROWS_PER_FRAME === 0) {
        this.#arrange(rows);
        yield;
      }
    }
    for (const [key, { element }] of this.#rows) if (!rows.has(key)) element.remove();
    this.#arrange(rows);
    this.#rows = rows;
  }

  #arrange(rows: ReadonlyMap<string, Row<Item>>): void {
    keepingFocus(() =>
      arrange(
        this.#parent,
        Array.from(rows.values(), ({ element }) => element),
      ),
    );
  }
}

/** Moves only the elements that are not in their place. */
function arrange(parent: HTMLElement, elements: readonly HTMLElement[]): void {
  let next = parent.firstElementChild;
  for (const element of elements) {
    if (element === next) next = next.nextElementSibling;
    else parent.insertBefore(element, next);
  }
}

/** An element that is moved loses the focus. */
function keepingFocus(run: () => void): void {
  const focused = document.activeElement;
  run();
  if (focused instanceof HTMLElement && focused.isConnected && document.activeElement !== focused) {
    focused.focus({ preventScroll: true });
  }
}
