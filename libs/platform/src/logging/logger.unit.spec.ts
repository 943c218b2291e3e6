import { describe, expect, it } from '@jest/globals';
import { createLogger, inLogScope } from '#libs/platform';

function capture(adminApiKey: string | null = null) {
  const lines: string[] = [];
  const logger = createLogger(
    { logLevel: 'info', adminApiKey },
    { process: 'api', destination: { write: (line: string) => void lines.push(line) } },
  );
  return { logger, lines };
}

describe('the log', () => {
  it('is one JSON object a line, with the level by name and the process', () => {
    const { logger, lines } = capture();
    logger.info({ n: 1 }, 'hello');
    logger.debug('not shown');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      process: 'api',
      n: 1,
      msg: 'hello',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
    });
  });

  it('carries the ids of the request that caused a line, across awaits, and of no other', async () => {
    const { logger, lines } = capture();
    const work = async (requestId: string): Promise<void> =>
      inLogScope({ requestId, correlationId: requestId, causationId: null }, async () => {
        await new Promise((resolve) => setImmediate(resolve));
        logger.info('done');
      });
    await Promise.all([work('r1'), work('r2')]);
    logger.info('outside');
    const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(parsed.map((line) => line['requestId'])).toEqual(['r1', 'r2', undefined]);
    expect(parsed[0]).toMatchObject({ correlationId: 'r1', causationId: null });
  });

  it('never shows a key, wherever it hides', () => {
    const { logger, lines } = capture('the "admin" key of this house');
    const key = 'rc_5f3c0a1b2c3d4e5f';
    logger.info({ headers: { authorization: `Bearer ${key}` }, key, body: { apiKey: key } }, `made ${key}`);
    logger.error({ err: new Error(`connect postgres://rc:hunter2secret@h/db with Bearer sometoken123`) }, 'failed');
    logger.info({ note: 'the "admin" key of this house' }, 'x');
    const text = lines.join('');
    for (const secret of [key, 'hunter2secret', 'sometoken123', 'of this house']) expect(text).not.toContain(secret);
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
  });

  it('says what an error says, and nothing of the connection that hangs on it', () => {
    const { logger, lines } = capture();
    const error = Object.assign(new Error('cut off', { cause: new Error('the network') }), { code: '57P01', client: { user: 'someone' } });
    logger.warn({ err: error }, 'failed');
    const line = JSON.parse(lines[0] ?? '') as { err: object };
    expect(line.err).toMatchObject({ message: 'cut off', code: '57P01', cause: { message: 'the network' } });
    expect(line.err).not.toHaveProperty('client');
  });
});
