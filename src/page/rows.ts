/** One row of a list or a table. */
export interface Row<Item> {
  readonly element: HTMLElement;
  update(item: Item): void;
}

/** Keeps a row per key. Rows that stay are changed in place, so that focus, selection and scroll position stay too. */
export class Rows<Item> {
  readonly #parent: HTMLElement;
  readonly #make: () => Row<Item>;
  #rows = new Map<string, Row<Item>>();

  constructor(parent: HTMLElement, make: () => Row<Item>) {
    this.#parent = parent;
    this.#make = make;
  }

  /** Shows these items in this order. If two have the same key, only the first one is shown. */
  show(items: readonly Item[], keyOf: (item: Item, index: number) => string): void {
    const rows = new Map<string, Row<Item>>();
    items.forEach((item, index) => {
      const key = keyOf(item, index);
      if (rows.has(key)) return;

      const row = this.#rows.get(key) ?? this.#make();
      row.update(item);
      rows.set(key, row);
    });
    for (const [key, { element }] of this.#rows) if (!rows.has(key)) element.remove();
    this.#rows = rows;
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
