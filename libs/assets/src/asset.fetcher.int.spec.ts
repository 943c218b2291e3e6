import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile, chmod, mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { DeploymentSecret } from '#libs/platform';
import type { ProviderContent } from '#libs/providers';
import { hasProgram, NO_FFPROBE } from '../../../test/support/programs.js';
import { AssetFetcher, type AssetFetcherParts } from './asset.fetcher.js';
import { MediaProbe } from './fetch/media.probe.js';
import { LocalStorage } from './local/local.storage.js';
import type { AssetFailure, StoredAsset } from './stored-asset.js';
import { contentOf } from './testing/storage.contract.js';

/** The smallest picture there is: what sniffing sees is its first bytes. */
const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
const answers = new Map<string, Answer>();
let server: Server;
let origin: string;
let dir: string;
let storage: LocalStorage;

beforeAll(async () => {
  server = createServer((request, response) => {
    const answer = answers.get((request.url ?? '').split('?')[0] as string);
    if (answer === undefined) response.writeHead(404).end();
    else answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(async () => {
  answers.clear();
  dir = await mkdtemp(join(tmpdir(), 'rollcredits-fetcher-'));
  storage = new LocalStorage(dir);
});
afterEach(async () => {
  // Whatever became of an asset: nothing half is left.
  expect(await readdir(join(dir, 'incoming')).catch(() => [])).toEqual([]);
  await rm(dir, { recursive: true, force: true });
});

interface Settings {
  allow?: string[];
  bytesMax?: number;
  timeoutMs?: number;
  publicUrl?: string;
  more?: Partial<AssetFetcherParts>;
}

function fetcher({ allow = ['127.0.0.1'], bytesMax = 1_000_000, timeoutMs = 30_000, publicUrl, more = {} }: Settings = {}): AssetFetcher {
  return new AssetFetcher({
    storage,
    secret: new DeploymentSecret(Buffer.alloc(32, 1)),
    config: { publicUrl: publicUrl ?? null, assetsAllowHosts: allow, assetBytesMax: bytesMax, assetTimeoutMs: timeoutMs },
    providers: new Map(),
    logger: pino({ level: 'silent' }),
    probe: new MediaProbe('no-such-program'),
    ...more,
  });
}

async function kept(path: string, settings?: Settings, tenant = 'acme'): Promise<StoredAsset> {
  const outcome = await fetcher(settings).keep(tenant, path.startsWith('/') ? origin + path : path);
  if (!outcome.kept) throw new Error(outcome.failure.detail);
  return outcome.asset;
}

async function refused(url: string, settings?: Settings, hints?: { signal: AbortSignal }): Promise<AssetFailure> {
  const outcome = await fetcher(settings).keep('acme', url.startsWith('/') ? origin + url : url, hints);
  if (outcome.kept) throw new Error('it was kept');
  return outcome.failure;
}

const serve = (path: string, bytes: Buffer, headers: Record<string, string> = {}): void => {
  answers.set(path, (_, response) => response.writeHead(200, { 'Content-Length': String(bytes.length), ...headers }).end(bytes));
};

describe('an asset that is kept', () => {
  it('is stored under a name that its content and its tenant decide, and that is no checksum', async () => {
    serve('/a.gif', GIF);
    serve('/b', GIF);
    const asset = await kept('/a.gif?signature=secret');
    expect(asset).toMatchObject({ sha256: sha256(GIF), bytes: GIF.length, mediaType: 'image/gif' });
    expect(asset.id).toMatch(/^[0-9a-f]{64}$/);
    expect(asset.id).not.toBe(asset.sha256);
    expect(asset.name).toBe(`${asset.id}.gif`);
    expect(asset.url).toBe(`/v1/assets/${asset.name}`);
    expect((await contentOf(await storage.open(asset.name)))?.equals(GIF)).toBe(true);
    expect(await kept('/b')).toEqual(asset);
    expect((await kept('/b', {}, 'other')).id).not.toBe(asset.id);
    expect((await kept('/b', { publicUrl: 'https://credits.example/x' })).url).toBe(`https://credits.example/x/v1/assets/${asset.name}`);
  });

  it('is what its first bytes say, whatever its server says', async () => {
    serve('/a', GIF, { 'Content-Type': 'text/html' });
    serve('/b', Buffer.from('<script>alert(1)</script>'), { 'Content-Type': 'video/mp4' });
    serve('/c', Buffer.from('<script>alert(1)</script>'), { 'Content-Type': 'text/html' });
    serve('/d', Buffer.from('Grüße\n'), { 'Content-Type': 'text/plain; charset=utf-8' });
    serve('/e', Buffer.from([0, 1, 2, 0xff]), { 'Content-Type': 'text/plain' });
    expect((await kept('/a')).mediaType).toBe('image/gif');
    expect(await kept('/b')).toMatchObject({ mediaType: 'application/octet-stream', durationSeconds: null, width: null, height: null });
    expect((await kept('/b')).name).toMatch(/\.bin$/);
    expect((await kept('/c')).mediaType).toBe('application/octet-stream');
    expect((await kept('/d')).mediaType).toBe('text/plain');
    expect((await kept('/e')).mediaType).toBe('application/octet-stream');
  });

  it('may be announced by the vendor where the server says nothing', async () => {
    serve('/plain', Buffer.from('hello'));
    const outcome = await fetcher().keep('acme', `${origin}/plain`, { mediaType: 'text/plain' });
    expect(outcome).toMatchObject({ kept: true, asset: { mediaType: 'text/plain' } });
  });

  it('is found at the end of redirects', async () => {
    serve('/end', GIF);
    answers.set('/start', (_, response) => response.writeHead(302, { Location: '/middle?x=1' }).end());
    answers.set('/middle', (_, response) => response.writeHead(307, { Location: `${origin}/end` }).end('ignored'));
    expect((await kept('/start')).bytes).toBe(GIF.length);
  });

  it('comes from its maker itself where the maker has it', async () => {
    const content: ProviderContent = { bytes: GIF, mediaType: 'image/gif', durationSeconds: null, width: 1, height: 1 };
    const providers = new Map([
      ['plain', {}],
      ['own', { contentOf: (url: URL) => (url.host === 'own.example' ? content : null) }],
    ]);
    const asset = await kept('https://own.example/1', { more: { providers } });
    expect(asset).toMatchObject({ mediaType: 'image/gif', width: 1, height: 1, sha256: sha256(GIF) });
    expect(await refused('https://own.example/1', { bytesMax: 10, more: { providers } })).toMatchObject({ code: 'too_large' });
  });

  it('is stored once, however many ask for it at once', async () => {
    serve('/a.gif', GIF);
    const assets = await Promise.all(Array.from({ length: 10 }, () => kept('/a.gif')));
    expect(new Set(assets.map((asset) => asset.name)).size).toBe(1);
  });
});

describe('an asset that is not kept', () => {
  it.each([
    ['404', 'source_gone', false],
    ['410', 'source_gone', false],
    ['403', 'source_refused', false],
    ['401', 'source_refused', false],
    ['304', 'source_refused', false],
    ['408', 'source_unavailable', true],
    ['429', 'source_unavailable', true],
    ['500', 'source_unavailable', true],
    ['503', 'source_unavailable', true],
  ])('after status %s is %s', async (status, code, retryable) => {
    answers.set('/x', (_, response) => response.writeHead(Number(status)).end());
    const failure = await refused('/x?signature=secret');
    expect(failure).toMatchObject({ code, retryable });
    expect(failure.detail).not.toContain('secret');
  });

  it.each(['ftp://127.0.0.1/a', 'file:///etc/passwd', 'data:text/plain,x', 'not a url', 'http://user:pass@127.0.0.1/'])(
    'has no URL to follow: %s',
    async (url) => expect(await refused(url)).toMatchObject({ code: 'url_invalid', retryable: false }),
  );

  it('is too large by its announcement, or by what comes', async () => {
    serve('/announced', Buffer.alloc(2_000));
    answers.set('/unannounced', (_, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (response.write(Buffer.alloc(65_536)) && !response.destroyed);
        response.once('drain', more);
      };
      more();
    });
    expect(await refused('/announced', { bytesMax: 1_999 })).toMatchObject({ code: 'too_large', retryable: false });
    expect(await refused('/unannounced', { bytesMax: 500_000 })).toMatchObject({ code: 'too_large', retryable: false });
    expect((await kept('/announced', { bytesMax: 2_000 })).bytes).toBe(2_000);
  });

  it('is empty', async () => {
    serve('/empty', Buffer.alloc(0));
    expect(await refused('/empty')).toMatchObject({ code: 'empty', retryable: false });
  });

  it('broke off before it was whole', async () => {
    answers.set('/half', (_, response) => {
      response.writeHead(200, { 'Content-Length': '1000' });
      response.write(GIF, () => response.destroy());
    });
    expect(await refused('/half')).toMatchObject({ code: 'source_unavailable', retryable: true });
  });

  it('came encoded though nobody asked for that', async () => {
    serve('/zipped', GIF, { 'Content-Encoding': 'gzip' });
    expect(await refused('/zipped')).toMatchObject({ code: 'source_refused' });
  });

  it('was late: before the answer, within it, or because the caller had no more time', async () => {
    answers.set('/silent', () => undefined);
    answers.set('/slow', (_, response) => void response.writeHead(200).write(GIF));
    expect(await refused('/silent', { timeoutMs: 200 })).toMatchObject({ code: 'timed_out', retryable: true });
    expect(await refused('/slow', { timeoutMs: 200 })).toMatchObject({ code: 'timed_out', retryable: true });
    expect(await refused('/slow', {}, { signal: AbortSignal.timeout(200) })).toMatchObject({ code: 'timed_out' });
    expect(await refused('/slow', {}, { signal: AbortSignal.abort() })).toMatchObject({ code: 'timed_out' });
  });

  it('redirects for ever, or to nowhere', async () => {
    answers.set('/loop', (_, response) => response.writeHead(302, { Location: '/loop' }).end());
    answers.set('/nowhere', (_, response) => response.writeHead(302).end());
    answers.set('/file', (_, response) => response.writeHead(302, { Location: 'file:///etc/passwd' }).end());
    expect(await refused('/loop')).toMatchObject({ code: 'too_many_redirects', retryable: false });
    expect(await refused('/nowhere')).toMatchObject({ code: 'source_refused' });
    expect(await refused('/file')).toMatchObject({ code: 'url_invalid' });
  });

  it('finds nobody', async () => {
    expect(await refused('http://127.0.0.1:1/a')).toMatchObject({ code: 'source_unavailable', retryable: true });
    const resolve: AssetFetcherParts['resolve'] = (_name, _options, callback) =>
      callback(Object.assign(new Error('nobody has this name'), { code: 'ENOTFOUND' }), []);
    expect(await refused('http://nowhere.invalid/a', { more: { resolve } })).toMatchObject({ code: 'source_unavailable', retryable: true });
  });

  it('found a storage that refuses', async () => {
    serve('/a.gif', GIF);
    await rm(dir, { recursive: true });
    await writeFile(dir, 'no directory');
    expect(await refused('/a.gif')).toMatchObject({ code: 'storage_unavailable', retryable: true });
    await rm(dir);
    await mkdir(dir);
  });
});

describe('addresses that are not public', () => {
  const port = (): string => origin.split(':').at(-1) as string;

  it.each([
    'http://127.0.0.1',
    'http://127.1',
    'http://2130706433',
    'http://0x7f000001',
    'http://0177.0.0.1',
    'http://[::1]',
    'http://[::ffff:127.0.0.1]',
    'http://[::ffff:7f00:1]',
    'http://0.0.0.0',
    'http://[::]',
    'http://localhost',
    'HTTP://LocalHost',
  ])('are not asked: %s', async (host) => {
    let asked = 0;
    answers.set('/a.gif', (_, response) => {
      asked += 1;
      response.end(GIF);
    });
    expect(await refused(`${host}:${port()}/a.gif`, { allow: [] })).toMatchObject({ code: 'address_forbidden', retryable: false });
    expect(asked).toBe(0);
  });

  it('are not reached through a redirect either', async () => {
    answers.set('/start', (_, response) => response.writeHead(302, { Location: `http://localhost:${port()}/a.gif` }).end());
    answers.set('/metadata', (_, response) => response.writeHead(302, { Location: 'http://169.254.169.254/latest/meta-data/' }).end());
    serve('/a.gif', GIF);
    const resolve: AssetFetcherParts['resolve'] = (_name, _options, callback) => callback(null, [{ address: '127.0.0.2', family: 4 }]);
    expect(await refused('/start', { more: { resolve } })).toMatchObject({ code: 'address_forbidden' });
    expect(await refused('/metadata')).toMatchObject({ code: 'address_forbidden' });
  });

  it('are asked where their host or their network is listed', async () => {
    serve('/a.gif', GIF);
    expect((await kept(`http://localhost:${port()}/a.gif`, { allow: ['localhost'] })).mediaType).toBe('image/gif');
    expect((await kept('/a.gif', { allow: ['127.0.0.0/8'] })).mediaType).toBe('image/gif');
    expect(await refused('/a.gif', { allow: ['localhost'] })).toMatchObject({ code: 'address_forbidden' });
  });

  it('are judged by the very answer that is connected to, each time anew', async () => {
    serve('/a.gif', GIF);
    answers.set('/start', (_, response) => response.writeHead(302, { Location: `http://rebound.example:${port()}/a.gif` }).end());
    const given = [['127.0.0.1'], ['10.0.0.1'], ['10.0.0.1', '127.0.0.1'], []];
    let asked = 0;
    const resolve: AssetFetcherParts['resolve'] = (_name, _options, callback) => {
      const addresses = given[asked] ?? [];
      asked += 1;
      callback(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      );
    };
    const one = { more: { resolve } };
    // First an address that is listed, and at the redirect to the same name one that is not.
    expect(await refused(`http://rebound.example:${port()}/start`, one)).toMatchObject({ code: 'address_forbidden' });
    expect(asked).toBe(2);
    // Of several, the one that is listed.
    expect((await kept(`http://rebound.example:${port()}/a.gif`, one)).mediaType).toBe('image/gif');
    expect(await refused(`http://rebound.example:${port()}/a.gif`, one)).toMatchObject({ code: 'address_forbidden' });
  });
});

describe('what is measured', () => {
  it('is nothing where there is no ffprobe', async () => {
    serve('/a.gif', GIF);
    expect(await kept('/a.gif')).toMatchObject({ mediaType: 'image/gif', durationSeconds: null, width: null, height: null });
  });

  it('is nothing where ffprobe fails, answers nonsense or is stopped', async () => {
    serve('/a.gif', GIF);
    const program = join(dir, 'ffprobe');
    for (const script of ['exit 1', 'echo nonsense', 'kill -9 $$']) {
      await writeFile(program, `#!/bin/sh\n${script}\n`);
      await chmod(program, 0o755);
      const asset = await kept('/a.gif', { more: { probe: new MediaProbe(program) } });
      expect(asset).toMatchObject({ durationSeconds: null, width: null, height: null });
    }
  });

  const measured = hasProgram('ffprobe') && hasProgram('ffmpeg') ? it : it.skip;

  measured(`is how long it lasts and how large it is${hasProgram('ffprobe') ? '' : ` (${NO_FFPROBE})`}`, async () => {
    const made = (name: string, ...parameters: string[]): Promise<StoredAsset> => {
      const path = join(dir, name);
      execFileSync('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', ...parameters, path]);
      answers.set(`/${name}`, (_, response) => response.end(execFileSync('cat', [path])));
      return kept(`/${name}`, { more: { probe: new MediaProbe() } });
    };
    const test = (seconds: string, size = '64x48'): string => `testsrc=duration=${seconds}:size=${size}:rate=8`;
    expect(await made('a.webm', '-i', test('1.5'), '-c:v', 'libvpx')).toMatchObject({
      mediaType: 'video/webm',
      durationSeconds: '1.5',
      width: 64,
      height: 48,
    });
    expect(await made('a.mov', '-i', test('0.25'))).toMatchObject({ mediaType: 'video/quicktime', durationSeconds: '0.25', width: 64 });
    expect(await made('a.png', '-i', test('1'), '-frames:v', '1')).toMatchObject({
      mediaType: 'image/png',
      durationSeconds: null,
      height: 48,
    });
    expect(await made('a.jpg', '-i', test('1'), '-frames:v', '1')).toMatchObject({
      mediaType: 'image/jpeg',
      durationSeconds: null,
      height: 48,
    });
    expect(await made('a.webp', '-i', test('1'), '-frames:v', '1')).toMatchObject({ mediaType: 'image/webp', width: 64 });
    expect(await made('a.wav', '-i', 'sine=duration=0.5')).toMatchObject({ mediaType: 'audio/wav', durationSeconds: '0.5', width: null });
    expect(await made('a.mp3', '-i', 'sine=duration=1')).toMatchObject({ mediaType: 'audio/mpeg', width: null });
    expect(await made('a.ogg', '-i', 'sine=duration=1')).toMatchObject({ mediaType: 'audio/ogg', width: null });
    expect(await made('a.flac', '-i', 'sine=duration=1')).toMatchObject({ mediaType: 'audio/flac', durationSeconds: '1' });
  });

  measured('never leads anywhere else: a playlist or a reference to other files is not followed', async () => {
    await writeFile(join(dir, 'secret.wav'), 'x');
    const playlist = `ffconcat version 1.0\nfile '${join(dir, 'secret.wav')}'\n`;
    serve('/list', Buffer.from(playlist), { 'Content-Type': 'audio/wav' });
    expect(await kept('/list')).toMatchObject({ mediaType: 'application/octet-stream', durationSeconds: null });
    await writeFile(join(dir, 'list'), playlist);
    expect(await new MediaProbe().measure(join(dir, 'list'), 'video/mp4')).toEqual({ durationSeconds: null, width: null, height: null });
  });
});
