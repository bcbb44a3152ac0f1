import type { Overview } from '../explain/overview.ts';

/** In milliseconds, as below. */
const INTERVAL = 2_000;
/** The server gives up after 8 s. */
const TIMEOUT = 10_000;

/** The version of the data that this page understands. */
const VERSION: Overview['version'] = 1;

/** Asks for the data every 2 s while the tab is visible, and once as soon as it becomes visible. */
export class Polling {
  readonly #onData: (overview: Overview) => void;
  readonly #onTrouble: (what: string) => void;
  #timer: number | undefined;
  #isAsking = false;

  constructor(onData: (overview: Overview) => void, onTrouble: (what: string) => void) {
    this.#onData = onData;
    this.#onTrouble = onTrouble;
  }

  start(): void {
    document.addEventListener('visibilitychange', () => void this.#ask());
    void this.#ask();
  }

  async #ask(): Promise<void> {
    if (this.#isAsking || document.hidden) return;

    this.#isAsking = true;
    clearTimeout(this.#timer);
    const result = await read();
    this.#isAsking = false;
    this.#timer = setTimeout(() => void this.#ask(), INTERVAL);
    if (typeof result === 'string') this.#onTrouble(result);
    else this.#onData(result);
  }
}

/** The data, or why there is none. */
async function read(): Promise<Overview | string> {
  let response: Response;
  try {
    response = await fetch('connmeter.json', { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT) });
  } catch {
    return 'The process does not answer. It may have ended, or it may be too busy.';
  }
  if (!response.ok) return `The process answers with status ${response.status}.`;

  try {
    const overview = (await response.json()) as Overview;
    return overview.version === VERSION ? overview : 'The data has another version than this page: reload the page.';
  } catch {
    return 'The answer of the process is incomplete.';
  }
}
