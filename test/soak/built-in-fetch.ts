// Imported before undici, so that Node's own copy serves `fetch`: the copy that is loaded first does.
export const builtIn = globalThis.Response;
