/** Where the docs are read. */
export const DOCS = 'https://github.com/connmeter/connmeter/blob/main/docs';
