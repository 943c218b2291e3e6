// Copies a vendor's asset into the storage before its URL expires, under a name that its content decides. Called by the orchestrator's asset keeper.
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Config, DeploymentSecret } from '#libs/platform';
import type { Provider, ProviderContent } from '#libs/providers';
import { assetIdOf, assetUrl } from './asset-name.js';
import type { AssetContent, AssetStorage } from './asset-storage.port.js';
import { AddressGuard } from './fetch/address.guard.js';
import { openHttp, type Resolve } from './fetch/http.source.js';
import { MediaProbe, UNMEASURED, type Measures } from './fetch/media.probe.js';
import { NotKept } from './fetch/not-kept.js';
import { spool } from './fetch/spooled-file.js';
import { extensionOf, knownMediaType, OTHER } from './media-types.js';
import { sniffedType } from './sniffed-type.js';
import type { AssetHints, AssetKeeping, KeptAsset, StoredAsset } from './stored-asset.js';

export interface AssetFetcherParts {
  storage: AssetStorage;
  secret: DeploymentSecret;
  config: Pick<Config, 'publicUrl' | 'assetsAllowHosts' | 'assetBytesMax' | 'assetTimeoutMs'>;
  /** Some have their assets themselves. */
  providers: ReadonlyMap<string, Pick<Provider, 'contentOf'>>;
  logger: Logger;
  probe?: MediaProbe;
  resolve?: Resolve;
}

interface Found extends Measures {
  content: AssetContent;
  bytes: number;
  sha256: string;
  mediaType: string;
}

export class AssetFetcher implements AssetKeeping {
  readonly #guard: AddressGuard;
  readonly #probe: MediaProbe;

  constructor(private readonly parts: AssetFetcherParts) {
    this.#guard = new AddressGuard(parts.config.assetsAllowHosts);
    this.#probe = parts.probe ?? new MediaProbe();
  }

  async keep(tenant: string, sourceUrl: string, hints: AssetHints = {}): Promise<KeptAsset> {
    try {
      const own = this.#ownContent(sourceUrl);
      const found = own === null ? await this.#fetched(sourceUrl, hints) : this.#given(own);
      return { kept: true, asset: await this.#put(tenant, found) };
    } catch (error) {
      if (error instanceof NotKept) return { kept: false, failure: error.failure };
      throw error;
    }
  }

  #ownContent(sourceUrl: string): ProviderContent | null {
    if (!URL.canParse(sourceUrl)) return null;
    const url = new URL(sourceUrl);
    for (const provider of this.parts.providers.values()) {
      const content = provider.contentOf?.(url) ?? null;
      if (content !== null) return content;
    }
    return null;
  }

  /** What its maker knows of it need not be measured. */
  #given({ bytes: content, mediaType, durationSeconds, width, height }: ProviderContent): Found {
    if (content.length === 0) throw new NotKept('empty', 'the asset has no content');
    const { assetBytesMax } = this.parts.config;
    if (content.length > assetBytesMax) throw new NotKept('too_large', `the asset has more than ${assetBytesMax} bytes`);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const known = knownMediaType(mediaType) ?? OTHER.mediaType;
    return { content: { bytes: content }, bytes: content.length, sha256, mediaType: known, durationSeconds, width, height };
  }

  async #fetched(sourceUrl: string, hints: AssetHints): Promise<Found> {
    const timeout = AbortSignal.timeout(this.parts.config.assetTimeoutMs);
    const signal = hints.signal === undefined ? timeout : AbortSignal.any([timeout, hints.signal]);
    try {
      return await this.#copied(sourceUrl, hints, signal);
    } catch (error) {
      // Whatever broke off because the time was over is told as that.
      const isLate = signal.aborted && error instanceof NotKept && error.code === 'source_unavailable';
      throw isLate ? new NotKept('timed_out', 'the asset was not whole in time') : error;
    }
  }

  async #copied(sourceUrl: string, hints: AssetHints, signal: AbortSignal): Promise<Found> {
    const { assetBytesMax } = this.parts.config;
    const answer = await openHttp(sourceUrl, { guard: this.#guard, resolve: this.parts.resolve }, signal);
    const announced = Number(answer.headers['content-length'] ?? 0);
    if (announced > assetBytesMax) {
      answer.on('error', () => undefined).destroy();
      throw new NotKept('too_large', `the asset has ${announced} bytes, more than ${assetBytesMax}`);
    }
    const dir = await this.#stored(() => this.parts.storage.staging());
    const { path, bytes, sha256, head } = await spool(arriving(answer), dir, assetBytesMax);
    try {
      if (bytes === 0) throw new NotKept('empty', 'the asset has no content');
      const mediaType = await sniffedType(head, [answer.headers['content-type'], hints.mediaType]);
      const measures = await this.#probe.measure(path, mediaType, signal).catch(() => UNMEASURED);
      return { content: { path }, bytes, sha256, mediaType, ...measures };
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  async #put(tenant: string, found: Found): Promise<StoredAsset> {
    const { content, bytes, sha256, mediaType, durationSeconds, width, height } = found;
    const id = assetIdOf(this.parts.secret, tenant, sha256);
    const name = `${id}.${extensionOf(mediaType)}`;
    await this.#stored(() => this.parts.storage.put(name, content, { bytes, mediaType, sha256 }));
    return { id, name, url: assetUrl(this.parts.config.publicUrl, name), sha256, bytes, mediaType, durationSeconds, width, height };
  }

  async #stored<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      this.parts.logger.warn({ err: error }, 'the storage of assets refused');
      const { code, name } = error as NodeJS.ErrnoException;
      throw new NotKept('storage_unavailable', `the storage of assets did not take it: ${code ?? name}`);
    }
  }
}

/** A connection that breaks off is the vendor's failing, in the words of failures. */
async function* arriving(answer: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* answer;
  } catch (error) {
    throw new NotKept('source_unavailable', `the vendor broke off: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`);
  }
}
