import type { Guard } from '../core/guard.ts';
import type { Overview } from '../explain/overview.ts';
import { OverviewJson } from './overview-json.ts';
import { type PageFile, readPageFiles } from './page-files.ts';

export const OVERVIEW_PATH = '/connmeter.json';

type Headers = Readonly<Record<string, string>>;

/** For all responses. Other pages, also those of other ports of this host, must not read or embed them. */
const COMMON: Headers = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
};
const JSON_HEADERS: Headers = { ...COMMON, 'content-type': 'application/json; charset=utf-8' };
/** The page consists of our files and of data that is shown as text. Nothing else is loaded, run or sent. */
const FILE_HEADERS: Headers = {
  ...COMMON,
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
};

/** Something that is served under one path. */
export interface Resource {
  readonly headers: Headers;
  /** Undefined if it is not known without making it. */
  readonly length: number | undefined;
  read(): Promise<Buffer>;
}

/** The local page and its data. This module is loaded, and the files are read, when somebody asks for them. */
export class LocalPage {
  readonly #json: OverviewJson;
  readonly #onFault: (error: unknown) => void;
  #files: Promise<ReadonlyMap<string, PageFile>> | undefined;

  constructor(overview: () => Promise<Overview>, guard: Guard) {
    this.#onFault = guard('serve the local page', error => {
      throw error;
    });
    this.#json = new OverviewJson(overview, this.#onFault);
  }

  /** What is served under this path; undefined if nothing is. */
  async find(path: string): Promise<Resource | undefined> {
    if (path === OVERVIEW_PATH) return { headers: JSON_HEADERS, length: undefined, read: () => this.#json.read() };

    this.#files ??= this.#readFiles();
    const file = (await this.#files).get(path);
    if (file === undefined) return undefined;

    const { type, body } = file;
    return { headers: { ...FILE_HEADERS, 'content-type': type }, length: body.length, read: async () => body };
  }

  async #readFiles(): Promise<ReadonlyMap<string, PageFile>> {
    try {
      return await readPageFiles();
    } catch (error) {
      this.#files = undefined; // the next request tries again
      this.#onFault(error);
      throw error;
    }
  }
}
