// 1 HTTP in · the limits of a request's members that the configuration decides; set once at start, read by the rules.

export interface RequestLimits {
  promptCharactersMax: number;
  metadataKeysMax: number;
  metadataCharactersMax: number;
}

/** The defaults stand in the OpenAPI document; `createApi` writes the configured values over them before the first request. */
export const requestLimits: RequestLimits = { promptCharactersMax: 20_000, metadataKeysMax: 50, metadataCharactersMax: 500 };
