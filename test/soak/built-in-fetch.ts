// Imported before undici: whichever copy of it is loaded first serves `fetch`, and here that is to be Node's own.
export const builtIn = globalThis.Response;
