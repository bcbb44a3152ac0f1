/** The supported versions of Node.js, as in package.json. Older ones do not publish the sockets of TLS connections. */
export const SUPPORTED_NODE = '^22.19.0 || >=24.2.0';

/** Whether a version of Node.js, as in `process.versions.node`, is supported. */
export function isSupportedNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return (major === 22 && minor >= 19) || (major === 24 && minor >= 2) || major > 24;
}
