// Gives a process the storage of assets and the fetcher that fills it; the API imports it to hand assets out, the orchestrator to keep them.
import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { ASSET_STORAGE, CONFIG, DEPLOYMENT_SECRET, LOGGER, PROVIDERS, type Config, type DeploymentSecret } from '#libs/platform';
import type { Provider } from '#libs/providers';
import { AssetFetcher } from './asset.fetcher.js';
import type { AssetStorage } from './asset-storage.port.js';
import { LocalStorage } from './local/local.storage.js';

async function storageOf(config: Config): Promise<AssetStorage> {
  if (config.assetsS3 === null) return new LocalStorage(config.assetsDir);
  // The client is large: only who uses it loads it.
  const { S3Storage } = await import('./s3/s3.storage.js');
  return new S3Storage(config.assetsS3, config.assetsDir);
}

/** Needs CONFIG, LOGGER, DEPLOYMENT_SECRET and PROVIDERS from global modules; gives ASSET_STORAGE and AssetFetcher. */
@Module({
  providers: [
    {
      provide: ASSET_STORAGE,
      inject: [CONFIG],
      useFactory: storageOf,
    },
    {
      provide: AssetFetcher,
      inject: [ASSET_STORAGE, CONFIG, DEPLOYMENT_SECRET, PROVIDERS, LOGGER],
      useFactory: (
        storage: AssetStorage,
        config: Config,
        secret: DeploymentSecret,
        providers: ReadonlyMap<string, Provider>,
        logger: Logger,
      ): AssetFetcher => new AssetFetcher({ storage, config, secret, providers, logger }),
    },
  ],
  exports: [ASSET_STORAGE, AssetFetcher],
})
export class AssetsModule implements OnApplicationShutdown {
  constructor(@Inject(ASSET_STORAGE) private readonly storage: AssetStorage) {}

  async onApplicationShutdown(): Promise<void> {
    await this.storage.close();
  }
}
