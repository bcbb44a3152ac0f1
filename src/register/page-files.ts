import { isSource, ownFolder } from '../core/own-folder.ts';

/** A file of the local page, as it is served. */
export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Where the build puts the page. Tests run the source of this file, and serve what was built from the source of the page. */
const folder = () => new URL(isSource() ? '../dist/page/' : 'page/', ownFolder());

/**
 * Reads all files of the page, by the path under which they are served. A path of a request is only looked up here: it never
 * becomes the path of a file.
 */
export async function readPageFiles(): Promise<ReadonlyMap<string, PageFile>> {
  const { readdir, readFile } = process.getBuiltinModule('node:fs/promises');
  const { extname } = process.getBuiltinModule('node:path');
  const from = folder();
  const names = (await readdir(from, { recursive: true })).map(name => name.replaceAll('\\', '/'));
  const files = new Map<string, PageFile>();
  for (const name of names) {
    const type = TYPES[extname(name)];
    if (type !== undefined) files.set(pathOf(name), { type, body: await readFile(new URL(name, from)) });
  }
  return files;
}

function pathOf(name: string): string {
  return name === 'index.html' ? '/' : `/page/${name}`;
}
