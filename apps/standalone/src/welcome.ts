// The lines that `npm start` prints: where it listens, the key if it is new, and what to type next.

export interface Welcome {
  url: string;
  /** A sentence, without a secret. */
  keptIn: string;
  testClock: boolean;
}

/** Printed as soon as the key is made, before anything else can fail: it is kept nowhere. */
export function newKeyLines(key: string): string {
  return `The first administrator's key, shown this once. Paste this line into the terminal that you work in:\n\n  export ROLLCREDITS_API_KEY=${key}\n\n`;
}

export function welcomeLines({ url, keptIn, testClock }: Welcome): string {
  const post = (path: string, body: object): string =>
    `  curl -sS ${url}/v1/${path} -H "Authorization: Bearer $ROLLCREDITS_API_KEY" -H 'Content-Type: application/json' \\\n    -d '${JSON.stringify(body)}'`;
  return [
    `Rollcredits listens on ${url} and is described at ${url}/docs.`,
    `${keptIn}${testClock ? ' The test clock is on.' : ''}`,
    '',
    'Open an account, then ask what a generation would cost it:',
    '',
    post('accounts', { id: 'acme', name: 'Acme Films', plan: 'pro' }),
    post('quotes', { accountId: 'acme', model: 'kling-ai-5s' }),
    '',
    '',
  ].join('\n');
}
