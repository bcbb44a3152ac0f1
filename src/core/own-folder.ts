// `import.meta` is read only when it is needed: in Node 22 and 24, the first look at it loads a part of Node.

/** The URL of the folder with the code of connmeter: `src/`, or `dist/`. The build puts all modules directly into it. */
export function ownFolder(): URL {
  return new URL(isSource() ? '..' : '.', import.meta.url);
}

/** The URL of an entry point. */
export function ownFile(name: string): URL {
  return new URL(`${name}${isSource() ? '.ts' : '.js'}`, ownFolder());
}

/** Tests run the source. */
export function isSource(): boolean {
  return import.meta.url.endsWith('.ts');
}
