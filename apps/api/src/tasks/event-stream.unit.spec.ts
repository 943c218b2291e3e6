import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { EventStream } from './event-stream.js';

const streamOn = (response: PassThrough): EventStream => new EventStream(response as unknown as ServerResponse, '', () => undefined);

describe('a stream of events', () => {
  it('ends with its client, also with one that had gone before it began, and tells whoever listens for it', async () => {
    const gone = new PassThrough();
    gone.destroy();
    await once(gone, 'close');
    const stillborn = streamOn(gone);
    let left = 0;
    stillborn.onClose(() => (left += 1));
    expect(stillborn.isClosed).toBe(true);
    expect(left).toBe(1);

    const response = new PassThrough();
    const stream = streamOn(response);
    stream.onClose(() => (left += 1));
    expect(stream.isClosed).toBe(false);
    response.destroy();
    await once(response, 'close');
    expect(stream.isClosed).toBe(true);
    expect(left).toBe(2);
  });
});
