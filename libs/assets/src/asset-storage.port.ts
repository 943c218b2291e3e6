// Where assets are kept: what the fetcher, which puts them there, and the API, which hands them out, ask of a directory or an object store.
import type { Readable } from 'node:stream';

/** Names are `<id>.<extension>` (see asset-name.ts): nothing else is ever asked for, so a name is safe as a file name and as an object key. */
export interface AssetFacts {
  bytes: number;
  mediaType: string;
}

/** Bytes first…last, both included, as HTTP counts them. */
export interface ByteRange {
  first: number;
  last: number;
}

/** A file is taken over: it may be gone afterwards, whatever becomes of the put. */
export type AssetContent = { path: string } | { bytes: Buffer };

export interface AssetMeta extends AssetFacts {
  /** Hex. */
  sha256: string;
}

export interface AssetStorage {
  /** The directory where a file that is to be put is best written first; it exists once this resolves. */
  staging(): Promise<string>;
  /** Null: there is none of this name. */
  find(name: string): Promise<AssetFacts | null>;
  /** Whole and durable once it resolves; never seen half. Of a name that is there already, nothing changes: a name says what its content is. */
  put(name: string, content: AssetContent, meta: AssetMeta): Promise<void>;
  /** Null: there is none of this name. A range lies within the asset. */
  open(name: string, range?: ByteRange): Promise<Readable | null>;
  close(): Promise<void>;
}
