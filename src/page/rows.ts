/** One row of a list or a table. */
export interface Row<Item> {
  readonly element: HTMLElement;
  update(item: Item): void;
}

/** How much is drawn at once: layout takes most of the time, and a new row takes longer than one that changes. */
const EFFORT_PER_FRAME = 100;
const EFFORT_OF_NEW = 4;

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
   * Shows these items in this order. If two have the same key, only the first one is shown. It draws some rows at a time: the caller
   * goes on in the next frame.
   */
  *show(items: readonly Item[], keyOf: (item: Item, index: number) => string): Generator<void> {
    const rows = new Map<string, Row<Item>>();
    let effort = 0;
    for (const [index, item] of items.entries()) {
      const key = keyOf(item, index);
      if (rows.has(key)) continue;

      const known = this.#rows.get(key);
      const row = known ?? this.#make();
      row.update(item);
      rows.set(key, row);
      effort += known === undefined ? EFFORT_OF_NEW : 1;
      if (effort >= EFFORT_PER_FRAME) {
        effort = 0;
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
