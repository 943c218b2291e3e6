// The media types that assets are stored and served as, each with its extension: the fetcher decides by them, the storage reads them back.
export const OTHER = { mediaType: 'application/octet-stream', extension: 'bin' } as const;

const EXTENSIONS: Readonly<Record<string, string>> = {
  'video/mp4': 'mp4',
  'video/webm': 'webm',
  'video/quicktime': 'mov',
  'video/matroska': 'mkv',
  'video/mpeg': 'mpg',
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'avif',
  'image/apng': 'apng',
  'audio/wav': 'wav',
  'audio/mpeg': 'mp3',
  'audio/mp4': 'm4a',
  'audio/aac': 'aac',
  'audio/ogg': 'ogg',
  'audio/flac': 'flac',
  'text/plain': 'txt',
  'application/json': 'json',
  [OTHER.mediaType]: OTHER.extension,
};
const MEDIA_TYPES = new Map(Object.entries(EXTENSIONS).map(([mediaType, extension]) => [extension, mediaType]));
/** What sniffers and servers call them otherwise. */
const ALIASES: Readonly<Record<string, string>> = {
  'video/x-m4v': 'video/mp4',
  'video/x-matroska': 'video/matroska',
  'audio/vnd.wave': 'audio/wav',
  'audio/wave': 'audio/wav',
  'audio/x-wav': 'audio/wav',
  'audio/x-m4a': 'audio/mp4',
  'audio/x-flac': 'audio/flac',
  'audio/ogg; codecs=opus': 'audio/ogg',
};

/** Everything that an asset can be stored as. */
export const STORED_MEDIA_TYPES: readonly string[] = Object.keys(EXTENSIONS);

/** The type under the one name that is used here, without parameters; null for one that assets are not stored as. */
export function knownMediaType(text: string): string | null {
  const lower = text.trim().toLowerCase();
  const name = ALIASES[lower] ?? (lower.split(';')[0] as string).trim();
  const mediaType = ALIASES[name] ?? name;
  return Object.hasOwn(EXTENSIONS, mediaType) ? mediaType : null;
}

/** Of a type that {@link knownMediaType} gave. */
export function extensionOf(mediaType: string): string {
  return EXTENSIONS[mediaType] ?? OTHER.extension;
}

export function mediaTypeOf(extension: string): string {
  return MEDIA_TYPES.get(extension) ?? OTHER.mediaType;
}
