import http from 'node:http';

/** Sends a request, and reads the body of the response to the end, so that the connection can be used again. */
export function get(url: string, agent: http.Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    http.get(url, { agent }, response => response.resume().on('end', resolve).on('error', reject)).on('error', reject);
  });
}
